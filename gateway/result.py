"""The result of a try-on, and its JSON."""

import base64
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from typing_extensions import TypeAliasType

from gateway.options import Format
from gateway.quality_warnings import QualityWarning
from services.kit.categories import GARMENT_CATEGORIES


def _encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


Base64File = Annotated[
    bytes,
    PlainSerializer(_encode_base64, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "byte"}),
]
"""A file; in JSON its bytes are in base64 (RFC 4648, 4)."""

StageTimings = TypeAliasType(
    "StageTimings",
    Annotated[dict[str, float], Field(description="Seconds of each stage, and of all as `total`.")],
)
"""Seconds by the stage's name."""

REMEMBERED_DESCRIPTION: Final = (
    "Stages whose response was computed for an earlier request, or for another one at the same "
    "time."
)
"""Description of the remembered stages' field and header in the OpenAPI document."""

CATEGORY_DESCRIPTION: Final = "What the garment was worn as."
"""Description of the category's field and header in the OpenAPI document."""

CATEGORY_SCHEMA: Final = {"type": "string", "enum": [*GARMENT_CATEGORIES]}
"""JSON schema of the category's header."""

CONFIDENCE_DESCRIPTION: Final = (
    "The product of the weights of all quality warnings, 1 for none. It is not a probability."
)
"""Description of the confidence's field and header in the OpenAPI document."""

CONFIDENCE_SCHEMA: Final = {"type": "number", "minimum": 0, "maximum": 1}
"""JSON schema of the confidence's header."""


class TryOnResult(BaseModel):
    """The person wearing the garment, with what is known of the picture."""

    model_config = ConfigDict(frozen=True)

    media_type: str = Field(
        description="Media type of the file.",
        json_schema_extra={"enum": [fmt.media_type for fmt in Format]},
    )
    width: int = Field(description="Pixels.")
    height: int = Field(description="Pixels.")
    image: Base64File = Field(description="The file, in base64.")
    timings: StageTimings
    remembered: tuple[str, ...] = Field(description=REMEMBERED_DESCRIPTION)
    category: str = Field(
        description=CATEGORY_DESCRIPTION, json_schema_extra={"enum": [*GARMENT_CATEGORIES]}
    )
    confidence: float = Field(description=CONFIDENCE_DESCRIPTION, ge=0, le=1)
    warnings: tuple[QualityWarning, ...] = Field(
        description="What may look wrong, and which photo would work better."
    )
