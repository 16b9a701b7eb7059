"""Why a weight file could not be fetched; ``fetch`` turns these into WeightsMissing.

FetchFailed
├── SourceFailed    the source does not deliver; the next one may
├── CannotStore     no source will help: the disk, or what is installed here
└── Cancelled       the user, or another file's failure, stopped it
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FetchFailed(Exception):
    """Something went wrong; ``reason`` says what, ``remedy`` what the user can do."""

    def __init__(self, reason: str = "it was stopped", remedy: str = "run this again") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class SourceFailed(FetchFailed):
    """The source does not deliver; the next one may."""


class CannotStore(FetchFailed):
    """No source will help."""


class Cancelled(FetchFailed):
    """The download was stopped."""


@contextmanager
def storing(place: Path) -> Iterator[None]:
    """Turn an OSError of a block that writes to ``place`` into CannotStore."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        raise CannotStore(
            f"{place} cannot be written: {error.strerror or error}",
            "free some disk space, or set TRYON_MODELS_DIR to a folder on a larger disk"
            if full
            else "make that folder writable, or set TRYON_MODELS_DIR to one that is",
        ) from error
