"""SCHP's network against what the original gave.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for LIP's own 473 x 473.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import export, loading, seeded  # noqa: E402 - they import PyTorch
from networks.human_parse import schp_atr, schp_lip  # noqa: E402
from services.kit import sessions  # noqa: E402
from tests.parity import stored  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(900)]

SIDE: Final = 473 if os.environ.get("TRYON_PARITY_FULL") == "1" else 105
PARAMETERS: Final = {"lip": 66_723_928, "atr": 66_722_900}
OUTPUTS: Final = ("parsing", "fusion", "edge")


def state() -> dict[str, Any]:
    return seeded.seeded_state(schp_lip.PUBLISHED.build().state_dict())


def given() -> NDArray[np.float32]:
    return stored.seeded("schp", 1, 3, SIDE, SIDE) * 2


def check(outputs: list[NDArray[np.float32]], tolerance: float) -> None:
    reference = stored.load("schp")
    for name, output in zip(OUTPUTS, outputs, strict=True):
        assert stored.difference(output, reference[f"{name}_{SIDE}"]) < tolerance
    labels = outputs[1][0].argmax(axis=0)
    first, second = np.sort(outputs[1][0], axis=0)[[-1, -2]]
    certain = first - second > tolerance * np.ptp(outputs[1])
    expected = reference[f"labels_{SIDE}"]
    assert np.array_equal(labels[certain], expected[certain])


def test_the_official_file_loads_and_gives_what_the_original_gives(tmp_path: Path) -> None:
    file = tmp_path / "exp-schp-201908261155-lip.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in state().items()}}, file)
    network = schp_lip.PUBLISHED.build()
    loading.load_strictly(network, schp_lip.PUBLISHED.read(file), "SCHP")
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS["lip"]
    assert stored.layout(network.state_dict()) == str(stored.load("schp")["layout"])
    with torch.inference_mode():
        outputs = network(torch.from_numpy(given()))
    check([each.numpy() for each in outputs], stored.TOLERANCE)


def test_onnx_runtime_gives_the_same(tmp_path: Path) -> None:
    network = schp_lip.PUBLISHED.build()
    network.load_state_dict(state())
    file = tmp_path / "exported.onnx"
    export.to_onnx(replace(schp_lip.PUBLISHED, size=(SIDE, SIDE)), network, file)
    check(sessions.onnx_session(file).run(list(OUTPUTS), {"picture": given()}), stored.RUNTIMES)


def test_the_network_for_atr_differs_in_its_classes_only() -> None:
    network = schp_atr.PUBLISHED.build()
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS["atr"]
    with pytest.raises(loading.NotTheWeights, match="another shape"):
        loading.load_strictly(network, state(), "SCHP for ATR")
