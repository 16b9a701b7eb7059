"""Every published network on a GPU against the CPU, in either runtime, with seeded weights.

Whole sequences on a GPU are in ``test_viton_hd.py`` and ``test_hr_viton.py``.
"""

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from services.densepose import detectron2_engine as densepose
from services.kit.runtimes import sessions
from services.kit.weights.manifest import get_manifest
from services.kit.weights.published_networks import Network
from tests.conftest import forget_settings
from tests.parity import stored

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import export, loading, seeded  # noqa: E402 - they import PyTorch
from networks.conversion_spec import ConversionSpec  # noqa: E402
from tests.parity import runtimes, test_densepose  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(900)]

NETWORKS: Final = [network for network in get_manifest().networks if network.module]
EQUAL: Final = 0.995
"""Of the pixels that must have the same class: at ties either may win."""
Feeds = dict[str, NDArray[Any]]


def drawn(network: Network, described: ConversionSpec) -> tuple[Mapping[str, Any], Feeds]:
    """Give a state and inputs; to DensePose such as let it find someone."""
    state = seeded.seeded_weights(described)
    if network.name == "srgan_x4":
        # Or every value would be at an end of the tanh, where the least difference shows.
        state["block8.2.weight"] *= 0.002
    if network.service == "densepose":
        photo = densepose.scale_to_sides(
            test_densepose.photo(), test_densepose.SHORTEST, densepose.LONGEST_SIDE_PX
        )
        size = np.array(photo.shape[1::-1], np.float32)
        person = np.concatenate((np.zeros(2, np.float32), size))[None]
        given = (densepose.network_input(photo), size, person)
    else:
        given = tuple(value.numpy() for value in described.example(*described.size))
    return state, dict(zip(described.inputs, given, strict=True))


EACH: Final = pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)


def alike(
    described: ConversionSpec, given: Sequence[NDArray[Any]], expected: Sequence[NDArray[Any]]
) -> None:
    """Fail where answers differ by more than runtimes may."""
    for name, ours, theirs in zip(described.outputs, given, expected, strict=True):
        span = np.ptp(theirs) if theirs.size > 1 else np.abs(theirs).max()
        assert span > 0, name
        assert np.abs(ours - theirs).max() < stored.RUNTIMES * span, name
        if name in described.classes:
            assert (ours.argmax(1) == theirs.argmax(1)).mean() > EQUAL, name


@runtimes.ON_A_GPU
@EACH
def test_a_gpu_answers_as_the_cpu_does(network: Network) -> None:
    described: ConversionSpec = importlib.import_module(str(network.module)).SPEC
    state, feeds = drawn(network, described)
    expected, given = (
        runtimes.in_torch(described, state, device).run(None, feeds) for device in ("cpu", "cuda")
    )
    alike(described, given, expected)


@runtimes.ONNX_ON_A_GPU
@EACH
def test_onnx_runtime_answers_on_a_gpu_as_on_the_cpu(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: ConversionSpec = importlib.import_module(str(network.module)).SPEC
    state, feeds = drawn(network, described)
    built = described.build()
    loading.load_strictly(built, state, network.title)
    file = tmp_path / network.file
    export.to_onnx(described, built, file)
    answers = []
    for provider in ("cpu", "cuda"):
        monkeypatch.setenv("TRYON_ONNX_PROVIDER", provider)
        forget_settings()
        answers.append(sessions.onnx_session(file).run(list(described.outputs), feeds))
    alike(described, answers[1], answers[0])
