"""Takes named files out of downloaded archives, and joins files that come in parts.

Archives are other people's: only members named exactly are read, only regular files, never more
bytes than the manifest says, and never to a path the archive chooses.
"""

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from services.kit.model_commands.fetch_errors import SourceFailed, storing

CHUNK: Final = 1024 * 1024
DAMAGED: Final = "run this again; if it stays, the source has changed: please report it"


def take(archive: Path, members: Sequence[str], target: Path, size: int) -> None:
    """Write the ``members`` of a tar or zip archive, joined in that order, to ``target``.

    ``size`` is the bytes they have together. Raises SourceFailed if a member is not there, is not a
    regular file, or the sizes differ; CannotStore if the disk does not take it.
    """
    parts = [target.with_name(f"{target.name}.{number}") for number in range(len(members))]
    wanted = dict(zip(members, parts, strict=True))
    try:
        with storing(target):
            found = _extract(archive, wanted, size)
            missing = [name for name in members if name not in found]
            if missing:
                raise SourceFailed(f"the archive has no {missing[0]}", DAMAGED)
            parts[0].replace(target)
            with target.open("ab") as stream:
                for part in parts[1:]:
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, stream, CHUNK)
                    part.unlink()
            if target.stat().st_size != size:
                raise SourceFailed(
                    f"the file has {target.stat().st_size} bytes instead of {size}", DAMAGED
                )
    finally:
        for part in parts:
            part.unlink(missing_ok=True)


def _extract(archive: Path, wanted: dict[str, Path], size: int) -> set[str]:
    """Write each wanted member to its path, reading the archive once; the names found."""
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
        raise SourceFailed(f"the archive is damaged: {error}", DAMAGED) from error
    return found


def _copy(stream: IO[bytes], target: Path, limit: int) -> int:
    """Copy a stream of at most ``limit`` bytes to a file; how many there were."""
    copied = 0
    with target.open("wb") as file:
        while chunk := stream.read(CHUNK):
            copied += len(chunk)
            if copied > limit:
                raise SourceFailed("the archive holds more than the manifest says", DAMAGED)
            file.write(chunk)
    return copied
