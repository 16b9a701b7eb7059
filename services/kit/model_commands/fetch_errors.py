"""Errors of fetching a weight file; ``fetch`` converts them to WeightsMissing.

FetchFailed
├── SourceFailed    the source does not deliver; the next one may
├── CannotStore     no source helps: the disk or a missing package is the cause
└── Cancelled       the user, or another file's failure, stopped it
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CHANGED_REMEDY: Final = "run this again; if it stays, the source has changed: please report it"
"""Remedy if a source delivers another file than the manifest names."""


class FetchFailed(Exception):
    """A file could not be fetched: ``reason`` is the cause, ``remedy`` what the user can do."""

    def __init__(self, reason: str = "it was stopped", remedy: str = "run this again") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class SourceFailed(FetchFailed):
    """The source does not deliver; the next one may."""


class CannotStore(FetchFailed):
    """No source helps."""


class Cancelled(FetchFailed):
    """The download was stopped."""


@contextmanager
def convert_os_errors(path: Path) -> Iterator[None]:
    """Convert an OSError of a block that writes to ``path`` to CannotStore."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        raise CannotStore(
            f"{path} cannot be written: {error.strerror or error}",
            "free some disk space, or set TRYON_MODELS_DIR to a folder on a larger disk"
            if full
            else "make that folder writable, or set TRYON_MODELS_DIR to one that is",
        ) from error
