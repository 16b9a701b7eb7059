"""U2-Net trained on clothes against the original's answers, and converted to ONNX."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from services.cloth_mask import model, service
from services.cloth_mask.model import CONVERTED
from services.kit import sessions
from services.kit.u2net import as_input
from tests.parity.originals import TOLERANCE, Stored

torch = pytest.importorskip(
    "torch", reason="needs PyTorch: .venv/bin/python -m pip install torch==2.13.0"
)

from networks import export, loading, seeded, u2net  # noqa: E402 - they need PyTorch

pytestmark = pytest.mark.parity

STORED = Stored("u2net_cloth")


@pytest.fixture(scope="module")
def network() -> u2net.U2Net:
    built: u2net.U2Net = u2net.PUBLISHED.build()
    loading.load_strictly(built, seeded.seeded_state(built.state_dict()), "U2-Net")
    return built


def test_every_output_is_the_originals(network: u2net.U2Net) -> None:
    with torch.inference_mode():
        given = network(torch.from_numpy(STORED.inputs(-1)))
    assert sum(each.numel() for each in network.parameters()) == STORED.about["parameters"]
    names = ["fused", *(f"side{number}" for number in range(1, 7))]
    assert set(names) == set(STORED.outputs())
    for name, values in zip(names, given, strict=True):
        assert STORED.differs(name, values.numpy()) < TOLERANCE


@pytest.fixture(scope="module")
def converted(network: u2net.U2Net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights folder with the network converted, exported at a small size."""
    folder = tmp_path_factory.mktemp("weights")
    published = dataclasses.replace(u2net.PUBLISHED, size=(128, 96))
    assert export.to_onnx(published, network, folder / CONVERTED) < export.TOLERANCE
    return folder


def test_onnx_gives_the_same_at_a_size_it_was_not_exported_at(converted: Path) -> None:
    session = sessions.onnx_session(converted / CONVERTED)
    [scores] = session.run(["scores"], {"image": STORED.inputs(-1)})
    assert STORED.differs("fused", scores) < export.TOLERANCE


def test_labels_are_the_originals_away_from_ties(network: u2net.U2Net, converted: Path) -> None:
    small = np.ascontiguousarray(STORED.inputs(-1)[:, :, :128, :96])
    session = sessions.onnx_session(converted / CONVERTED)
    [given] = session.run(["scores"], {"image": small})
    with torch.inference_mode():
        scores = network(torch.from_numpy(small))[0].numpy()
    ordered = np.sort(scores, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-3 * np.ptp(scores)
    assert clear.mean() > 0.9
    assert np.array_equal(scores.argmax(1)[clear], given.argmax(1)[clear])


def test_the_engine_looks_through_the_converted_network(
    converted: Path, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("TRYON_MODELS_DIR", str(converted))
    environment.setenv("TRYON_CLOTH_MASK_ENGINE", "u2net_pth")
    assert service.load().engine == "u2net_pth"
    photo = np.random.default_rng(1).integers(0, 256, (96, 64, 3)).astype(np.uint8)
    classes = model.load(CONVERTED).probabilities(photo, 96)
    [scores] = sessions.onnx_session(converted / CONVERTED).run(
        ["scores"], {"image": as_input(photo, 96, 96).transpose(2, 0, 1)[None].copy()}
    )
    assert np.array_equal(classes.argmax(2), scores[0].argmax(0))
    assert np.allclose(classes.sum(axis=2), 1, atol=1e-5)
