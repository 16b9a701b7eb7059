"""The options that a user may choose, one row each, from the form to the pipeline.

A row of ``OPTIONS`` is a form field, a query parameter, a flag of the command line, a parameter of
the OpenAPI document and, if ``for_pipeline``, an optional input of the graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic

from gateway import option_parsers
from gateway.dag import Input
from gateway.option_parsers import OptionParser, Value
from services.kit import categories
from services.kit.errors import InvalidOption

SHOWN_CHARACTERS: Final = 40
"""Characters of a wrong value that an error message repeats."""


class Format(StrEnum):
    """File formats of the picture; the first is the default."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """The format's name in ``Content-Type``."""
        return f"image/{self.value}"


class Size(StrEnum):
    """Size of the picture: as the pipeline made it, or exactly as the upload."""

    AUTO = "auto"
    UPLOAD = "upload"


class Category(StrEnum):
    """Category of the garment; by default its photo decides."""

    AUTO = categories.AUTO
    UPPER = categories.UPPER
    LOWER = categories.LOWER
    DRESS = categories.DRESS


@dataclass(frozen=True, kw_only=True, eq=False)
class Option(Generic[Value]):
    """A row of ``OPTIONS``: one thing that a user may choose."""

    name: str
    """Name of the form field, the query parameter, the flag and the pipeline input."""

    parser: OptionParser[Value]
    """Type, parser and JSON schema of the values."""

    default: Value
    """The value if none is sent."""

    meaning: str
    """What it does, for the OpenAPI document and the command line's help."""

    for_pipeline: bool = False
    """Whether the value is an input of the pipeline."""

    on_command_line: bool = True
    """Whether ``tryon tryon`` has a flag for it."""

    max_bytes: int = 32
    """Longest text of a value, bytes of UTF-8."""

    @property
    def schema(self) -> dict[str, Any]:
        """The values as JSON schema, with the default."""
        default = {} if self.default is None else {"default": self.default}
        return {**self.parser.schema, **default}

    def parse(self, text: str) -> Value:
        """Return the value of a text, the default for an empty one. Raise InvalidOption."""
        if not text:
            return self.default
        if len(text.encode()) > self.max_bytes:
            raise self.too_long()
        try:
            return self.parser.parse(text)
        except ValueError:
            raise InvalidOption(
                f"{self.name}={text[:SHOWN_CHARACTERS]} {self.parser.fault}; {self.parser.remedy}."
            ) from None

    def too_long(self) -> InvalidOption:
        """Return the error of a text that is longer than ``max_bytes``."""
        return InvalidOption(
            f"The option {self.name!r} is longer than {self.max_bytes} bytes; {self.parser.remedy}."
        )


FORMAT: Final[Option[Format | None]] = Option(
    name="format",
    parser=option_parsers.ChoiceParser(Format, {"jpg": "jpeg"}),
    # The Accept header decides.
    default=None,
    meaning="File format of the picture. It takes precedence over the Accept header.",
    # The suffix of the output file decides.
    on_command_line=False,
)
"""The format; None if the Accept header decides."""

SIZE: Final = Option(
    name="size",
    parser=option_parsers.ChoiceParser(Size),
    default=Size.AUTO,
    meaning="Size of the picture. auto: that of the upload, or larger if a small upload was "
    "enlarged. upload: exactly that of the upload.",
)
"""The size of the picture."""

OPTIONS: Final[tuple[Option[Any], ...]] = (
    FORMAT,
    SIZE,
    Option(
        name="category",
        parser=option_parsers.ChoiceParser(Category),
        default=Category.AUTO,
        meaning="Category of the garment: upper (tops), lower (trousers, shorts, skirts) or dress. "
        "auto: the garment's photo decides.",
        for_pipeline=True,
    ),
)
"""Every option, in the order of the documentation."""

PIPELINE_INPUTS: Final = {
    option.name: Input(option.parser.input_type, default=option.parser.input_type(option.default))
    for option in OPTIONS
    if option.for_pipeline
}
"""The pipeline's optional inputs."""


class OptionValues:
    """The options of one try-on; those that are not given have their defaults."""

    def __init__(self, given: Mapping[str, object] | None = None) -> None:
        """Take parsed values by the options' names."""
        self._values = {option.name: option.default for option in OPTIONS} | dict(given or {})

    def __getitem__(self, option: Option[Value]) -> Value:
        """Return the value of an option."""
        value: Value = self._values[option.name]
        return value

    def pipeline_inputs(self) -> dict[str, object]:
        """Return the inputs of the pipeline, by name."""
        return {
            option.name: option.parser.input_type(self._values[option.name])
            for option in OPTIONS
            if option.for_pipeline
        }


def parse_options(texts: Mapping[str, str]) -> OptionValues:
    """Read the options among some texts, by name. Raise InvalidOption for a wrong value."""
    return OptionValues(
        {
            option.name: option.parse(texts[option.name])
            for option in OPTIONS
            if option.name in texts
        }
    )


DEFAULT_OPTIONS: Final = OptionValues()
"""Every option by its default."""
