"""Follow a pickle without loading it and refuse content that takes unbounded time to load."""

import pickle
import pickletools
from collections.abc import Collection
from dataclasses import dataclass
from typing import IO, Any, Final

OPCODES: Final = {
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BUILD"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BINUNICODE"),
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"),
    *("EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS"),
    *("BINGET", "BINPUT", "LONG_BINGET", "LONG_BINPUT"),
}
"""Opcodes of every pickle of weights, from protocol 2 on."""

_KEYS: Final = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BININT", "BININT1", "BININT2"),
}
"""Opcodes that write text and 32-bit numbers: permitted dictionary keys."""

_TUPLES: Final = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
"""Opcodes that build a tuple."""

_FILLED: Final = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"}
"""Opcodes that change an object and leave it on the stack."""

_CALLS: Final = {"REDUCE", "NEWOBJ", "BUILD", "BINPERSID"}
"""Opcodes that call an object that the pickle names."""

_OWN_HASH: Final = 2**60
"""Bound below which no two integers share a hash."""

_MOST_NUMBER: Final = 2**63
"""Bound up to which only a handful of integers share a hash."""

_MOST_DEEP: Final = 100
"""Largest depth of nested tuples; a hash takes a frame of the C stack for each level."""

_PASSED: Final = 4
"""Largest number of objects passed to calls, per byte of the pickle."""


@dataclass(slots=True, eq=False)
class _Object:
    """Properties of an object on the unpickler's stack."""

    key: bool = False
    """May be a dictionary key."""
    named: bool = False
    """Is an import by name."""
    size: int = 1
    """Number of objects in it, itself included; one that is held twice counts twice."""
    depth: int = 0
    """Depth of nested tuples."""


def check(stream: IO[bytes], length: int, opcodes: Collection[str]) -> None:
    """Follow the pickle at the start of ``stream`` to its end, at most ``length`` bytes.

    Three constructs take a few bytes of a file but unbounded time to load: tuples that each hold
    the next one twice, large integers that share a hash, and one long list that is passed to many
    calls. Raises UnpicklingError for these, for a longer pickle, for opcodes outside ``opcodes``
    and for calls of an object without a name. Raises ValueError or LookupError for other content
    than a pickle.
    """
    stack: list[_Object] = []
    marks: list[int] = []
    memo: dict[Any, _Object] = {}
    start = stream.tell()
    left = _PASSED * length
    for opcode, argument, at in pickletools.genops(stream):
        name = opcode.name
        # The unpickler allocates as many memo entries as this argument.
        far = name == "LONG_BINPUT" and (argument or 0) > length
        if far or name not in opcodes:
            raise pickle.UnpicklingError(f"weights are not written with this {name}")
        if (at or 0) - start > length:
            raise pickle.UnpicklingError(f"it has more than {length:,} bytes")
        # On an empty stack it is the mark of a file of PyTorch below 1.6.
        if name == "LONG1" and stack and not _small(argument or 0, _MOST_NUMBER):
            raise pickle.UnpicklingError("a number has more than 64 bits")
        if name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        else:
            before = opcode.stack_before
            first = len(stack) - len(before)
            if pickletools.markobject in before:
                first = marks.pop() - before.index(pickletools.markobject)
            if first < 0:
                raise pickle.UnpicklingError("it takes more than there is")
            taken = stack[first:]
            left -= _passed(name, taken)
            if left < 0:
                raise pickle.UnpicklingError("it passes on more than it holds")
            del stack[first:]
            made = _after(name, taken)
            made.key = made.key or (name == "LONG1" and _small(argument or 0, _OWN_HASH))
            stack += [made] * len(opcode.stack_after)


def _small(number: int, bound: int) -> bool:
    return -bound <= number <= bound


def _passed(name: str, taken: list[_Object]) -> int:
    """Count the objects that an opcode passes to a call; refuse unsuitable keys and callables."""
    if name in ("SETITEM", "SETITEMS") and not all(each.key for each in taken[1::2]):
        raise pickle.UnpicklingError("a key is neither text nor a small number")
    if name in ("REDUCE", "NEWOBJ") and not taken[0].named:
        raise pickle.UnpicklingError("what is called has no name")
    return taken[-1].size if name in _CALLS else 0


def _after(name: str, taken: list[_Object]) -> _Object:
    """Derive the object that an opcode leaves from the objects that it takes."""
    if name in _FILLED:
        if name != "BUILD":
            # A bound keeps the sums fast.
            taken[0].size = min(sum(each.size for each in taken), 2**_MOST_DEEP)
        return taken[0]
    if name not in _TUPLES:
        return _Object(key=name in _KEYS, named=name in ("GLOBAL", "STACK_GLOBAL"))
    depth = 1 + max((each.depth for each in taken), default=0)
    if depth > _MOST_DEEP:
        raise pickle.UnpicklingError("tuples are too deep in each other")
    return _Object(size=1 + sum(each.size for each in taken), depth=depth)
