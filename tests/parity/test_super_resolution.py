"""SRGAN and Real-ESRGAN against the originals' answers, and converted to ONNX.

``README.md`` tells how the references were made.
"""

import dataclasses
from pathlib import Path
from typing import Any, Final

import pytest

from services.kit.runtimes import sessions
from tests.parity import stored

torch = pytest.importorskip("torch", reason="needs PyTorch: docs/testing.md has the command")

from networks import export, loading, seeded  # noqa: E402 - they need PyTorch
from networks.conversion_spec import ConversionSpec  # noqa: E402
from networks.super_resolution import real_esrgan, srgan  # noqa: E402
from tests.parity import srgan_files  # noqa: E402

pytestmark = pytest.mark.parity

SIZES: Final = {"srgan": (96, 72), "real_esrgan_x4": (48, 36)}
LAST = "block8.2"
"""SRGAN's last convolution: scaled down, or every value would be at an end of the tanh."""


def state(published: ConversionSpec, name: str) -> dict[str, Any]:
    made = seeded.seeded_state(published.build().state_dict())
    if name == "srgan":
        for part in ("weight", "bias"):
            made[f"{LAST}.{part}"] *= 0.002
    return made


@pytest.mark.parametrize(
    ("name", "published"),
    [("srgan", srgan.SPEC), ("real_esrgan_x4", real_esrgan.SPEC)],
    ids=["srgan", "real_esrgan_x4"],
)
def test_pytorch_and_onnx_give_what_the_original_gives(
    name: str, published: ConversionSpec, tmp_path: Path
) -> None:
    reference = stored.load(name)
    network = published.build()
    loading.load_strictly(network, state(published, name), name)
    assert sum(each.numel() for each in network.parameters()) == int(reference["parameters"])
    assert stored.layout(network.state_dict()) == str(reference["layout"])
    height, width = SIZES[name]
    photo = (stored.seeded(name, 1, 3, height, width) + 1) / 2
    with torch.inference_mode():
        given = network(torch.from_numpy(photo)).numpy()
    assert given.shape == (1, 3, 4 * height, 4 * width)
    assert stored.difference(given, reference["output"]) < stored.TOLERANCE
    # Exported at another size than it is run at.
    small = dataclasses.replace(published, size=(20, 16))
    assert export.to_onnx(small, network, tmp_path / "x4.onnx") < export.TOLERANCE
    session = sessions.onnx_session(tmp_path / "x4.onnx")
    [enlarged] = session.run(["output"], {"input": photo})
    assert stored.difference(enlarged, reference["output"]) < stored.RUNTIMES


def test_the_file_of_2018_gives_what_its_original_gives(tmp_path: Path) -> None:
    reference = stored.load("srgan_2018")
    state = srgan.SPEC.read(srgan_files.write_2018(tmp_path))
    assert stored.layout(state) == str(reference["layout"])
    network = srgan.SPEC.load(state, "SRGAN")
    assert sum(each.numel() for each in network.parameters()) == int(reference["parameters"])
    assert not network.training
    height, width = SIZES["srgan"]
    photo = (stored.seeded("srgan_2018", 1, 3, height, width) + 1) / 2
    with torch.inference_mode():
        given = network(torch.from_numpy(photo)).numpy()
    assert stored.difference(given, reference["output"]) < stored.TOLERANCE
    small = dataclasses.replace(srgan.SPEC, size=(20, 16))
    assert export.to_onnx(small, network, tmp_path / "x4.onnx") < export.TOLERANCE
    session = sessions.onnx_session(tmp_path / "x4.onnx")
    [enlarged] = session.run(["output"], {"input": photo})
    assert stored.difference(enlarged, reference["output"]) < stored.RUNTIMES
