"""The part network, which comes with the code."""

from pathlib import Path
from typing import Final

import numpy as np

from services.densepose.core import Network
from services.densepose.inputs import F32
from services.kit.errors import WeightsMissing
from services.kit.runtimes import sessions
from services.kit.weights import store

FILE: Final = Path(__file__).with_name("parts.onnx")
"""Our own network (``training/densepose``), Apache-2.0 like the code."""
SHA256: Final = "248c529bfa185f2e3e5be363e32fed72d40d29b98840e7885d178bc251d4319a"
"""SHA-256 of that file."""


def load() -> Network:
    """Load the network. Raises WeightsMissing if it is not the file that was trained."""
    if not FILE.is_file() or store.sha256(FILE) != SHA256:
        raise WeightsMissing(
            f"{FILE.name} beside the densepose service is missing or damaged; install this program "
            "again."
        )
    session = sessions.onnx_session(FILE)

    def run(planes: F32) -> tuple[F32, F32]:
        parts, charts = session.run(["parts", "charts"], {"planes": planes})
        return np.asarray(parts, np.float32), np.asarray(charts, np.float32)

    return run
