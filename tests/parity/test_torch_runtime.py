"""The engines with PyTorch in the place of ONNX Runtime: the same answers, and damaged files."""

import dataclasses
import importlib
import os
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from services.human_parse import schp
from services.human_parse.contract import ParseRequest
from services.human_parse.service import ENGINES as PARSERS
from services.kit.errors import ServiceUnavailable, WeightsMissing
from services.kit.model_commands import commands
from services.kit.weights import store
from services.kit.weights.manifest import get_manifest
from services.kit.weights.published_networks import Network
from services.super_resolution import service as super_resolution
from services.super_resolution.contract import UpscaleRequest
from services.viton import service as viton
from services.viton.published import viton_hd
from tests.conftest import forget_settings
from tests.parity import stored
from tests.parity.drawn_request import request

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")
pytest.importorskip("safetensors", reason="the states need safetensors: the extra convert")

from torch import nn  # noqa: E402 - as it is installed

from networks import export, safetensors_states, seeded, session  # noqa: E402 - they import PyTorch
from networks.conversion_spec import ConversionSpec  # noqa: E402
from networks.densepose import boxes  # noqa: E402
from tests.parity import srgan_files  # noqa: E402

pytestmark = pytest.mark.parity

FULL: Final = os.environ.get("TRYON_PARITY_FULL") == "1"
SIDE: Final = 105
"""Of SCHP's input here."""
MODULES: Final = [network for network in get_manifest().networks if network.module]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


def published(module: str | None) -> ConversionSpec:
    made: ConversionSpec = importlib.import_module(str(module)).SPEC
    return made


def official(name: str, file: Path) -> tuple[Network, Any]:
    """Write a seeded file in the official layout of a network, which is given loaded with it."""
    network = next(each for each in MODULES if each.name == name)
    built = published(network.module).build()
    state = seeded.seeded_state(built.state_dict())
    if name == "srgan_x4":
        # Or every value would be at an end of the tanh.
        state["block8.2.weight"] *= 0.002
    built.load_state_dict(state)
    if name == "schp_lip_pth":
        # Or one class would win everywhere.
        with torch.inference_mode():
            scores = built(torch.from_numpy(stored.seeded("schp", 1, 3, SIDE, SIDE) * 2))[1]
        state["fushion.3.bias"] -= scores.mean((0, 2, 3))
        built.load_state_dict(state)
    torch.save(state, file)
    return network, built


def prepare(name: str, folder: Path, size: tuple[int, int]) -> None:
    """Put both runtimes' files of a seeded network into ``folder``; the export is of ``size``."""
    file = folder.parent / "official.pth"
    network, built = official(name, file)
    sized = dataclasses.replace(published(network.module), size=size)
    export.to_onnx(sized, built, folder / network.file)
    safetensors_states.write_state(str(network.module), file, folder / str(network.torch_file))


