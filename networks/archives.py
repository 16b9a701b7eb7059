"""Read the ZIP archives that PyTorch writes. Their entries are stored without compression."""

import zipfile
from pathlib import Path


def check_total_size(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise BadZipFile if the stored entries are larger than the file, so that they overlap."""
    stored = [x for x in archive.infolist() if x.compress_type == zipfile.ZIP_STORED]
    if sum(entry.file_size for entry in stored) > path.stat().st_size:
        raise zipfile.BadZipFile("its entries are larger than the file")


def check_stored(entry: zipfile.ZipInfo) -> None:
    """Raise BadZipFile for a compressed entry, whose size has no bound."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{entry.filename} is compressed")
    if entry.file_size != entry.compress_size:
        raise zipfile.BadZipFile(f"{entry.filename} has two sizes")


def read_stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read an entry that is stored without compression, so that it is no larger than the archive.

    Raises BadZipFile for a compressed entry and KeyError for an absent one.
    """
    entry = archive.getinfo(name)
    check_stored(entry)
    return archive.read(entry)
