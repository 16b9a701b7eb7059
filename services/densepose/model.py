"""The part network, which comes with the code."""

from pathlib import Path
from typing import Final

import numpy as np

from services.densepose.core import Network
from services.densepose.inputs import F32
from services.kit import sessions, weights
from services.kit.errors import WeightsMissing

FILE: Final = Path(__file__).with_name("parts.onnx")
"""Our own network (``training/densepose``), Apache-2.0 like the code."""
SHA256: Final = "9f3005fe89a54334c7874e4f168428f5855452e870b3bf2bf6032d8ecb82d234"


def load() -> Network:
    """Load the network. Raises WeightsMissing if it is not the file that was trained."""
    if not FILE.is_file() or weights.sha256(FILE) != SHA256:
        raise WeightsMissing(
            f"{FILE.name} beside the densepose service is missing or damaged; install this program "
            "again."
        )
    session = sessions.onnx_session(FILE)

    def run(planes: F32) -> tuple[F32, F32]:
        parts, charts = session.run(["parts", "charts"], {"planes": planes})
        return np.asarray(parts, np.float32), np.asarray(charts, np.float32)

    return run
