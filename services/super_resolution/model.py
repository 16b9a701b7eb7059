"""Runs a super-resolution network in ONNX Runtime."""

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from services.kit.cancellation import hold_lock
from services.super_resolution.core import Network, Planes

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def wrap_session(
    session: "InferenceSession",
    *,
    scale: int,
    margin: int,
    even_sizes_only: bool,
    needs_deblocking: bool,
) -> Network:
    """Wrap a session whose ``input`` and ``output`` are 1 x 3 x height x width RGB, 0 to 1.

    Two photos at the same time would take twice the memory and no less time, so one waits.
    """
    one_at_a_time = Lock()

    def run(planes: Planes) -> Planes:
        with hold_lock(one_at_a_time):
            [result] = session.run(["output"], {"input": np.ascontiguousarray(planes[None])})
        enlarged: Planes = result[0]
        return enlarged

    return Network(
        run=run,
        scale=scale,
        margin=margin,
        even_sizes_only=even_sizes_only,
        needs_deblocking=needs_deblocking,
    )
