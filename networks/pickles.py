"""Reads pickles that may name nothing but what the reader knows: nothing in them is executed."""

import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from networks.loading import UNREADABLE, NotTheWeights

Names = Mapping[tuple[str, str], Any]
"""What stands for a module's name in a pickle."""
MODEL: Final = "model"
"""Under it detectron2 puts a network's state."""


class Known(pickle.Unpickler):
    """An unpickler that takes what a pickle names from a table, and refuses what is not in it."""

    def __init__(self, content: bytes, names: Names) -> None:
        # Bytes of Python 2 are bytes, not text.
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Give what stands for a name. Raises UnpicklingError for an unknown one."""
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not expected in weights") from None


def _bytes(text: str, encoding: str) -> bytes:
    """Undo what Python 3 does to bytes in the older protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are not written as {encoding}")
    return text.encode("latin1")


ARRAYS: Final[Names] = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]  # noqa: SLF001
    ("numpy._core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]  # noqa: SLF001
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _bytes,
}
"""All that a file of arrays may name, in older and newer NumPy."""


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Read the state in a pickle of NumPy arrays, as detectron2's model zoo publishes them.

    Raises NotTheWeights for a file that holds anything else than numbers.
    """
    try:
        held = Known(path.read_bytes(), ARRAYS).load()
    except UNREADABLE as error:
        raise NotTheWeights(
            f"{path.name} is not a pickle of arrays alone; take the file that the network's "
            "authors publish, whole and unchanged."
        ) from error
    if isinstance(held, Mapping) and isinstance(held.get(MODEL), Mapping):
        held = held[MODEL]
    if not isinstance(held, Mapping) or not held or not all(map(_is_numbers, held.values())):
        raise NotTheWeights(f"{path.name} holds no state of a network: names with arrays.")
    return {
        str(key): torch.from_numpy(np.array(value, np.float32, order="C"))
        for key, value in held.items()
    }


def _is_numbers(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"
