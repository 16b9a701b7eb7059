"""What this machine can do at most: products a second, and bytes a second to and from memory."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kit.settings import get_settings

SIDE: Final = 2048
"""Rows and columns of the multiplied matrices."""

COPY_BYTES: Final = 256 * 1024 * 1024
"""Bytes that are copied; far more than any cache holds."""

REPEATS: Final = 5
"""Runs, of which the fastest counts."""

OPSET: Final = 17
"""Version of ONNX's operations."""


@dataclass(frozen=True, kw_only=True)
class Ceilings:
    """The most that this machine does in a second."""

    float_macs: float
    """Multiplications and additions of 32-bit floating-point numbers."""
    integer_macs: float
    """Multiplications and additions of 8-bit integers."""
    bytes_moved: float
    """Bytes read from memory and written to it."""


def measure_ceilings() -> Ceilings:
    """Measure products by one large matrix product in ONNX Runtime, bytes by a copy."""
    generator = np.random.default_rng(0)
    reals = generator.random((SIDE, SIDE), np.float32)
    levels = generator.integers(0, 127, (SIDE, SIDE))
    macs = SIDE**3
    return Ceilings(
        float_macs=macs / _fastest(_product("MatMul", reals, reals)),
        integer_macs=macs
        / _fastest(_product("MatMulInteger", levels.astype(np.uint8), levels.astype(np.int8))),
        bytes_moved=2 * COPY_BYTES / _fastest(_copy()),
    )


def _fastest(run: Callable[[], object]) -> float:
    """Return the seconds of the fastest of several runs after one that does not count."""
    run()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def _product(operation: str, left: NDArray[Any], right: NDArray[Any]) -> Callable[[], object]:
    """Make a run of a matrix product whose right matrix is constant, as weights are."""
    import onnx  # noqa: PLC0415 - only in the models extra
    import onnxruntime  # noqa: PLC0415 - its telemetry must be switched off before

    result = onnx.TensorProto.FLOAT if operation == "MatMul" else onnx.TensorProto.INT32
    left_type = onnx.helper.np_dtype_to_tensor_dtype(left.dtype)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node(operation, ["left", "right"], ["product"])],
        "product",
        [onnx.helper.make_tensor_value_info("left", left_type, left.shape)],
        [onnx.helper.make_tensor_value_info("product", result, (SIDE, SIDE))],
        [onnx.numpy_helper.from_array(right, "right")],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=8
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = get_settings().threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(["product"], {"left": left})


def _copy() -> Callable[[], object]:
    threads = get_settings().threads
    source = np.ones(COPY_BYTES, np.uint8)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    pool = ThreadPoolExecutor(threads)
    return lambda: list(pool.map(lambda part: np.copyto(*part), parts))
