"""Archives of stored entries: what is read, and what is refused."""

import zipfile
from pathlib import Path

import pytest

from networks.archives import check_stored, check_total_size, read_stored

pytestmark = pytest.mark.unit


def write(file: Path, compression: int = zipfile.ZIP_STORED) -> Path:
    """Write an archive of two entries."""
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("weights/data.pkl", b"pickle")
        archive.writestr("weights/data/0", bytes(4000))
    return file


def test_a_stored_entry_is_read(tmp_path: Path) -> None:
    file = write(tmp_path / "weights.pth")
    with zipfile.ZipFile(file) as archive:
        check_total_size(archive, file)
        assert read_stored(archive, "weights/data.pkl") == b"pickle"
        assert read_stored(archive, "weights/data/0") == bytes(4000)
        with pytest.raises(KeyError):
            read_stored(archive, "weights/data/1")


def test_a_compressed_entry_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "weights.pth", zipfile.ZIP_DEFLATED)
    refused = pytest.raises(zipfile.BadZipFile, match="data/0 is compressed")
    with zipfile.ZipFile(file) as archive, refused:
        read_stored(archive, "weights/data/0")


def test_an_entry_of_two_sizes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(tmp_path / "weights.pth")) as archive:
        entry = archive.getinfo("weights/data/0")
        check_stored(entry)
        entry.file_size += 1
        with pytest.raises(zipfile.BadZipFile, match="data/0 has two sizes"):
            check_stored(entry)


def test_entries_larger_than_the_file_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "weights.pth")
    with zipfile.ZipFile(file) as archive:
        archive.getinfo("weights/data/0").file_size = file.stat().st_size
        with pytest.raises(zipfile.BadZipFile, match="larger than the file"):
            check_total_size(archive, file)
