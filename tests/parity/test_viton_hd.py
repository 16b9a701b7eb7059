"""VITON-HD's networks and its whole test-time sequence against what the original gave.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for 1024 x 768.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import export, loading, seeded  # noqa: E402 - they import PyTorch
from networks.published import Published  # noqa: E402
from networks.viton_hd import alias, gmm, seg  # noqa: E402
from services.kit.settings import get_settings  # noqa: E402
from services.viton import published, viton_hd  # noqa: E402
from services.viton.service import ENGINES  # noqa: E402
from services.viton.viton_hd import Given  # noqa: E402
from tests.parity import runtimes, stored  # noqa: E402
from tests.parity.drawn_request import request  # noqa: E402
from tests.parity.try_on_inputs import FULL, SMALL, network_inputs, sequence_noise  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(1800)]

PUBLISHED: Final[Mapping[str, Published]] = {
    "seg": seg.PUBLISHED,
    "gmm": gmm.PUBLISHED,
    "alias": alias.PUBLISHED,
}
NETWORKS: Final = tuple(PUBLISHED)
SIZE: Final = FULL if os.environ.get("TRYON_PARITY_FULL") == "1" else SMALL
GENTLE: Final = 0.2
"""Of the seeded weights before the matching network's last activation: the garment stays whole."""
State = dict[str, Any]


@pytest.fixture(scope="module")
def reference() -> dict[str, NDArray[Any]]:
    return stored.load("viton_hd" if SIZE == SMALL else "viton_hd_full")


@pytest.fixture(scope="module")
def states() -> dict[str, State]:
    made = {
        name: seeded.seeded_state(network.build().state_dict())
        for name, network in PUBLISHED.items()
    }
    made["gmm"]["regression.linear.weight"] *= GENTLE
    return made


@pytest.fixture(scope="module")
def loaded(states: dict[str, State]) -> dict[str, Any]:
    networks = {name: network.build() for name, network in PUBLISHED.items()}
    for name, network in networks.items():
        loading.load_strictly(network, states[name], name)
    return networks


@pytest.fixture(scope="module")
def exported(
    loaded: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, float]]:
    """Write the networks as the engine reads them, and keep the export's own differences."""
    folder = tmp_path_factory.mktemp("weights")
    worst = {
        name: export.to_onnx(network, loaded[name], folder / f"viton_hd_{name}.onnx")
        for name, network in PUBLISHED.items()
    }
    return folder, worst


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layout_is_the_original_s(
    name: str, loaded: dict[str, Any], reference: dict[str, NDArray[Any]]
) -> None:
    network = loaded[name]
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == int(reference[f"parameters_{name}"])
    assert stored.layout(network.state_dict()) == str(reference[f"layout_{name}"])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_the_original_gave(
    name: str, loaded: dict[str, Any], reference: dict[str, NDArray[Any]]
) -> None:
    fed = [torch.from_numpy(value[None]) for value in network_inputs(name, *SIZE).values()]
    with torch.inference_mode():
        given = loaded[name](*fed)[0].numpy()
    assert stored.difference(given, reference[f"network_{name}"]) < stored.TOLERANCE


def test_onnx_runtime_gives_what_pytorch_gives(exported: tuple[Path, dict[str, float]]) -> None:
    assert set(exported[1]) == set(NETWORKS)
    assert max(exported[1].values()) < stored.RUNTIMES


@runtimes.EACH
def test_the_sequence_gives_what_the_original_gave(
    runtime: str,
    loaded: dict[str, Any],
    exported: tuple[Path, dict[str, float]],
    reference: dict[str, NDArray[Any]],
) -> None:
    """Each stage gets the original's labels, so that a tie decided otherwise ends where it is."""
    files = {name: exported[0] / f"viton_hd_{name}.onnx" for name in NETWORKS}
    run = runtimes.runs(runtime, PUBLISHED, loaded, files)
    given = Given.of(request(*SIZE))
    first, noises = sequence_noise(*SIZE)
    seen: dict[str, published.Planes] = {}

    def watched(name: str) -> published.Run:
        def watch(**fed: published.Planes) -> tuple[published.Planes, ...]:
            answer = run[name](**fed)
            seen.update({f"{name}_{key}": value for key, value in fed.items()})
            seen[f"{name}_answer"] = answer[0]
            return answer

        return watch

    def differs(name: str, values: published.Planes) -> float:
        return stored.difference(values, reference[f"sequence_{name}"])

    winners = viton_hd.foresee(watched("seg"), given, first)
    assert differs("seg_given", seen["seg_given"]) < stored.TOLERANCE
    expected = reference["winners"]
    clear = np.unpackbits(reference["ties"], count=expected.size) == 0
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(winners.ravel()[clear], expected.ravel()[clear])

    parts = published.parts(expected)
    warped = viton_hd.bend(watched("gmm"), given, parts)
    assert differs("person", seen["gmm_person"]) < stored.TOLERANCE
    assert differs("offsets", seen["gmm_answer"]) < stored.RUNTIMES
    assert differs("garment", warped[:3]) < stored.RUNTIMES

    drawn = viton_hd.draw(watched("alias"), given, parts, warped, noises)
    assert differs("mask", seen["alias_mask"]) < stored.RUNTIMES
    assert differs("divided", seen["alias_divided"]) < stored.RUNTIMES
    assert differs("picture", drawn) < stored.RUNTIMES


def test_the_engine_wears_and_a_seed_gives_one_picture(
    exported: tuple[Path, dict[str, float]], environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("TRYON_MODELS_DIR", str(exported[0]))
    asked = request(256, 128)

    held = []

    def wear(seed: str) -> NDArray[np.uint8]:
        environment.setenv("TRYON_VITON_SEED", seed)
        get_settings.cache_clear()
        service = ENGINES["viton_hd"]()
        # As long as one of them lives they share the sessions.
        held.append(service)
        answer = service.handlers["TryOn"](asked)
        assert service.engine == "viton_hd"
        assert not answer.flow.any()
        assert not answer.cloth.any()
        changed = (answer.image != asked.person).any(axis=2)
        np.testing.assert_array_equal(answer.edit_mask > 0, changed)
        image: NDArray[np.uint8] = answer.image
        return image

    first = wear("0")
    np.testing.assert_array_equal(first, wear("0"))
    assert (first != wear("1")).mean() > 0.1
