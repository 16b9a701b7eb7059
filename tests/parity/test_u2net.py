"""U2-Net trained on clothes against the original's answers, and converted to ONNX.

``README.md`` tells how the reference was made.
"""

import dataclasses
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from services.cloth_mask import model, service
from services.cloth_mask.model import CONVERTED
from services.kit.runtimes import sessions
from services.kit.runtimes.u2net import to_network_input
from tests.parity import stored

torch = pytest.importorskip("torch", reason="needs PyTorch: docs/testing.md has the command")

from networks import export, loading, seeded, u2net  # noqa: E402 - they need PyTorch

pytestmark = pytest.mark.parity

SIZE: Final = (512, 384)
OUTPUTS: Final = ("fused", *(f"side{number}" for number in range(1, 7)))


def photo() -> NDArray[np.float32]:
    return stored.seeded("u2net_cloth", 1, 3, *SIZE)


@pytest.fixture(scope="module")
def network() -> u2net.U2Net:
    built: u2net.U2Net = u2net.SPEC.build()
    loading.load_strictly(built, seeded.seeded_state(built.state_dict()), "U2-Net")
    return built


def test_every_output_is_the_originals(network: u2net.U2Net) -> None:
    reference = stored.load("u2net_cloth")
    assert sum(each.numel() for each in network.parameters()) == int(reference["parameters"])
    assert stored.layout(network.state_dict()) == str(reference["layout"])
    with torch.inference_mode():
        given = network(torch.from_numpy(photo()))
    for name, values in zip(OUTPUTS, given, strict=True):
        assert values.shape == (1, 4, *SIZE)
        assert stored.difference(values.numpy(), reference[name]) < stored.TOLERANCE


@pytest.fixture(scope="module")
def converted(network: u2net.U2Net, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights folder with the network converted, exported at a small size."""
    folder = tmp_path_factory.mktemp("weights")
    published = dataclasses.replace(u2net.SPEC, size=(128, 96))
    assert export.to_onnx(published, network, folder / CONVERTED) < export.TOLERANCE
    return folder


def test_onnx_gives_the_same_at_a_size_it_was_not_exported_at(converted: Path) -> None:
    session = sessions.onnx_session(converted / CONVERTED)
    [scores] = session.run(["scores"], {"image": photo()})
    expected = stored.load("u2net_cloth")["fused"]
    assert stored.difference(scores, expected) < stored.RUNTIMES


def test_labels_are_the_originals_away_from_ties(network: u2net.U2Net, converted: Path) -> None:
    small = np.ascontiguousarray(photo()[:, :, :128, :96])
    session = sessions.onnx_session(converted / CONVERTED)
    [given] = session.run(["scores"], {"image": small})
    with torch.inference_mode():
        scores = network(torch.from_numpy(small))[0].numpy()
    ordered = np.sort(scores, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-3 * np.ptp(scores)
    assert clear.mean() > 0.9
    assert np.array_equal(scores.argmax(1)[clear], given.argmax(1)[clear])


def test_the_engine_looks_through_the_converted_network(
    converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(converted))
    monkeypatch.setenv("TRYON_CLOTH_MASK_ENGINE", "u2net_pth")
    assert service.load().engine == "u2net_pth"
    photo = np.random.default_rng(1).integers(0, 256, (96, 64, 3)).astype(np.uint8)
    classes = model.load(CONVERTED).probabilities(photo, 96)
    [scores] = sessions.onnx_session(converted / CONVERTED).run(
        ["scores"], {"image": to_network_input(photo, 96, 96).transpose(2, 0, 1)[None].copy()}
    )
    assert np.array_equal(classes.argmax(2), scores[0].argmax(0))
    assert np.allclose(classes.sum(axis=2), 1, atol=1e-5)
