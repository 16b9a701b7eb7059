"""Extract named files from downloaded archives, and join files that come in parts.

Archives are not trusted. Only regular files with exactly the given names are read, never more bytes
than the manifest says, and the archive never chooses a path.
"""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from services.kit.model_commands.fetch_errors import CHANGED_REMEDY, SourceFailed, convert_os_errors

CHUNK_BYTES: Final = 1024 * 1024
"""Bytes that are copied at a time."""


def extract_members(archive: Path, members: Sequence[str], target: Path, size: int) -> None:
    """Write the ``members`` of a tar or zip archive, joined in that order, to ``target``.

    ``size`` is their total size in bytes. Raises SourceFailed if a member is missing, is no regular
    file or has another size, and CannotStore if the file cannot be written.
    """
    parts = [target.with_name(f"{target.name}.{number}") for number in range(len(members))]
    wanted = dict(zip(members, parts, strict=True))
    try:
        with convert_os_errors(target):
            found = _extract(archive, wanted, size)
            missing = [name for name in members if name not in found]
            if missing:
                raise SourceFailed(f"the archive has no {missing[0]}", CHANGED_REMEDY)
            parts[0].replace(target)
            with target.open("ab") as stream:
                for part in parts[1:]:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, stream, CHUNK_BYTES)
                    part.unlink()
            if target.stat().st_size != size:
                raise SourceFailed(
                    f"the file has {target.stat().st_size} bytes instead of {size}", CHANGED_REMEDY
                )
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _extract(archive: Path, wanted: dict[str, Path], size: int) -> set[str]:
    """Write each wanted member to its path in one pass; return the names that were found."""
    found: set[str] = set()
    left = size
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                for name in wanted.keys() & set(zipped.namelist()):
                    with zipped.open(name) as stream:
                        left -= _copy(stream, wanted[name], left)
                    found.add(name)
            return found
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                if member.name in wanted and member.isreg() and member.name not in found:
                    content = tar.extractfile(member)
                    if content is not None:
                        left -= _copy(content, wanted[member.name], left)
                        found.add(member.name)
                if len(found) == len(wanted):
                    break
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise SourceFailed(f"the archive is damaged: {error}", CHANGED_REMEDY) from error
    return found


def _copy(stream: IO[bytes], target: Path, limit: int) -> int:
    """Copy a stream of at most ``limit`` bytes to a file; return the number of bytes."""
    copied = 0
    with target.open("wb") as file:
        while chunk := stream.read(CHUNK_BYTES):
            copied += len(chunk)
            if copied > limit:
                raise SourceFailed("the archive holds more than the manifest says", CHANGED_REMEDY)
            file.write(chunk)
    return copied
