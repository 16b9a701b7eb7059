"""DensePose's networks and their whole sequence against what detectron2 gave.

``README.md`` tells how the reference was made.
"""

import json
import pickle
import warnings
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import convert, loading, seeded  # noqa: E402 - they import PyTorch
from networks.densepose import boxes, r_50_fpn_s1x, rcnn, torchscript  # noqa: E402
from services.densepose import detectron2_engine, service  # noqa: E402
from services.densepose.contract import EstimateSurfaceRequest  # noqa: E402
from services.densepose.core import Surface  # noqa: E402
from services.kit.model_commands import commands  # noqa: E402
from services.kit.types import Image, Mask  # noqa: E402
from services.kit.weights import store  # noqa: E402
from tests.parity import stored  # noqa: E402
from tests.parity.drawn_request import request  # noqa: E402
from tests.parity.torchscript_files import nested, text  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(900)]

State = dict[str, Any]
Reference = dict[str, NDArray[Any]]

SIZE: Final = (120, 90)
SHORTEST: Final = 112
OUTLINE: Final = (slice(10, 110), slice(20, 70))
MODULES: Final[dict[str, ModuleType]] = {
    "r_50_fpn_s1x": r_50_fpn_s1x,
    "torchscript": torchscript,
}
PARAMETERS: Final = {"r_50_fpn_s1x": 63_821_090, "torchscript": 66_055_970}
SUFFIX: Final = {"r_50_fpn_s1x": "", "torchscript": "_deeplab"}
"""Of the names of what the reference holds of each network alone."""


TWICE: Final = {
    "backbone.bottom_up.stages": "backbone.bottom_up.res2",
    "backbone.lateral_convs": "backbone.fpn_lateral2",
    "backbone.output_convs": "backbone.fpn_output2",
    "roi_heads.decoder.scale_heads": "roi_heads.decoder.p2",
    "roi_heads.densepose_head.stacked_convs": "roi_heads.densepose_head.body_conv_fcn1",
}
"""Lists that an export has, and what one of each holds by its official name."""


def photo() -> Image:
    noise = np.random.default_rng(0).integers(-60, 61, (*SIZE, 3))
    picture: Image = np.clip(request(*SIZE).person + noise, 0, 255).astype(np.uint8)
    return picture


def outline() -> Mask:
    mask = np.zeros(SIZE, np.uint8)
    mask[OUTLINE] = 255
    return mask


def write_pickle(made: State, file: Path) -> None:
    """Write a state as the model zoo's files hold it, with what older ones also hold."""
    beside = {
        "pixel_mean": np.zeros((3, 1, 1), np.float32),
        "proposal_generator.anchor_generator.cell_anchors.0": np.zeros((3, 4), np.float32),
    }
    held = beside | {key: value.numpy() for key, value in made.items()}
    file.write_bytes(pickle.dumps({"model": held, "__author__": "Detectron2 Model Zoo"}, 4))


