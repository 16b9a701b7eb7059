"""Records of converted weight files: a JSON file beside each of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from services.kit.weights.published_networks import SHA256

SUFFIX: Final = ".json"
"""What a record's name has after that of its file."""

Digest: TypeAlias = Annotated[str, Field(pattern=SHA256)]
"""SHA-256 in hexadecimal."""

Precision: TypeAlias = Literal["fp32", "fp16", "int8"]
"""Number format of a converted file's weights; ``networks/precision.py`` makes fp16 and int8."""


class ConversionRecord(BaseModel):
    """How a converted file was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: str
    """Name of the published network."""

    official: str
    """Name of the official file it was made from."""

    official_sha256: Digest
    """SHA-256 of the official file."""

    companion_sha256: dict[str, Digest] = Field(
        default_factory=dict, validation_alias=AliasChoices("companion_sha256", "beside")
    )
    """SHA-256 of the other files read with the official one, by name. Records up to 0.2.0 name the
    field ``beside``."""

    file: str
    """Name of the converted file."""

    size: int = Field(gt=0)
    """Bytes of the converted file."""

    sha256: Digest
    """SHA-256 of the converted file."""

    licence: str
    """Licence of the weights."""

    acknowledged: AwareDatetime
    """When the user acknowledged the licence."""

    versions: dict[str, str]
    """Versions of the packages that converted the file."""

    precision: Precision = "fp32"
    """Number format of the weights."""

    psnr: float | None = None
    """Peak signal-to-noise ratio in decibels between the network's values in ``precision`` and
    those in fp32, for a seeded input; None in fp32 or if the network returns no values."""

    equal_labels: float | None = None
    """Fraction of the network's classes that are the same as in fp32, for a seeded input; None in
    fp32 or if the network returns no classes."""


def now() -> datetime:
    """Return the present time as records hold it: UTC, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def record_path(file: Path) -> Path:
    """Return the path of a converted file's record."""
    return file.with_name(file.name + SUFFIX)


def read(file: Path) -> ConversionRecord | None:
    """Read the record of a converted file; None if there is none.

    Raises ValueError if it cannot be read.
    """
    try:
        return ConversionRecord.model_validate_json(record_path(file).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ValueError(f"{record_path(file)} is no record of a converted file") from error


def write(record: ConversionRecord, file: Path) -> None:
    """Write a record to ``file`` as indented JSON."""
    file.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
