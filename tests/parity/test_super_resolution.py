"""SRGAN and Real-ESRGAN against the originals' answers, and converted to ONNX."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from services.kit import sessions
from tests.parity.originals import TOLERANCE, Stored

torch = pytest.importorskip(
    "torch", reason="needs PyTorch: .venv/bin/python -m pip install torch==2.13.0"
)

from networks import export, loading, seeded  # noqa: E402 - they need PyTorch
from networks.published import Published  # noqa: E402
from networks.super_resolution import real_esrgan, srgan  # noqa: E402

pytestmark = pytest.mark.parity

LAST = "block8.2"
"""SRGAN's last convolution: scaled down, or every value would be at an end of the tanh."""


def state(published: Published, name: str) -> dict[str, Any]:
    made = seeded.seeded_state(published.build().state_dict())
    if name == "srgan":
        for part in ("weight", "bias"):
            made[f"{LAST}.{part}"] *= 0.002
    return made


@pytest.mark.parametrize(
    ("name", "published"),
    [("srgan", srgan.PUBLISHED), ("real_esrgan_x4", real_esrgan.PUBLISHED)],
    ids=["srgan", "real_esrgan_x4"],
)
def test_pytorch_and_onnx_give_what_the_original_gives(
    name: str, published: Published, tmp_path: Path
) -> None:
    stored = Stored(name)
    network = published.build()
    loading.load_strictly(network, state(published, name), name)
    assert sum(each.numel() for each in network.parameters()) == stored.about["parameters"]
    photo = stored.inputs(0)
    with torch.inference_mode():
        given = network(torch.from_numpy(photo)).numpy()
    assert stored.differs("output", given) < TOLERANCE
    # Exported at another size than it is run at.
    small = dataclasses.replace(published, size=(20, 16))
    assert export.to_onnx(small, network, tmp_path / "x4.onnx") < export.TOLERANCE
    session = sessions.onnx_session(tmp_path / "x4.onnx")
    [enlarged] = session.run(["output"], {"input": photo})
    assert stored.differs("output", enlarged) < export.TOLERANCE
