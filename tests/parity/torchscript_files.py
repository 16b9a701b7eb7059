"""Writes TorchScript archives opcode by opcode, as ``torch.jit.save`` would not."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = "weights"
NONE: Final = b"N"


def text(value: str) -> bytes:
    """Push a string."""
    encoded = value.encode()
    return b"X" + len(encoded).to_bytes(4, "little") + encoded


def nested(depth: int) -> bytes:
    """Push a tuple that holds one twice, and so on: 2 ** depth places."""
    levels = (b"q%ch%c\x86" % (level, level) for level in range(depth))
    return b")" + b"".join(levels)


def module(attributes: Mapping[str, bytes]) -> bytes:
    """Push a module with attributes."""
    state = b"".join(text(name) + value for name, value in attributes.items())
    return b"c__torch__.Layer\nLayer\n)\x81}(" + state + b"ub"


def tensor(size: bytes, stride: bytes, *, kind: bytes = b"FloatStorage", key: str = "0") -> bytes:
    """Push a tensor whose numbers are in ``data/KEY``; a letter of size and stride is an axis."""
    storage = (
        b"(" + text("storage") + b"ctorch\n" + kind + b"\n" + text(key) + text("cpu") + b"K\1t"
    )
    sizes = (b"(" + b"".join(b"K%c" % side for side in sides) + b"t" for sides in (size, stride))
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + (storage + b"QK\0" + b"".join(sizes))
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def pickled(pushed: bytes) -> bytes:
    """Make a pickle whose value is what was pushed."""
    return b"\x80\2" + pushed + b"."


def write(
    file: Path, attributes: bytes, numbers: Mapping[str, bytes], *, compressed: str | None = None
) -> None:
    """Write an archive of a pickle of attributes and of ``data/KEY``; one entry is compressed."""
    entries = {"data.pkl": attributes} | {f"data/{key}": held for key, held in numbers.items()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            kind = zipfile.ZIP_DEFLATED if name == compressed else zipfile.ZIP_STORED
            archive.writestr(f"{ROOT}/{name}", content, kind)
