"""Give the memory that ONNX Runtime keeps for a network back after a photo."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from services.kit.runtimes import sessions

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SHRINK_OPTION: Final = "memory.enable_memory_arena_shrinkage"
"""Name of ONNX Runtime's option of a run that shrinks the arena at the run's end."""

CPU_ARENA: Final = "cpu:0"
"""Name of the CPU's arena in that option."""

LEAST_SIDE_PX: Final = 8
"""Side of the input of a run that only shrinks the arena."""


def shrink_arena(session: "InferenceSession | Any") -> None:
    """Free the part of a session's arena that no run uses.

    Tiles of other sizes need other blocks, so that the arena would grow from photo to photo. It
    shrinks at the end of a run only, so the network runs over a few pixels. Nothing happens on a
    GPU, where another input size may cost minutes, and in PyTorch, which has no arena.
    """
    if not hasattr(session, "get_providers") or session.get_providers()[0] != sessions.CPU:
        return
    from onnxruntime import InferenceSession, RunOptions  # noqa: PLC0415 - no runtime of PyTorch's

    options = RunOptions()
    options.add_run_config_entry(SHRINK_OPTION, CPU_ARENA)
    pixels = np.zeros((1, 3, LEAST_SIDE_PX, LEAST_SIDE_PX), np.float32)
    # Not the session's own method, which does nothing once the call is cancelled.
    InferenceSession.run(session, ["output"], {"input": pixels}, options)
