"""OpenPose's networks against what Caffe's prototxts give, run by another library.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for 368 x 272.
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
from networks.conversion_spec import ConversionSpec  # noqa: E402
from networks.openpose import body_25, coco  # noqa: E402
from services.kit.runtimes import sessions  # noqa: E402
from tests.parity import stored  # noqa: E402
from tests.parity.caffe_files import caffemodel  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(900)]

SPECS: Final[Mapping[str, ConversionSpec]] = {
    "body_25": body_25.SPEC,
    "coco": coco.SPEC,
}
PARAMETERS: Final = {"body_25": 26_166_084, "coco": 52_311_446}
SIZE: Final = (368, 272) if os.environ.get("TRYON_PARITY_FULL") == "1" else (128, 96)
BENT: Final = 0.25
"""What seeded PReLUs are scaled by; near 1 they would be straight, and the values explode."""

names = pytest.mark.parametrize("name", SPECS)


def state(name: str) -> dict[str, Any]:
    made = seeded.seeded_state(SPECS[name].build().state_dict())
    return {key: value * BENT if "prelu" in key else value for key, value in made.items()}


def given() -> NDArray[np.float32]:
    return np.asarray(stored.seeded("openpose", 1, 3, *SIZE) / 2, np.float32)


@names
def test_the_official_file_loads_and_gives_what_the_prototxt_gives(
    name: str, tmp_path: Path
) -> None:
    reference = stored.load("openpose")
    file = tmp_path / f"{name}.caffemodel"
    file.write_bytes(caffemodel({key: value.numpy() for key, value in state(name).items()}))
    network = SPECS[name].build()
    loading.load_strictly(network, SPECS[name].read(file), name)
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS[name]
    with torch.inference_mode():
        output = network(torch.from_numpy(given())).numpy()
    assert output.shape == (1, 78 if name == "body_25" else 57, SIZE[0] // 8, SIZE[1] // 8)
    expected = reference[f"{name}_{SIZE[0]}"]
    assert stored.difference(output, expected) < stored.TOLERANCE


@names
def test_onnx_runtime_gives_the_same_at_a_size_it_was_not_traced_at(
    name: str, tmp_path: Path
) -> None:
    network = SPECS[name].build()
    network.load_state_dict(state(name))
    file = tmp_path / "exported.onnx"
    export.to_onnx(SPECS[name], network, file)
    session = sessions.onnx_session(file)
    (output,) = session.run(["net_output"], {"image": given()})
    expected = stored.load("openpose")[f"{name}_{SIZE[0]}"]
    assert stored.difference(output, expected) < stored.RUNTIMES


@names
def test_a_damaged_or_foreign_file_is_refused(name: str, tmp_path: Path) -> None:
    whole = caffemodel({"conv1_1.weight": np.ones((64, 3, 3, 3), np.float32)})
    shape = b"\x40\x03\x03\x03"
    assert shape in whole
    larger = whole.replace(shape, b"\x41\x03\x03\x03")
    file = tmp_path / "damaged.caffemodel"
    for content in (b"", b"\x80" * 40, whole[:-5], larger, b"\x0b" + whole):
        file.write_bytes(content)
        with pytest.raises(loading.WrongWeightFile):
            SPECS[name].read(file)
    file.write_bytes(whole)
    with pytest.raises(loading.WrongWeightFile, match="keys are missing"):
        loading.load_strictly(SPECS[name].build(), SPECS[name].read(file), name)
