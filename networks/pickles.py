"""Reads pickles that may name nothing but what the reader knows: nothing in them is executed."""

import io
import pickle
import pickletools
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from networks.loading import UNREADABLE, NotTheWeights

Names = Mapping[tuple[str, str], Any]
"""What stands for a module's name in a pickle."""
OPCODES: Final = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BINUNICODE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("BINGET", "BINPUT", "LONG_BINGET", "LONG_BINPUT"),
}
"""What every pickle of weights is written with, from protocol 2 on."""
MODEL: Final = "model"
"""Under it detectron2 puts a network's state."""
_KEYS: Final = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BININT", "BININT1", "BININT2"),
}
"""What writes text and numbers of 32 bits."""
_ARRAY_OPCODES: Final = OPCODES | {
    *("FRAME", "STACK_GLOBAL", "MEMOIZE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
}
_FLOATS: Final = ("f2", "f4", "f8")
_ORDERS: Final = ("<", ">", "=")


class Known(pickle.Unpickler):
    """An unpickler that takes what a pickle names from a table, and refuses what is not in it.

    It refuses opcodes that are not among ``opcodes``, and keys but text and numbers of 32 bits.
    """

    def __init__(self, content: bytes, names: Names, opcodes: Collection[str]) -> None:
        _check(content, opcodes)
        # Bytes of Python 2 are bytes, not text.
        super().__init__(io.BytesIO(content), encoding="latin1")
        self.names = names

    def find_class(self, module: str, name: str) -> Any:
        """Give what stands for a name. Raises UnpicklingError for an unknown one."""
        try:
            return self.names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not expected in weights") from None


def _check(content: bytes, opcodes: Collection[str]) -> None:
    """Follow a pickle without loading it, knowing of each object only whether it may be a key.

    A tuple that holds one twice, which holds one twice, and so on, takes a few bytes of a file but
    years to hash as a key; and large numbers may be chosen that all have one hash.
    """
    stack: list[bool] = []
    marks: list[int] = []
    memo: dict[Any, bool] = {}
    for opcode, argument, _ in pickletools.genops(content):
        # The unpickler makes room for as many objects as this number says.
        far = opcode.name == "LONG_BINPUT" and (argument or 0) > len(content)
        if far or opcode.name not in opcodes:
            raise pickle.UnpicklingError(f"weights are not written with this {opcode.name}")
        if opcode.name == "MARK":
            marks.append(len(stack))
        elif opcode.name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif opcode.name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        else:
            before = opcode.stack_before
            start = len(stack) - len(before)
            if pickletools.markobject in before:
                start = marks.pop() - before.index(pickletools.markobject)
            if opcode.name in ("SETITEM", "SETITEMS") and not all(stack[start + 1 :: 2]):
                raise pickle.UnpicklingError("a key is neither text nor a small number")
            del stack[start:]
            stack += [opcode.name in _KEYS] * len(opcode.stack_after)


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
        if not isinstance(held, Mapping) or not held or not all(map(_is_numbers, held.values())):
            raise NotTheWeights(f"{path.name} holds no state of a network: names with arrays.")
        return {str(key): value.tensor for key, value in held.items()}
    except UNREADABLE as error:
        raise NotTheWeights(
            f"{path.name} is not a pickle of arrays alone; take the file that the network's "
            "authors publish, whole and unchanged."
        ) from error


def _is_numbers(value: Any) -> bool:
    return isinstance(value, _Array) and value.of_floats
