"""Read pickles with a fixed table of names, so that nothing in them is executed."""

import io
import pickle
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from networks.loading import UNREADABLE, WrongWeightFile
from networks.pickle_check import OPCODES, check

Names = Mapping[tuple[str, str], Any]
"""Replacement object for every (module, name) that a pickle may import."""

MODEL: Final = "model"
"""Key under which detectron2 stores a network's state."""

_ARRAY_OPCODES: Final = OPCODES | {
    *("FRAME", "STACK_GLOBAL", "MEMOIZE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
"""Pickle opcodes that a dictionary of NumPy arrays needs."""

_FLOATS: Final = ("f2", "f4", "f8")
"""Type codes of floating-point arrays."""

_ORDERS: Final = ("<", ">", "=")
"""Permitted byte orders of an array."""


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that resolves names by a table.

    It refuses names outside the table, opcodes outside ``opcodes``, and content that takes
    unbounded time to load.
    """

    def __init__(self, content: bytes, names: Names, opcodes: Collection[str]) -> None:
        check(io.BytesIO(content), len(content), opcodes)
        # Latin-1 keeps the bytes of Python 2 strings.
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement for a name. Raises UnpicklingError for an unknown one."""
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not expected in weights") from None


def make_mapping() -> dict[str, Any]:
    """Make the empty mapping of an OrderedDict, whose items follow in the pickle."""
    return {}


class _Kind:
    """A data type: NumPy's type code and byte order."""

    def __init__(self, name: Any, _align: Any, _copy: Any) -> None:
        self.name = name
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]


class _Array:
    """An array in a pickle. NumPy's own class would also build nested structured types."""

    def __init__(self, _class: Any, _shape: Any, _kind: Any) -> None:
        self.kind: Any = None

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.kind, self.columns_first, self.content = state

    @property
    def of_floats(self) -> bool:
        """Whether the values are floating-point, of any precision."""
        kind = self.kind
        return isinstance(kind, _Kind) and kind.name in _FLOATS and kind.order in _ORDERS

    @cached_property
    def tensor(self) -> Tensor:
        """The values in single precision; raises ValueError or TypeError if some are missing."""
        content = self.content
        values: np.ndarray[Any, Any] = np.ndarray(
            self.shape,
            self.kind.order + self.kind.name,
            # For None, ndarray would return uninitialised memory. A memory view raises.
            memoryview(content.encode("latin1") if isinstance(content, str) else content),
            order="F" if self.columns_first else "C",
        )
        return torch.from_numpy(np.array(values, np.float32, order="C"))


def _bytes(text: str, encoding: str) -> str:
    """Return bytes as the Latin-1 text that the older protocols hold."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are not written as {encoding}")
    return text


_ARRAYS: Final[Names] = {
    ("numpy", "dtype"): _Kind,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("collections", "OrderedDict"): make_mapping,
    ("_codecs", "encode"): _bytes,
}
"""Names that a file of arrays may import, in older and newer NumPy.

No replacement takes a variable number of arguments, because a pickle can pass one long tuple many
times.
"""


def read_arrays(path: Path) -> dict[str, Tensor]:
    """Read the state in a pickle of NumPy arrays, as detectron2's model zoo publishes them.

    Raises WrongWeightFile for a file that holds anything but floating-point arrays.
    """
    try:
        held = RestrictedUnpickler(path.read_bytes(), _ARRAYS, _ARRAY_OPCODES).load()
        if isinstance(held, Mapping) and isinstance(held.get(MODEL), Mapping):
            held = held[MODEL]
        if not isinstance(held, Mapping) or not held or not all(map(_is_numbers, held.items())):
            raise WrongWeightFile(f"{path.name} holds no state of a network: names with arrays.")
        return {key: value.tensor for key, value in held.items()}
    except UNREADABLE as error:
        raise WrongWeightFile(
            f"{path.name} is not a pickle of arrays alone; take the file that the network's "
            "authors publish, whole and unchanged."
        ) from error


def _is_numbers(item: tuple[Any, Any]) -> bool:
    key, value = item
    return isinstance(key, str) and isinstance(value, _Array) and value.of_floats