def write_torchscript(made: State, file: Path) -> None:
    """Write a state as TorchScript: the network a part of it, some modules by a second name."""

    class Exported(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            with torch.device("meta"):
                network = torchscript.SPEC.build()
            network.load_state_dict(made, assign=True)
            for path, name in TWICE.items():
                holder, _, own = path.rpartition(".")
                listed = torch.nn.ModuleList([network.get_submodule(name)])
                network.get_submodule(holder).add_module(own, listed)
            network.register_buffer("pixel_mean", torch.zeros(3, 1, 1))
            self.model = network

        def forward(self, picture: Any) -> Any:
            return self.model.backbone.bottom_up.stem["conv1"](picture)

    with warnings.catch_warnings():
        # That TorchScript is no longer developed.
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(Exported().eval(), torch.zeros(1, 3, 32, 32), check_trace=False)
        torch.jit.save(traced, str(file))


@pytest.fixture(scope="module")
def reference() -> Reference:
    return stored.load("densepose")


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("official") / "model_final_162be9.pkl"
    write_pickle(seeded.seeded_weights(r_50_fpn_s1x.SPEC), file)
    return file


@pytest.fixture(scope="module")
def made() -> State:
    return seeded.seeded_weights(torchscript.SPEC)


@pytest.fixture(scope="module")
def export(made: State, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "densepose_r50_fpn_dl.torchscript"
    write_torchscript(made, file)
    return file


@pytest.mark.parametrize("name", MODULES)
def test_the_layout_is_the_originals(name: str, reference: Reference) -> None:
    with torch.device("meta"):
        network = MODULES[name].SPEC.build()
    assert sum(value.numel() for value in network.parameters()) == PARAMETERS[name]
    assert stored.layout(network.state_dict()) == str(reference[f"layout{SUFFIX[name]}"])


def test_boxes_are_moved_suppressed_and_pooled_as_in_the_original(reference: Reference) -> None:
    given, deltas, scores = (
        torch.from_numpy(reference[f"function_{name}"]) for name in ("boxes", "deltas", "scores")
    )
    sizes = given[:, 2:] - given[:, :2]
    moved = boxes.apply_deltas(given[:, :2] + sizes / 2, sizes, deltas).numpy()
    np.testing.assert_allclose(moved, reference["function_moved"], rtol=1e-5, atol=1e-2)
    kept = boxes.suppress_overlaps(given, scores, 0.3).numpy()
    assert len(kept) < len(given)
    np.testing.assert_array_equal(kept, reference["function_kept"])
    grid = []
    for side, step in zip(rcnn.ANCHOR_SIDES, rcnn.STEPS, strict=True):
        height, width = -(-160 // step), -(-128 // step)
        still = torch.zeros(1, 12, height, width)
        grid.append(rcnn._anchored(still[:, :3], still, side, step)[0].numpy())
    assert stored.difference(np.concatenate(grid), reference["function_grid"]) < stored.TOLERANCE


def test_every_stage_gives_what_the_original_gives(official: Path, reference: Reference) -> None:
    network = r_50_fpn_s1x.SPEC.build()
    read = r_50_fpn_s1x.SPEC.read(official)
    loading.load_strictly(network, read, "DensePose")
    picture = torch.from_numpy(
        detectron2_engine.network_input(detectron2_engine.scale_to_sides(photo(), SHORTEST, 1333))
    )
    size = torch.from_numpy(reference["size"])
    proposed = torch.from_numpy(reference["proposals"])

    def differs(name: str, *values: Any) -> float:
        flat = torch.cat([value.flatten() for value in values]).numpy()
        return stored.difference(flat, reference[name])

    with torch.inference_mode():
        levels = network.backbone(picture)
        assert differs("levels", *levels) < stored.TOLERANCE
        anchors = [part for x in levels for part in network.proposal_generator.rpn_head(x)]
        assert differs("anchors", *anchors) < stored.TOLERANCE
        found = network.proposals(levels, size)
        np.testing.assert_allclose(found.numpy(), proposed.numpy(), atol=149 * stored.TOLERANCE)
        given = torch.from_numpy(reference["function_boxes"])
        assert (
            differs("function_pooled", boxes.pool_by_level(levels[:4], given, 7)) < stored.TOLERANCE
        )
        judged = torch.cat([part.flatten() for part in network.judged(levels, proposed)]).numpy()
        span = np.ptp(reference["judged"])
        np.testing.assert_allclose(judged, reference["judged"], atol=span * stored.TOLERANCE)
        people, scores = (each.numpy() for each in network.people(levels, proposed, size))
        # The original leaves out who is less likely.
        sure = scores > detectron2_engine.MIN_SCORE
        np.testing.assert_allclose(people[sure], reference["people"], atol=149 * stored.TOLERANCE)
        np.testing.assert_allclose(scores[sure], reference["scores"], atol=stored.TOLERANCE)
        assert differs("decoder", network.roi_heads.decoder(levels[:4])) < stored.TOLERANCE
        surface = network.surface(levels, torch.from_numpy(reference["box"]))
        assert differs("surface", *surface) < stored.TOLERANCE


def test_the_surface_out_of_the_export_is_what_the_original_gives(
    export: Path, made: State, reference: Reference
) -> None:
    with zipfile.ZipFile(export) as archive:
        compressed = [entry for entry in archive.infolist() if entry.compress_type]
    assert compressed
    assert all("/code/" in entry.filename for entry in compressed)
    read = torchscript.SPEC.read(export)
    assert read.keys() == made.keys()
    assert all(torch.equal(read[key], value) for key, value in made.items())
    with torch.device("meta"):
        network = torchscript.SPEC.build()
    network.load_state_dict(read, strict=True, assign=True)
    picture = torch.from_numpy(
        detectron2_engine.network_input(detectron2_engine.scale_to_sides(photo(), SHORTEST, 1333))
    )
    with torch.inference_mode():
        surface = network.surface(network.backbone(picture), torch.from_numpy(reference["box"]))
    flat = torch.cat([value.flatten() for value in surface]).numpy()
    assert stored.difference(flat, reference["surface_deeplab"]) < stored.TOLERANCE


def test_from_the_official_file_to_the_parts_of_the_photo(
    official: Path,
    reference: Reference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("TRYON_DENSEPOSE_ENGINE", "r_50_fpn_s1x")
    file = tmp_path / "densepose_r_50_fpn_s1x.onnx"
    assert convert.convert("networks.densepose.r_50_fpn_s1x", "DensePose", official, file) < 1e-3
    check_engine("r_50_fpn_s1x", reference, monkeypatch)


def test_from_the_export_to_the_parts_of_the_photo(
    export: Path,
    reference: Reference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("TRYON_DENSEPOSE_ENGINE", "torchscript")
    command = ["add", str(export), "--as", "densepose_torchscript", "--accept-licence"]
    done = CliRunner().invoke(commands.app, command)
    assert done.exit_code == 0, done.output
    assert "CC-BY-NC-4.0" in done.stderr
    record = json.loads((tmp_path / "densepose_torchscript.onnx.json").read_text())
    assert record["official_sha256"] == store.sha256(export)
    check_engine("torchscript", reference, monkeypatch)


def check_engine(name: str, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold the engine that serves a converted network to the original's maps."""
    answers: list[detectron2_engine.Detection] = []
    estimate = detectron2_engine.estimate

    def watched(image: Image, silhouette: Mask, run: detectron2_engine.Run) -> Surface:
        def kept(*given: NDArray[np.float32]) -> detectron2_engine.Detection:
            answers.append(run(*given))
            return answers[-1]

        return estimate(image, silhouette, kept)

    monkeypatch.setattr(detectron2_engine, "estimate", watched)
    monkeypatch.setattr(detectron2_engine, "SHORTEST_SIDE_PX", SHORTEST)
    loaded = service.load()
    assert loaded.engine == name
    asked = EstimateSurfaceRequest(photo(), np.zeros((25, 3), np.float32), outline())
    answer = loaded.handlers["EstimateSurface"](asked)
    assert answer.part_image.shape == (*SIZE, 3)
    (found,) = answers
    np.testing.assert_allclose(found.box, reference["box"][0], atol=149 * stored.RUNTIMES)
    planes = (found.coarse, found.fine, found.u, found.v)
    flat = np.concatenate([each.ravel() for each in planes])
    assert stored.difference(flat, reference[f"surface{SUFFIX[name]}"]) < stored.RUNTIMES

    parts, u, v = reference[f"iuv{SUFFIX[name]}"]
    clear = certain(found, parts)
    np.testing.assert_array_equal(answer.part_labels[clear], parts[clear])
    for ours, theirs in ((answer.u, u), (answer.v, v)):
        assert np.abs(ours[clear].astype(int) - theirs[clear]).max() <= 1


def certain(found: detectron2_engine.Detection, parts: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say where no two parts, nor the person and the rest, are as likely as each other."""
    clear = np.ones(SIZE, bool)
    scale = np.array(SIZE[::-1] * 2) / np.array([112, 149, 112, 149])
    left, top, right, bottom = found.box * scale
    height, width = int(bottom - top), int(right - left)
    window = clear[int(top) : int(top) + height, int(left) : int(left) + width]
    for planes in (found.coarse, found.fine):
        ordered = np.sort(detectron2_engine._resize_planes(planes, height, width), axis=2)
        window &= ordered[..., -1] - ordered[..., -2] > stored.RUNTIMES * np.ptp(planes)
    assert window.mean() > 0.95
    assert (parts[clear] > 0).any()
    return clear


class Evil:
    """Something that a pickle would execute."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (Path("executed"),)


def array(content: bytes) -> bytes:
    """Write a pickle of an array of nine numbers, as Python 2 does."""
    order = b"(K\3" + text(">") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    kind = b"cnumpy\ndtype\n" + text("f4") + b"K\0K\1\x87R" + order
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R"
    return b"\x80\2}" + text("a") + made + b"(K\1K\x09\x85" + kind + b"\x89" + content + b"tbs."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"weights",
        pickle.dumps({"model": {"key": Evil()}}),
        pickle.dumps({"model": {"key": [1.0]}}),
        pickle.dumps({"model": {"key": np.array(["name"])}}),
        pickle.dumps({"model": {"key": np.array([None])}}),
        pickle.dumps({"model": {"key": np.ones(9)}})[:-9],
        pickle.dumps({"model": {}}),
        pickle.dumps(np.ones(9)),
        pickle.dumps({"model": {"key": np.zeros(1, "f4,f4")}}),
        pickle.dumps({"model": {"key": np.ones(9)}}, 1),
        b"\x80\2}" + nested(40) + b"Ns.",
        array(b"N"),
        array(text("one")),
    ],
)
def test_a_pickle_of_something_else_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "model_final_162be9.pkl"
    file.write_bytes(content)
    with pytest.raises(loading.WrongWeightFile, match=r"model_final_162be9\.pkl"):
        r_50_fpn_s1x.SPEC.read(file)
    assert not Path("executed").exists()


def test_an_array_of_python_2_is_read(tmp_path: Path) -> None:
    numbers = np.linspace(-1e6, 1e6, 9, dtype=">f4")
    file = tmp_path / "weights.pkl"
    file.write_bytes(array(b"U\x24" + numbers.tobytes()))
    np.testing.assert_array_equal(r_50_fpn_s1x.SPEC.read(file)["a"].numpy(), numbers)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_of_the_zoos_protocols_are_read(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "weights.pkl"
    held: dict[str, NDArray[Any]] = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "b": np.ones(2, np.float16),
        "c": np.linspace(-1e6, 1e6, 9, dtype=">f8"),
        "d": np.array(0.5, np.float32),
    }
    file.write_bytes(pickle.dumps({"model": held}, protocol))
    read = r_50_fpn_s1x.SPEC.read(file)
    for key, value in held.items():
        np.testing.assert_array_equal(read[key].numpy(), value.astype(np.float32))
