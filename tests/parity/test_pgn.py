"""CIHP-PGN's network and its test-time sequence against what the original gave.

``README.md`` tells how the reference was made.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import convert, export, loading, seeded, tf_bundle  # noqa: E402 - they import PyTorch
from networks.human_parse import pgn as network  # noqa: E402
from services.human_parse import pgn, service  # noqa: E402
from services.human_parse.contract import ParseRequest  # noqa: E402
from services.human_parse.resampling import F32  # noqa: E402
from services.kit.runtimes import sessions  # noqa: E402
from services.kit.settings import Settings  # noqa: E402
from tests.parity import stored  # noqa: E402
from tests.parity.drawn_request import request  # noqa: E402
from tests.parity.tensorflow_files import checkpoint, table  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(900)]

SIZE: Final = (131, 94)
"""Odd and even, so that both ways of padding are met."""
PHOTO: Final = (72, 56)
PARAMETERS: Final = 164_839_673


def variables(weights: dict[str, Any]) -> dict[str, NDArray[np.float32]]:
    """Name and turn the weights as TensorFlow does."""
    turned = {
        key: value.permute(2, 3, 1, 0) if value.dim() == 4 else value
        for key, value in weights.items()
    }
    return {"/".join(key.rsplit(".", 1)): value.numpy() for key, value in turned.items()}


def given() -> NDArray[np.float32]:
    return stored.seeded("pgn", 1, 3, *SIZE) * 100


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The network with the weights of a checkpoint, which also holds its optimiser's."""
    built = network.SPEC.build()
    held = variables(seeded.seeded_state(built.state_dict()))
    held["conv1/weights/Momentum"] = held["conv1/weights"]
    file = checkpoint(held, tmp_path_factory.mktemp("checkpoint") / "model.ckpt-1")
    loading.load_strictly(built, network.SPEC.read(file), "CIHP-PGN")
    file.unlink()
    return built


