"""Stored answers of the original networks, and how ours are held against them.

A reference ``references/NAME.npz`` holds, for each output, every ``step``-th value of it flattened,
its shape, its mean and standard deviation, its span (greatest less least value); and ``about``, in
JSON, the original's repository and commit, its number of parameters, the seed and the inputs.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FOLDER: Final = Path(__file__).with_name("references")
TOLERANCE: Final = 1e-4
"""Of an output's span, in float32."""


class Stored:
    """One network's reference."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as file:
            self._held = {key: file[key] for key in file.files}
        self.about: dict[str, Any] = json.loads(str(self._held["about"]))

    def inputs(self, low: float) -> NDArray[np.float32]:
        """Make the picture that the original was given: 1 x 3 x H x W, ``low`` to 1."""
        height, width = self.about["size"]
        random = np.random.default_rng(self.about["seed"])
        return random.uniform(low, 1, (1, 3, height, width)).astype(np.float32)

    def differs(self, output: str, values: NDArray[np.float32]) -> float:
        """Say by how much of its span an output differs from the original's, at the most.

        Its shape must be the original's; mean and standard deviation count as values do.
        """
        held = {part: self._held[f"{output}.{part}"] for part in ("shape", "sample", "step")}
        assert values.shape == tuple(held["shape"])
        sample = values.reshape(-1)[:: int(held["step"])]
        return max(
            float(np.abs(sample - held["sample"]).max()),
            abs(float(values.mean(dtype=np.float64)) - float(self._held[f"{output}.mean"])),
            abs(float(values.std(dtype=np.float64)) - float(self._held[f"{output}.std"])),
        ) / float(self._held[f"{output}.span"])

    def outputs(self) -> Sequence[str]:
        """Name the outputs that are held."""
        return [key.removesuffix(".sample") for key in self._held if key.endswith(".sample")]
