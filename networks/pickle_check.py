"""Follows a pickle without loading it, and refuses what would keep a reader busy for ever."""

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
"""What every pickle of weights is written with, from protocol 2 on."""
_KEYS: Final = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BININT", "BININT1", "BININT2"),
}
"""What writes text and numbers of 32 bits."""
_TUPLES: Final = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
"""Opcodes that build a tuple."""

_FILLED: Final = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "BUILD"}
"""What leaves an object in its place, changed."""
_CALLS: Final = {"REDUCE", "NEWOBJ", "BUILD", "BINPERSID"}
"""Opcodes that call what the pickle names."""

_OWN_HASH: Final = 2**60
"""Below it, no two numbers have one hash."""
_MOST_NUMBER: Final = 2**63
"""Up to it, a handful have."""
_MOST_DEEP: Final = 100
"""Tuples in tuples: hashing them takes a place on the C stack for each."""
_PASSED: Final = 4
"""How many objects may be passed to what is called, for every byte of the pickle."""


@dataclass(slots=True, eq=False)
class _Object:
    """What is known of an object: ``size`` is how many it holds, each time that it holds them."""

    key: bool = False
    named: bool = False
    size: int = 1
    depth: int = 0


def check(stream: IO[bytes], length: int, opcodes: Collection[str]) -> None:
    """Follow the pickle that starts in ``stream``, to its end; it has ``length`` bytes at most.

    A tuple that holds one twice, which holds one twice, and so on, takes a few bytes of a file but
    years to hash as a key or to print; large numbers may be chosen that all have one hash; and one
    long list may be passed again and again. Raises UnpicklingError for those, for a longer pickle,
    for opcodes that are not among ``opcodes`` and for calls of what has no name; ValueError or
    LookupError for what is no pickle.
    """
    stack: list[_Object] = []
    marks: list[int] = []
    memo: dict[Any, _Object] = {}
    start = stream.tell()
    left = _PASSED * length
    for opcode, argument, at in pickletools.genops(stream):
        name = opcode.name
        # The unpickler makes room for as many objects as this number says.
        far = name == "LONG_BINPUT" and (argument or 0) > length
        if far or name not in opcodes:
            raise pickle.UnpicklingError(f"weights are not written with this {name}")
        if (at or 0) - start > length:
            raise pickle.UnpicklingError(f"it has more than {length:,} bytes")
        # With nothing before it, it is the mark of a file of before PyTorch 1.6.
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
    """Say how many objects an opcode passes to what it calls; refuse bad keys and callables."""
    if name in ("SETITEM", "SETITEMS") and not all(each.key for each in taken[1::2]):
        raise pickle.UnpicklingError("a key is neither text nor a small number")
    if name in ("REDUCE", "NEWOBJ") and not taken[0].named:
        raise pickle.UnpicklingError("what is called has no name")
    return taken[-1].size if name in _CALLS else 0


def _after(name: str, taken: list[_Object]) -> _Object:
    """Make what is known of the object that an opcode leaves, of what it took."""
    if name in _FILLED:
        if name != "BUILD":
            # No sum may grow beyond what is quickly added.
            taken[0].size = min(sum(each.size for each in taken), 2**_MOST_DEEP)
        return taken[0]
    if name not in _TUPLES:
        return _Object(key=name in _KEYS, named=name in ("GLOBAL", "STACK_GLOBAL"))
    depth = 1 + max((each.depth for each in taken), default=0)
    if depth > _MOST_DEEP:
        raise pickle.UnpicklingError("tuples are too deep in each other")
    return _Object(size=1 + sum(each.size for each in taken), depth=depth)