@pytest.fixture(scope="module")
def folder(loaded: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights folder, the network in it exported at a size that it is not run at."""
    made = tmp_path_factory.mktemp("weights")
    export.to_onnx(replace(network.SPEC, size=(96, 80)), loaded, made / "pgn.onnx")
    return made


@pytest.fixture(scope="module")
def run(folder: Path) -> Callable[[F32], F32]:
    session = sessions.onnx_session(folder / "pgn.onnx", arena=False)
    return lambda picture: np.asarray(session.run(["parsing"], {"picture": picture})[0])


def check(name: str, scores: NDArray[np.float32], tolerance: float) -> None:
    """Hold classes x rows x columns, and the labels away from ties, to the reference."""
    reference = stored.load("pgn")
    assert stored.difference(scores, reference[name]) < tolerance
    second, first = np.sort(scores, axis=0)[-2:]
    certain = first - second > tolerance * np.ptp(scores)
    assert certain.mean() > 0.9
    assert np.array_equal(scores.argmax(axis=0)[certain], reference[f"{name}_labels"][certain])


def test_the_layout_is_the_original_s(loaded: Any) -> None:
    assert sum(value.numel() for value in loaded.parameters()) == PARAMETERS
    assert stored.layout(loaded.state_dict()) == str(stored.load("pgn")["layout"])


def test_the_network_gives_what_the_original_gave(loaded: Any) -> None:
    with torch.inference_mode():
        parsing, refined, edge = (each.numpy() for each in loaded(torch.from_numpy(given())))
    assert stored.difference(parsing, stored.load("pgn")["parsing"]) < stored.TOLERANCE
    assert stored.difference(edge, stored.load("pgn")["edge"]) < stored.TOLERANCE
    check("refined", refined[0], stored.TOLERANCE)


def test_onnx_runtime_gives_the_mean_of_both_parsings(run: Callable[[F32], F32]) -> None:
    check("mean", run(given())[0], stored.RUNTIMES)


def test_the_sequence_gives_what_the_original_gave(run: Callable[[F32], F32]) -> None:
    photo = request(*PHOTO).person
    scores = pgn.scores(photo, lambda each: run(each)[0], Settings().pgn_scales)
    check("sequence", scores, stored.RUNTIMES)


def test_the_engine_looks_at_the_sizes_it_is_told(
    run: Callable[[F32], F32], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(folder))
    monkeypatch.setenv("TRYON_HUMAN_PARSE_ENGINE", "pgn")
    monkeypatch.setenv("TRYON_PGN_SCALES", "0.5,0.75")
    engine = service.load()
    photo = request(*PHOTO).person
    labels = engine.handlers["Parse"](ParseRequest(photo, np.zeros((25, 3), np.float32))).labels
    assert engine.engine == "pgn"
    expected = pgn.parse(photo, lambda each: run(each)[0], (0.5, 0.75))
    assert np.array_equal(labels, expected)
    assert len(np.unique(labels)) > 1


def test_a_damaged_or_lonely_file_is_refused(tmp_path: Path) -> None:
    held = {"conv1/weights": np.ones((7, 7, 3, 64), np.float32), "other/x": np.ones(3, np.float32)}
    data = checkpoint(held, tmp_path / "model.ckpt-1")
    index = tmp_path / "model.ckpt-1.index"
    whole = index.read_bytes()
    state = network.read(data)
    assert list(state) == ["conv1.weights"]
    assert state["conv1.weights"].shape == (64, 3, 7, 7)
    for at in range(len(whole) - 8):
        damaged = bytearray(whole)
        damaged[at] ^= 0xFF
        index.write_bytes(bytes(damaged))
        try:
            network.read(data)
        except loading.WrongWeightFile:
            continue
    for content in (b"", whole[:-1], whole[:20], b"\x80" * 60):
        index.write_bytes(content)
        with pytest.raises(loading.WrongWeightFile, match="not the index"):
            network.read(data)
    index.write_bytes(whole)
    with pytest.raises(loading.WrongWeightFile, match="not called as TensorFlow"):
        network.read(index)
    renamed = data.rename(tmp_path / "other.data-00000-of-00001")
    with pytest.raises(loading.WrongWeightFile, match=r"other.index is not beside"):
        network.read(renamed)
    whole_data = renamed.read_bytes()
    data.write_bytes(whole_data[:-4000])
    with pytest.raises(loading.WrongWeightFile, match="outside the files"):
        network.read(data)


def small_checkpoint(folder: Path, name: str = "conv1/weights") -> Path:
    return checkpoint({name: np.ones((1, 1, 3, 4), np.float32)}, folder / "model.ckpt-1")


def test_all_files_that_are_read_are_named(tmp_path: Path) -> None:
    data = small_checkpoint(tmp_path)
    second = data.with_name("model.ckpt-1.data-00001-of-00002")
    second.write_bytes(b"")
    (tmp_path / "model.ckpt-10.index").write_bytes(b"")
    index = tmp_path / "model.ckpt-1.index"
    assert convert.companion_files(network.__name__, data) == (second, index)
    assert network.SPEC.companion_files(index) == ()


def test_an_index_that_is_no_index_by_its_size_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_checkpoint(tmp_path)
    monkeypatch.setattr(tf_bundle, "_MOST_INDEX", 10)
    with pytest.raises(loading.WrongWeightFile, match=r"not the index.*more than 10 bytes"):
        network.read(data)


def test_long_names_are_not_made_of_short_entries(tmp_path: Path) -> None:
    assert list(network.read(small_checkpoint(tmp_path, "k" * 500 + "/weights")))
    data = small_checkpoint(tmp_path, "k" * 505 + "/weights")
    with pytest.raises(loading.WrongWeightFile, match=r"not the index.*too long"):
        network.read(data)
    index = tmp_path / "model.ckpt-1.index"
    index.write_bytes(table([(b"", b"\x08\x01"), (b"a", bytes(5000))]))
    with pytest.raises(loading.WrongWeightFile, match=r"not the index.*too long"):
        network.read(data)