def in_pytorch(monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    monkeypatch.setenv("TRYON_RUNTIME", "torch")
    monkeypatch.setenv("TRYON_TORCH_DEVICE", "cpu")
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    forget_settings()


def watched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the outputs that are asked of PyTorch from now on."""
    ran: list[str] = []
    run = session.Session.run

    def watch(self: Any, names: Any, feeds: Any) -> Any:
        ran.extend(feeds)
        return run(self, names, feeds)

    monkeypatch.setattr(session.Session, "run", watch)
    return ran


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SRGAN as ``models add --torch`` leaves it, from a seeded file of the layout of 2018."""
    folder = tmp_path_factory.mktemp("added")
    file = srgan_files.write_2018(folder.parent)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("TRYON_MODELS_DIR", str(folder))
        forget_settings()
        command = ["add", str(file), "--as", "srgan_x4", "--accept-licence", "--torch"]
        done = CliRunner().invoke(commands.app, command)
    forget_settings()
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def srgan(added: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with SRGAN in it, which is the engine."""
    shutil.copytree(added, folder, dirs_exist_ok=True)
    monkeypatch.setenv("TRYON_SUPER_RESOLUTION_ENGINE", "srgan-pth")
    return folder


@pytest.mark.usefixtures("srgan")
def test_super_resolution_from_the_official_file(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    ran = watched(monkeypatch)

    def enlarged() -> NDArray[np.int16]:
        answer = super_resolution.load().handlers["Upscale"](UpscaleRequest(photo, 120, 160))
        return np.asarray(answer.image, np.int16)

    onnx = enlarged()
    assert not ran
    in_pytorch(monkeypatch)
    off = np.abs(enlarged() - onnx)
    assert ran == ["input"]
    assert onnx.std() > 10
    # Rounded differently at most, and seldom.
    assert off.max() <= 1
    assert off.mean() < stored.RUNTIMES * 255


@pytest.mark.skipif(not FULL, reason="66 million parameters; set TRYON_PARITY_FULL=1")
def test_human_parsing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("schp_lip_pth", folder, (SIDE, SIDE))
    # The engine's own data set, at the side that keeps this quick.
    small = dataclasses.replace(schp.LIP, side=SIDE)
    load = PARSERS["schp_lip_pth"].func  # type: ignore[attr-defined]
    keypoints = np.zeros((25, 3), np.float32)
    photo = np.random.default_rng(4).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    ran = watched(monkeypatch)

    def parsed() -> NDArray[np.uint8]:
        loaded = load("schp_lip_pth", "schp_lip_pth.onnx", small)
        labels: NDArray[np.uint8] = loaded.handlers["Parse"](ParseRequest(photo, keypoints)).labels
        return labels

    onnx = parsed()
    assert not ran
    in_pytorch(monkeypatch)
    labels = parsed()
    assert ran == ["picture"]
    assert len(np.unique(onnx)) > 2
    # At ties between two classes either may win.
    assert (labels == onnx).mean() > 0.995


def test_bending_a_garment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare("viton_hd_gmm", folder, (256, 192))
    given = viton_hd.network_inputs(request(256, 128))
    parts = np.zeros((7, 256, 128), np.float32)
    parts[2, 60:160, 30:100] = 1
    ran = watched(monkeypatch)
    seen: list[NDArray[np.float32]] = []

    def bent() -> NDArray[np.float32]:
        run = viton._load_network("viton_hd_gmm")

        def watch(**fed: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
            answer = run(**fed)
            seen.append(answer[0])
            return answer

        return viton_hd.warp_garment(watch, given, parts)

    onnx = bent()
    assert not ran
    in_pytorch(monkeypatch)
    ours = bent()
    assert ran == ["person", "garment"]
    assert np.ptp(seen[0]) > 0.1
    assert np.abs(seen[1] - seen[0]).max() < stored.RUNTIMES * np.ptp(seen[0])
    assert np.abs(ours - onnx).mean() < stored.RUNTIMES * np.ptp(onnx)


@pytest.mark.parametrize("spoilt", ["changed", "cut short", "no safetensors", "another network's"])
def test_a_damaged_state_is_refused(
    srgan: Path, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    file = srgan / "srgan_x4_pth.safetensors"
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    if spoilt == "changed":
        file.write_bytes(content)
    elif spoilt == "cut short":
        file.write_bytes(content[:-1])
    else:
        # Without a record it is the user's own, and still no other network is loaded.
        (srgan / f"{file.name}.json").unlink()
        file.write_bytes(b"<html>" * 900)
    if spoilt == "another network's":
        weight = {"block1.0.weight": torch.zeros(64, 3, 9, 9)}
        torch.save(weight, srgan.parent / "other.pth")
        safetensors_states.write_state(
            "networks.super_resolution.srgan", srgan.parent / "other.pth", file
        )
    in_pytorch(monkeypatch)
    with pytest.raises(WeightsMissing, match=r"models add FILE --as srgan_x4 --torch`"):
        super_resolution.load()
    assert store.find_weights("srgan_x4_pth.onnx").is_file()


@pytest.mark.usefixtures("srgan")
def test_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if torch.cuda.is_available():
        pytest.skip("PyTorch has a GPU here")
    in_pytorch(monkeypatch, TRYON_TORCH_DEVICE="cuda")
    with pytest.raises(ServiceUnavailable, match="TRYON_TORCH_DEVICE=cuda needs an NVIDIA GPU"):
        super_resolution.load()


def test_a_session_leaves_its_inputs_as_they_are() -> None:
    class InPlace(nn.Module):  # type: ignore[misc]
        def forward(self, given: Any) -> Any:
            return given.transpose(2, 3).add_(1)

    made = ConversionSpec(
        build=InPlace, example=lambda *_: (), inputs=("given",), outputs=("made",)
    )
    asked = np.zeros((1, 1, 4, 6), np.float32)[..., ::-1]
    asked.setflags(write=False)
    held = session.Session(made, InPlace(), torch.device("cpu"))
    [answer] = held.run(None, {"given": asked})
    assert not asked.any()
    assert answer.flags.c_contiguous
    np.testing.assert_array_equal(answer, np.ones((1, 1, 6, 4)))
    assert [each.name for each in held.get_outputs()] == ["made"]
    with pytest.raises(KeyError):
        held.run(["other"], {"given": asked})


def test_what_is_raised_before_a_layer_ends_the_run() -> None:
    entered: list[int] = []

    def before_layer() -> None:
        entered.append(len(entered))
        if len(entered) == 3:
            raise InterruptedError

    layers = nn.Sequential(*(nn.ReLU() for _ in range(8)))
    made = ConversionSpec(
        build=lambda: layers, example=lambda *_: (), inputs=("given",), outputs=("made",)
    )
    held = session.Session(made, layers, torch.device("cpu"), before_layer)
    given = {"given": np.ones((1, 2), np.float32)}
    with pytest.raises(InterruptedError):
        held.run(None, given)
    assert len(entered) == 3
    # The session works on.
    np.testing.assert_array_equal(held.run(None, given)[0], given["given"])


@pytest.mark.parametrize("network", MODULES, ids=lambda network: network.name)
def test_a_network_stays_on_its_device(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's device without values refuses, as a GPU does, what was left on the CPU.

    There DensePose cannot look at how many boxes suit a level or are doubles: it keeps them all.
    """
    monkeypatch.setattr(boxes, "suppress_overlaps", lambda found, *_: torch.arange(len(found)))
    monkeypatch.setattr(
        boxes, "pool_by_level", lambda x, found, side: boxes.roi_align(x[0], found, side, 4)
    )
    made = published(network.module)
    meta = torch.device("meta")
    held = session.Session(made, made.build(), meta)
    answers = held._answer([each.to(meta) for each in made.example(*made.size)])
    assert [each.device for each in answers] == [meta] * len(made.outputs)
