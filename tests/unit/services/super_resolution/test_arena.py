import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from services.super_resolution.arena import shrink_arena
from tests.peak_memory import measure_growth

pytestmark = pytest.mark.unit

MIB = 1024 * 1024

RUN = """
    import numpy as np
    from pathlib import Path
    from services.kit.runtimes import sessions
    from services.super_resolution.arena import shrink_arena
    session = sessions.onnx_session(Path({path!r}))
    shrink_arena(session)
    for side in (500, 508, 516):
        session.run(["output"], {{"input": np.zeros((1, 3, side, side), np.float32)}})
"""


def write_network(path: Path) -> None:
    """Write two convolutions with 64 channels between them: 64 MB for 500 x 500 pixels."""
    number = onnx.TensorProto.FLOAT
    wide, narrow = (np.zeros((*pair, 3, 3), np.float32) for pair in ((64, 3), (3, 64)))
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "wide"], ["channels"], pads=[1, 1, 1, 1]),
            helper.make_node("Conv", ["channels", "narrow"], ["output"], pads=[1, 1, 1, 1]),
        ],
        "wide",
        [helper.make_tensor_value_info("input", number, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("output", number, [1, 3, "height", "width"])],
        [numpy_helper.from_array(wide, "wide"), numpy_helper.from_array(narrow, "narrow")],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(made, path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a process")
def test_what_a_photo_s_tiles_needed_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "wide.onnx"
    write_network(path)
    assert measure_growth(RUN.format(path=str(path)), "shrink_arena(session)") < -60 * MIB


def test_a_network_that_runs_elsewhere_is_left_alone() -> None:
    class OnGpu:
        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    class InPyTorch:
        pass

    # Neither has the network's inputs, so a run would fail.
    for session in (OnGpu(), InPyTorch()):
        shrink_arena(session)
