"""ONNX Runtime's session, whose runs can be cancelled.

Import it after ONNX Runtime's environment variables are set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from services.kit.cancellation import check_cancelled, current_token


class CancellableSession(onnxruntime.InferenceSession):  # type: ignore[misc]
    """A session whose runs end early if the current token is cancelled.

    A run ends after the operator that it computes. Other runs of the session go on, and further
    runs may follow.
    """

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: onnxruntime.RunOptions | None = None,
    ) -> Any:
        """Return the outputs of these names, all for None. Raises Cancelled."""
        check_cancelled()
        options = run_options or onnxruntime.RunOptions()

        def terminate() -> None:
            options.terminate = True

        with current_token().on_cancel(terminate):
            try:
                return super().run(output_names, input_feed, options)
            except state.Fail:
                # ONNX Runtime has no error class of its own for a run that was terminated.
                check_cancelled()
                raise
