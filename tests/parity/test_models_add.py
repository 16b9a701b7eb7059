"""``models add`` with PyTorch: from an official file to an engine that runs, and bad files."""

import importlib
import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from services.kit.errors import WeightsMissing
from services.kit.model_commands import commands
from services.kit.types import Image
from services.kit.weights import store
from services.kit.weights.manifest import get_manifest
from services.kit.weights.published_networks import Network
from services.super_resolution import core, service
from services.super_resolution.contract import UpscaleRequest, UpscaleResponse

torch = pytest.importorskip("torch", reason="needs PyTorch: docs/testing.md has the command")

from networks import export, precision, seeded  # noqa: E402 - they need PyTorch
from networks.super_resolution import srgan  # noqa: E402
from tests.parity import srgan_files  # noqa: E402

pytestmark = pytest.mark.parity

NAME = "srgan_x4"
FILE = "srgan_x4_pth.onnx"
State = dict[str, Any]
BUILT_HERE = [network for network in get_manifest().networks if network.module]
"""Those that do not come as ONNX files."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def state() -> State:
    made = seeded.seeded_state(srgan.SPEC.build().state_dict())
    made["block8.2.weight"] *= 0.002
    return made


def add(file: Path, *options: str) -> Result:
    command = ["add", str(file), "--as", NAME, "--accept-licence", *options]
    return CliRunner().invoke(commands.app, command)


@pytest.mark.parametrize("layout", ["of 2018", "present"])
def test_from_the_official_file_to_an_enlarged_photo(
    folder: Path, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    if layout == "of 2018":
        official = srgan_files.write_2018(tmp_path)
    else:
        official = tmp_path / "trained.pth"
        torch.save({f"module.{key}": value for key, value in state.items()}, official)
    done = add(official)
    assert done.exit_code == 0, done.output
    assert "MIT" in done.stderr
    assert "TRYON_SUPER_RESOLUTION_ENGINE=srgan-pth" in done.stderr
    assert {path.name for path in folder.iterdir()} == {".lock", FILE, f"{FILE}.json"}
    record = json.loads((folder / f"{FILE}.json").read_text())
    assert record["official"] == official.name
    assert record["official_sha256"] == store.sha256(official)
    assert record["sha256"] == store.sha256(folder / FILE)
    assert record["versions"]["torch"] == torch.__version__

    monkeypatch.setenv("TRYON_SUPER_RESOLUTION_ENGINE", "srgan-pth")
    loaded = service.load()
    assert loaded.engine == "srgan-pth"
    photo = np.random.default_rng(2).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    answer = loaded.handlers["Upscale"](UpscaleRequest(photo, 120, 160))
    assert isinstance(answer, UpscaleResponse)
    assert answer.image.shape == (160, 120, 3)

    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:-1])
    with pytest.raises(WeightsMissing, match=f"models add FILE --as {NAME}"):
        service.load()


def test_tiles_of_srgan_are_the_whole(
    folder: Path, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(state, tmp_path / "official.pth")
    assert add(tmp_path / "official.pth").exit_code == 0
    monkeypatch.setenv("TRYON_SUPER_RESOLUTION_ENGINE", "srgan-pth")
    networks: list[core.Network] = []

    def upscale(request: UpscaleRequest, network: core.Network) -> Image:
        networks.append(network)
        return request.image

    monkeypatch.setattr(core, "upscale", upscale)
    small = np.zeros((40, 30, 3), np.uint8)
    service.load().handlers["Upscale"](UpscaleRequest(small, 120, 160))
    planes = np.random.default_rng(3).random((3, 90, 70), np.float32)
    everywhere = np.ones(planes.shape[1:], bool)
    whole = core.run_in_tiles(planes, networks[0], everywhere, (200, 200))
    tiled = core.run_in_tiles(planes, networks[0], everywhere, (48, 48))
    assert np.abs(whole - tiled).max() < 1e-4
    assert folder.exists()


def test_smaller_weights_enlarge_alike_or_are_refused(
    folder: Path, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYON_SUPER_RESOLUTION_ENGINE", "srgan-pth")
    monkeypatch.setattr(srgan, "SPEC", replace(srgan.SPEC, size=(32, 24)))
    photo = np.random.default_rng(2).integers(0, 256, (40, 30, 3)).astype(np.uint8)
    official = tmp_path / "official.pth"
    torch.save(state, official)

    def enlarged(kind: str) -> NDArray[np.float64]:
        done = add(official, "--precision", kind)
        assert done.exit_code == 0, done.output
        answer = service.load().handlers["Upscale"](UpscaleRequest(photo, 120, 160))
        assert isinstance(answer, UpscaleResponse)
        return answer.image.astype(np.float64)

    whole, size = enlarged("fp32"), (folder / FILE).stat().st_size
    for kind, share, least in (("fp16", 0.55, 60), ("int8", 0.3, 40)):
        assert np.mean((enlarged(kind) - whole) ** 2) < 255**2 / 10 ** (least / 10)
        assert (folder / FILE).stat().st_size < share * size

    before = (folder / FILE).read_bytes()
    monkeypatch.setattr(precision, "LEAST_PSNR", 60.0)
    done = add(official, "--precision", "int8")
    assert done.exit_code == 1
    assert "dB, and may have no less than 60 dB" in done.stderr
    assert "leave --precision out" in done.stderr
    assert (folder / FILE).read_bytes() == before
    assert {path.name for path in folder.iterdir()} == {
        ".lock", store.VERIFIED_FILE, FILE, f"{FILE}.json"
    }  # fmt: skip


class Evil:
    """Something that a pickle would execute."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def spoilt(kind: str, state: State, file: Path) -> None:
    """Write a file of about the right size that is not the network's."""
    weight = state["block1.0.weight"]
    changed = {
        "other shapes": torch.zeros(64, 3, 7, 7),
        "too large numbers": torch.full(weight.shape, 1e300, dtype=torch.float64),
        "whole numbers": weight.long(),
        "sparse": weight.to_sparse(),
    }
    if kind in changed:
        torch.save(state | {"block1.0.weight": changed[kind]}, file)
    elif kind == "other keys":
        torch.save({f"generator.{key}": value for key, value in state.items()}, file)
    elif kind == "a part":
        torch.save({key: value for key, value in state.items() if "bn" not in key}, file)
    elif kind == "no numbers":
        state["block1.0.bias"][3] = float("nan")
        torch.save(state, file)
    elif kind == "no tensors":
        torch.save({"weights": [1.0] * 400_000}, file)
    elif kind == "a pickle that acts":
        torch.save(state | {"act": Evil()}, file)
    elif kind == "an old pickle that acts":
        file.write_bytes(pickle.dumps([Evil(), bytes(3_000_000)]))
    elif kind == "cut short":
        torch.save(state, file)
        file.write_bytes(file.read_bytes()[:-100_000])
    elif kind == "a zip of something else":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("readme", bytes(3_000_000))
    else:
        file.write_bytes(np.random.default_rng(1).bytes(3_000_000))


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("other keys", "not the weight file of SRGAN x4 of leftthomas: of 93 keys 93 keys are"),
        ("other shapes", "block1.0.weight: (64, 3, 7, 7), not (64, 3, 9, 9)"),
        ("a part", "keys are missing (block2.bn1.weight"),
        ("no numbers", "block1.0.bias holds values that are no numbers"),
        ("too large numbers", "block1.0.weight holds values that are no numbers, or too large"),
        ("whole numbers", "block1.0.weight: int64, not float32"),
        ("sparse", "tensors that are sparse, quantised or without numbers (block1.0.weight)"),
        ("no tensors", "holds no state of a network"),
        ("a pickle that acts", "not a PyTorch file that holds tensors alone"),
        ("an old pickle that acts", "not a PyTorch file that holds tensors alone"),
        ("cut short", "not a PyTorch file that holds tensors alone"),
        ("a zip of something else", "not a PyTorch file that holds tensors alone"),
        ("noise", "not a PyTorch file that holds tensors alone"),
    ],
)
def test_a_file_that_is_not_the_networks(
    folder: Path, state: State, monkeypatch: pytest.MonkeyPatch, kind: str, sentence: str
) -> None:
    monkeypatch.chdir(folder.parent)
    file = folder.parent / "weights.pth"
    spoilt(kind, state, file)
    done = add(file)
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("executed").exists()
    assert {path.name for path in folder.iterdir()} == {".lock"}


def test_another_answer_in_onnx_adds_nothing(
    folder: Path, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(state, tmp_path / "official.pth")
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    done = add(tmp_path / "official.pth")
    assert done.exit_code == 1
    assert "differs from PyTorch's" in done.stderr
    assert {path.name for path in folder.iterdir()} == {".lock"}


@pytest.mark.parametrize("network", BUILT_HERE, ids=lambda network: network.name)
def test_every_network_has_as_many_parameters_as_it_is_listed_with(network: Network) -> None:
    assert network.module is not None
    built = importlib.import_module(network.module).SPEC.build()
    assert sum(each.numel() for each in built.parameters()) == network.parameters
    assert not built.training
