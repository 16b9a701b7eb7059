"""Reads the ZIP archives that PyTorch writes, whose entries are in them as they are."""

import zipfile
from pathlib import Path


def check_sizes(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise BadZipFile if what is not compressed is larger than the file: then entries overlap."""
    stored = [x for x in archive.infolist() if x.compress_type == zipfile.ZIP_STORED]
    if sum(entry.file_size for entry in stored) > path.stat().st_size:
        raise zipfile.BadZipFile("its entries are larger than the file")


def check_stored(entry: zipfile.ZipInfo) -> None:
    """Raise BadZipFile for an entry that is compressed, and so of any size."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{entry.filename} is compressed")
    if entry.file_size != entry.compress_size:
        raise zipfile.BadZipFile(f"{entry.filename} has two sizes")


def stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read an entry that is in the archive as it is, and so is no larger than the archive.

    Raises BadZipFile for one that is compressed, KeyError if there is none.
    """
    entry = archive.getinfo(name)
    check_stored(entry)
    return archive.read(entry)
