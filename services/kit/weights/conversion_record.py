"""What is known of a converted weight file: a record of JSON that lies beside it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.kit.weights.published_networks import SHA256

SUFFIX: Final = ".json"
Digest: TypeAlias = Annotated[str, Field(pattern=SHA256)]
Precision: TypeAlias = Literal["fp32", "fp16", "int8"]
"""What the weights of a converted file are kept in: whole, or as ``networks/precision.py`` says."""


class Record(BaseModel):
    """How a converted file came to be.

    ``official`` is the name of the file it was made from, ``official_sha256`` that one's digest;
    ``beside`` has the digests of the other files that were read with it, by their names; ``size``
    and ``sha256`` are the converted file's own. ``acknowledged`` is when the user acknowledged
    ``licence``. ``versions`` names the packages that converted it. How like the whole network's
    answer to a seeded input that of one in less than fp32 is: ``psnr`` in decibels of what is read
    as values, ``equal_labels`` the share of what is read as classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    official: str
    official_sha256: str = Field(pattern=SHA256)
    beside: dict[str, Digest] = Field(default_factory=dict)
    file: str
    size: int = Field(gt=0)
    sha256: str = Field(pattern=SHA256)
    licence: str
    acknowledged: AwareDatetime
    versions: dict[str, str]
    precision: Precision = "fp32"
    psnr: float | None = None
    equal_labels: float | None = None


def now() -> datetime:
    """Tell the time as records hold it: UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def place(file: Path) -> Path:
    """Say where the record of a converted file lies."""
    return file.with_name(file.name + SUFFIX)


def read(file: Path) -> Record | None:
    """Read the record beside a converted file; none if there is none.

    Raises ValueError for one that cannot be read.
    """
    try:
        return Record.model_validate_json(place(file).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ValueError(f"{place(file)} is no record of a converted file") from error


def write(record: Record, file: Path) -> None:
    """Write a record to ``file``, for people to read too."""
    file.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
