"""A network that counts to a number that it is given: for ever, if that is large enough.

So a run that ends at once after it was cancelled can only have ended by that.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

FOR_EVER: Final = 10**15
"""Steps that take centuries."""

BUSY_SECONDS: Final = 0.2
"""CPU seconds after which a run has certainly begun."""


def write(path: Path) -> Path:
    """Write the network: ``count``, an int64, to ``counted``, the same number step by step."""
    number, flag = onnx.TensorProto.INT64, onnx.TensorProto.BOOL
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go_on"], ["go_on_after"]),
            helper.make_node("Add", ["reached", "one"], ["reached_after"]),
        ],
        "step",
        [
            helper.make_tensor_value_info("index", number, []),
            helper.make_tensor_value_info("go_on", flag, []),
            helper.make_tensor_value_info("reached", number, []),
        ],
        [
            helper.make_tensor_value_info("go_on_after", flag, []),
            helper.make_tensor_value_info("reached_after", number, []),
        ],
        [helper.make_tensor("one", number, [], [1])],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["count", "", "zero"], ["counted"], body=body)],
        "count",
        [helper.make_tensor_value_info("count", number, [])],
        [helper.make_tensor_value_info("counted", number, [])],
        [helper.make_tensor("zero", number, [], [0])],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(made)
    onnx.save(made, path)
    return path


def count_to(session: Any, number: int) -> int:
    """Run the network."""
    [counted] = session.run(None, {"count": np.array(number, np.int64)})
    result: NDArray[np.int64] = counted
    return int(result)


async def until_busy() -> None:
    """Wait until this process computes; the test's time limit ends it."""
    before = time.process_time()
    while time.process_time() - before < BUSY_SECONDS:  # noqa: ASYNC110 - a run sets no event
        await asyncio.sleep(0.01)
