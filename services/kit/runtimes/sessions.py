"""Load networks into their runtimes. Imports are inside: a service installs its own runtime only.

Session options were measured with u2net at 384x384 and 512x512 at the same time on two cores:

==================================  =========  ==============
options                             peak       system time
==================================  =========  ==============
memory arena alone (chosen)         1.1 GB     none once warm
no arena                            1.3 GB     1.1 s a pair
arena, shrunk after every run       1.2 GB     0.5 s a pair
==================================  =========  ==============

Memory patterns on top of the arena took more, 1.4 GB with the two sizes one after the other. A
network whose tensors take gigabytes is better off without the arena: VITON-HD's last peaks at 3 GB
so and gives it back; with it, at 3.9 GB from the second picture on, which it keeps.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from services.kit.errors import ServiceUnavailable, WeightsMissing
from services.kit.runtimes import torch_runtime
from services.kit.settings import get_settings
from services.kit.weights import store

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter
    from onnxruntime import InferenceSession

CPU: Final = "CPUExecutionProvider"
"""ONNX Runtime's name of the CPU provider."""

CUDA: Final = "CUDAExecutionProvider"
"""ONNX Runtime's name of the CUDA provider."""

TENSORRT: Final = "TensorrtExecutionProvider"
"""ONNX Runtime's name of the TensorRT provider."""

TENSORRT_CACHE: Final = ".tensorrt"
"""Folder in the weights folder that keeps TensorRT's engines; building one takes minutes."""

NO_CUDA: Final = (
    "TRYON_ONNX_PROVIDER=cuda needs an NVIDIA GPU, its driver and the package onnxruntime-gpu, not "
    "all of which are here; use docker-compose.gpu.yml on a machine with a GPU, or leave the "
    "variable out."
)
"""Message if CUDA is chosen and not available."""

NO_TENSORRT: Final = (
    "TRYON_ONNX_PROVIDER=tensorrt needs an NVIDIA GPU, its driver, the package onnxruntime-gpu and "
    "TensorRT's libraries, not all of which are here; set it to cuda, or leave it out."
)
"""Message if TensorRT is chosen and not available."""

ERROR_LOG_SEVERITY: Final = 3
"""ONNX Runtime's log severity of errors; its warnings are about how a file was exported."""

_lock: Final = Lock()
_sessions: Final["WeakValueDictionary[Path, Any]"] = WeakValueDictionary()


def onnx_session(path: Path, *, arena: bool = True) -> "InferenceSession":
    """Return the session of an ONNX file; all callers in the process share it.

    Several threads may run a session at once. A run raises Cancelled soon after the current token
    is cancelled. A session is freed with its last reference. Without ``arena`` it frees memory
    after each use; the first caller of a file decides. With
    ``TRYON_RUNTIME=torch`` the session of a converted file is the network in PyTorch, with the same
    ``run``, ``get_inputs`` and ``get_outputs``. Raises WeightsMissing if there is no such file or
    it is not an ONNX model, and ServiceUnavailable if it cannot run on the chosen GPU.
    """
    network = torch_runtime.find_network(path)
    key = (store.find_torch_state(network) if network else path).resolve()
    with _lock:
        session = _sessions.get(key)
        if session is None:
            session = torch_runtime.load(network, key) if network else _load_onnx(key, arena=arena)
            _sessions[key] = session
        return session


def _load_onnx(path: Path, *, arena: bool) -> "InferenceSession":
    # ONNX Runtime's wheel reports usage and leaves a file in the temporary folder, unless this is
    # set when it is imported.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime  # noqa: PLC0415 - not installed where no ONNX engine runs
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # noqa: PLC0415

    from services.kit.runtimes.cancellable_session import CancellableSession  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_settings().threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = arena
    options.log_severity_level = ERROR_LOG_SEVERITY
    # A thread that spins while it waits takes a core from other networks.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = _providers()
    first = providers[0][0]
    if first != CPU:
        _check(first, onnxruntime.get_available_providers())
        # CUDA's libraries come as Python packages, where the system's loader does not look.
        onnxruntime.preload_dlls()
    try:
        session = CancellableSession(str(path), options, providers=providers)
    except state.NoSuchFile as error:
        raise WeightsMissing(_missing(path)) from error
    except (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.InvalidArgument) as error:
        raise WeightsMissing(_not_a_model(path.name, "an ONNX model")) from error
    # Without a GPU, ONNX Runtime uses the CPU and only logs it.
    _check(first, session.get_providers())
    return session


def _providers() -> list[tuple[str, dict[str, Any]]]:
    """Return providers and their options, first choice first."""
    settings = get_settings()
    wanted: list[tuple[str, dict[str, Any]]] = [(CPU, {})]
    if settings.onnx_provider != "cpu":
        # Memory grows by the size requested instead of doubling; without TF32 outputs are those of
        # the CPU.
        options = {"arena_extend_strategy": "kSameAsRequested", "use_tf32": "0"}
        wanted.insert(0, (CUDA, options))
    if settings.onnx_provider == "tensorrt":
        # In containers the weights are mounted for reading only.
        keep = os.access(settings.models_dir, os.W_OK)
        built = {"trt_engine_cache_path": str(settings.models_dir / TENSORRT_CACHE)} if keep else {}
        wanted.insert(0, (TENSORRT, {"trt_engine_cache_enable": keep, **built}))
    return wanted


def _check(provider: str, there: Sequence[str]) -> None:
    if provider not in there:
        raise ServiceUnavailable(NO_TENSORRT if provider == TENSORRT else NO_CUDA)


def tflite_interpreter(model: Path | bytes, threads: int | None = None) -> "Interpreter":
    """Make an interpreter with allocated tensors for a .tflite file or its bytes.

    ``threads`` defaults to the settings. An interpreter is not thread-safe; its callers need a
    lock. Raises WeightsMissing if there is no such file or it is not a TensorFlow Lite model.
    """
    from ai_edge_litert.interpreter import Interpreter  # noqa: PLC0415 - as above

    name = "the embedded model" if isinstance(model, bytes) else model.name
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
    except OSError as error:
        raise WeightsMissing(_missing(Path(name))) from error
    try:
        interpreter = Interpreter(
            model_content=content, num_threads=threads or get_settings().threads
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise WeightsMissing(_not_a_model(name, "a TensorFlow Lite model")) from error
    return interpreter


def _missing(path: Path) -> str:
    return f"{path.name} cannot be read; run `bash run.sh models` to fetch it."


def _not_a_model(name: str, kind: str) -> str:
    return (
        f"{name} is not {kind}; run `bash run.sh models verify` to find damaged weight files, "
        "then `bash run.sh models` to fetch them again."
    )
