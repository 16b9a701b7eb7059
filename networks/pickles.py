"""Reads pickles that may name nothing but what the reader knows: nothing in them is executed."""

import io
import pickle
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from networks.loading import UNREADABLE, NotTheWeights
from networks.pickle_check import OPCODES, check

Names = Mapping[tuple[str, str], Any]
"""What stands for a module's name in a pickle."""
MODEL: Final = "model"
"""Under it detectron2 puts a network's state."""
_ARRAY_OPCODES: Final = OPCODES | {
    *("FRAME", "STACK_GLOBAL", "MEMOIZE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
"""Pickle opcodes that a dictionary of NumPy arrays needs."""

_FLOATS: Final = ("f2", "f4", "f8")
"""Type codes of floating-point arrays."""

_ORDERS: Final = ("<", ">", "=")
"""Byte orders of an array."""


class Known(pickle.Unpickler):
    """An unpickler that takes what a pickle names from a table, and refuses what is not in it.

    It refuses opcodes that are not among ``opcodes``, and what would take for ever to load.
    """

    def __init__(self, content: bytes, names: Names, opcodes: Collection[str]) -> None:
        check(io.BytesIO(content), len(content), opcodes)
        # Bytes of Python 2 are bytes, not text.
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Give what stands for a name. Raises UnpicklingError for an unknown one."""
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not expected in weights") from None


def mapping() -> dict[str, Any]:
    """Make an OrderedDict as it is written: empty, what it holds comes after."""
    return {}


class _Kind:
    """A kind of number: NumPy's name of it, and its sign for the order of the bytes."""

    def __init__(self, name: Any, _align: Any, _copy: Any) -> None:
        self.name = name
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]


class _Array:
    """What a pickle says of an array; NumPy itself would also make fields in fields of it."""

    def __init__(self, _class: Any, _shape: Any, _kind: Any) -> None:
        self.kind: Any = None

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.kind, self.columns_first, self.content = state

    @property
    def of_floats(self) -> bool:
        """Whether its numbers are real ones, however precise."""
        kind = self.kind
        return isinstance(kind, _Kind) and kind.name in _FLOATS and kind.order in _ORDERS

    @cached_property
    def tensor(self) -> Tensor:
        """The numbers in single precision; ValueError or TypeError if they are not all there."""
        content = self.content
        values: np.ndarray[Any, Any] = np.ndarray(
            self.shape,
            self.kind.order + self.kind.name,
            # Without a view, None would be numbers that nobody wrote.
            memoryview(content.encode("latin1") if isinstance(content, str) else content),
            order="F" if self.columns_first else "C",
        )
        return torch.from_numpy(np.array(values, np.float32, order="C"))


def _bytes(text: str, encoding: str) -> str:
    """Leave bytes as the text that Python 3 makes of them in the older protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are not written as {encoding}")
    return text


_ARRAYS: Final[Names] = {
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("collections", "OrderedDict"): mapping,
    ("_codecs", "encode"): _bytes,
}
"""All that a file of arrays may name, in older and newer NumPy.

None takes any number of arguments: a pickle can pass one long tuple again and again.
"""


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Read the state in a pickle of NumPy arrays, as detectron2's model zoo publishes them.

    Raises NotTheWeights for a file that holds anything else than numbers.
    """
    try:
        held = Known(path.read_bytes(), _ARRAYS, _ARRAY_OPCODES).load()
        if isinstance(held, Mapping) and isinstance(held.get(MODEL), Mapping):
            held = held[MODEL]
        if not isinstance(held, Mapping) or not held or not all(map(_is_numbers, held.items())):
            raise NotTheWeights(f"{path.name} holds no state of a network: names with arrays.")
        return {key: value.tensor for key, value in held.items()}
    except UNREADABLE as error:
        raise NotTheWeights(
            f"{path.name} is not a pickle of arrays alone; take the file that the network's "
            "authors publish, whole and unchanged."
        ) from error


def _is_numbers(item: tuple[Any, Any]) -> bool:
    key, value = item
    return isinstance(key, str) and isinstance(value, _Array) and value.of_floats
