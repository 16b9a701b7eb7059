"""PyTorch in the place of ONNX Runtime: which networks, and what is said where it cannot be."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.kit.cancellation import check_cancelled
from services.kit.errors import ServiceUnavailable, WeightsMissing
from services.kit.runtimes import sessions, torch_runtime
from services.kit.weights.manifest import get_manifest
from tests.conftest import forget_settings

pytestmark = pytest.mark.unit

FILE = "viton_hd_gmm.onnx"
STATE = "viton_hd_gmm.safetensors"


class NoDevice(Exception):
    pass


class WrongWeightFile(Exception):
    pass


class Session:
    """Stands for a network in PyTorch."""

    def __init__(self, *given: Any) -> None:
        self.given = given


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder with a state of the user's own, and PyTorch asked for."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("TRYON_RUNTIME", "torch")
    monkeypatch.setenv("TRYON_THREADS", "1")
    (tmp_path / STATE).write_bytes(b"state")
    return tmp_path


def stand_in(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    fake = SimpleNamespace(load=load, NoDevice=NoDevice, WrongWeightFile=WrongWeightFile)
    monkeypatch.setitem(sys.modules, "networks.session", fake)


def test_a_published_network_runs_in_pytorch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Session)
    monkeypatch.setenv("TRYON_TORCH_DEVICE", "cuda")
    session: Any = sessions.onnx_session(folder / FILE)
    title = "VITON-HD: GMM"
    *given, before_layer = session.given
    assert given == ["networks.viton_hd.gmm", title, folder / STATE, "cuda", 1]
    assert before_layer is check_cancelled
    assert sessions.onnx_session(folder / FILE) is session


def test_every_other_network_runs_as_it_always_does(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert torch_runtime.find_network(folder / FILE) is not None
    # Not published, from an official ONNX file, and not what the weights folder holds.
    for file in (folder / "u2net_cloth_seg.onnx", folder / "schp_lip.onnx", tmp_path / "b" / FILE):
        assert torch_runtime.find_network(file) is None
    monkeypatch.delenv("TRYON_RUNTIME")
    forget_settings()
    assert torch_runtime.find_network(folder / FILE) is None


def test_no_pytorch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "networks.session", None)
    with pytest.raises(ServiceUnavailable, match=r"pip install 'tryon\[convert\]', or leave"):
        sessions.onnx_session(folder / FILE)


def test_no_state(folder: Path) -> None:
    (folder / STATE).unlink()
    with pytest.raises(WeightsMissing, match=r"get gmm_final\.pth .* --as viton_hd_gmm --torch`"):
        sessions.onnx_session(folder / FILE)


def test_no_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> Session:
        raise NoDevice

    stand_in(monkeypatch, load)
    with pytest.raises(ServiceUnavailable, match=r"TRYON_TORCH_DEVICE=cuda needs .* set it to cpu"):
        sessions.onnx_session(folder / FILE)


def test_a_state_of_another_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> Session:
        raise WrongWeightFile("2 keys are missing.")

    stand_in(monkeypatch, load)
    with pytest.raises(WeightsMissing, match=r"2 keys are missing\. Run .* --torch` to make"):
        sessions.onnx_session(folder / FILE)


def test_every_state_has_a_name_of_its_own() -> None:
    networks = get_manifest().networks
    files = [network.torch_file for network in networks if network.torch_file]
    assert len(files) == len(set(files)) == sum(network.module is not None for network in networks)
