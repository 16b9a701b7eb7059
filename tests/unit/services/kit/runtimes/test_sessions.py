"""Sessions: shared, freed, and clear about files that are no models."""

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from services.kit.errors import ServiceUnavailable, WeightsMissing
from services.kit.runtimes import sessions
from tests.conftest import forget_settings

pytestmark = pytest.mark.unit


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network that doubles its input."""
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Add", ["input", "input"], ["output"])],
        "double",
        [helper.make_tensor_value_info("input", number, ["length"])],
        [helper.make_tensor_value_info("output", number, ["length"])],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(made, tmp_path / "double.onnx")
    return tmp_path / "double.onnx"


def test_one_file_one_session_even_for_many_threads(model: Path) -> None:
    barrier = threading.Barrier(8)
    made: list[Any] = []

    def load() -> None:
        barrier.wait()
        made.append(sessions.onnx_session(model))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(session) for session in made}) == 1
    [result] = made[0].run(None, {"input": np.ones(3, np.float32)})
    assert result.tolist() == [2, 2, 2]


def test_two_ways_to_write_a_path_are_one_session(model: Path) -> None:
    roundabout = model.parent / "." / ".." / model.parent.name / model.name
    session = sessions.onnx_session(model)
    assert sessions.onnx_session(roundabout) is session


def test_a_session_goes_with_its_last_holder(model: Path) -> None:
    session = sessions.onnx_session(model)
    assert model.resolve() in sessions._sessions
    del session
    gc.collect()
    assert model.resolve() not in sessions._sessions


@pytest.mark.parametrize("load", [sessions.onnx_session, sessions.tflite_interpreter])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", bytes(5000)])
def test_a_file_that_is_no_model(
    tmp_path: Path, load: Callable[[Path], Any], content: bytes
) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(content)
    with pytest.raises(WeightsMissing, match=r"page\.html is not .* models verify"):
        load(file)


@pytest.mark.parametrize("load", [sessions.onnx_session, sessions.tflite_interpreter])
def test_a_file_that_is_not_there(tmp_path: Path, load: Callable[[Path], Any]) -> None:
    with pytest.raises(WeightsMissing, match=r"none\.onnx cannot be read.*run\.sh models"):
        load(tmp_path / "none.onnx")


def test_half_a_model(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:40])
    with pytest.raises(WeightsMissing):
        sessions.onnx_session(model)


def test_a_gpu_that_is_not_there(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sessions.CUDA in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime knows CUDA")
    monkeypatch.setenv("TRYON_ONNX_PROVIDER", "cuda")
    with pytest.raises(ServiceUnavailable, match="needs an NVIDIA GPU"):
        sessions.onnx_session(model)


@pytest.mark.parametrize("arena", [True, False])
def test_a_session_may_be_without_the_memory_arena(model: Path, *, arena: bool) -> None:
    session = sessions.onnx_session(model, arena=arena)
    assert session.get_session_options().enable_cpu_mem_arena is arena


def test_tensorrt_that_is_not_there(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sessions.TENSORRT in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime knows TensorRT")
    monkeypatch.setenv("TRYON_ONNX_PROVIDER", "tensorrt")
    with pytest.raises(ServiceUnavailable, match="TensorRT's libraries"):
        sessions.onnx_session(model)


def test_providers_are_tried_from_the_fastest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    for setting, wanted in (
        ("cpu", [sessions.CPU]),
        ("cuda", [sessions.CUDA, sessions.CPU]),
        ("tensorrt", [sessions.TENSORRT, sessions.CUDA, sessions.CPU]),
    ):
        monkeypatch.setenv("TRYON_ONNX_PROVIDER", setting)
        forget_settings()
        assert [name for name, _ in sessions._providers()] == wanted
    [(_, options), *_] = sessions._providers()
    assert options["trt_engine_cache_path"] == str(tmp_path / sessions.TENSORRT_CACHE)
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path / "not there"))
    forget_settings()
    [(_, options), *_] = sessions._providers()
    assert options == {"trt_engine_cache_enable": False}
