"""Parsers of option values: one class per type, each with its JSON schema and its remedy."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Generic, Protocol, TypeVar

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)
Chosen = TypeVar("Chosen", bound=StrEnum)
Counted = TypeVar("Counted", int, float)

TRUE_WORDS: Final = frozenset({"true", "yes", "on", "1"})
"""Texts of a true flag; ``on`` is what an HTML checkbox sends."""

FALSE_WORDS: Final = frozenset({"false", "no", "off", "0"})
"""Texts of a false flag."""


class OptionParser(Protocol[Value_co]):
    """Reads the values of one type from text."""

    @property
    def value_type(self) -> type[Value_co]:
        """The type of the values, as the command line takes them."""
        ...

    @property
    def input_type(self) -> type:
        """The type of the pipeline input, as request fields have it; converts a value to it."""
        ...

    @property
    def schema(self) -> dict[str, Any]:
        """The values as JSON schema."""
        ...

    @property
    def fault(self) -> str:
        """The part of an error message that says what is wrong with a value."""
        ...

    @property
    def remedy(self) -> str:
        """The part of an error message that says which values are right."""
        ...

    def parse(self, text: str) -> Value_co:
        """Return the value. Raise ValueError if the text is none."""
        ...


@dataclass(frozen=True)
class ChoiceParser(Generic[Chosen]):
    """One of the members of an enumeration, in upper or lower case."""

    value_type: type[Chosen]
    """The enumeration."""
    aliases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Further texts, in lower case, and the values that they stand for."""

    input_type: type = str
    """Type of the pipeline input."""
    fault: str = "is not known"
    """Part of the error message that says what is wrong with another text."""

    @property
    def schema(self) -> dict[str, Any]:
        """The members, in order."""
        return {"type": "string", "enum": [choice.value for choice in self.value_type]}

    @property
    def remedy(self) -> str:
        """Every member by its value."""
        *others, last = (choice.value for choice in self.value_type)
        return f"choose {', '.join(others)} or {last}"

    def parse(self, text: str) -> Chosen:
        """Return the member. Raise ValueError if there is none of that value."""
        lowered = text.lower()
        return self.value_type(self.aliases.get(lowered, lowered))


@dataclass(frozen=True)
class NumberParser(Generic[Counted]):
    """A whole or a decimal number within bounds, both included."""

    value_type: type[Counted]
    """``int`` or ``float``."""
    minimum: Counted
    """Least number."""
    maximum: Counted
    """Largest number."""
    fault: str = "is not valid"
    """Part of the error message that says what is wrong with another text."""

    @property
    def input_type(self) -> type[Counted]:
        """The number's own type."""
        return self.value_type

    @property
    def schema(self) -> dict[str, Any]:
        """The type and the bounds."""
        name = "integer" if self.value_type is int else "number"
        return {"type": name, "minimum": self.minimum, "maximum": self.maximum}

    @property
    def remedy(self) -> str:
        """The type and the bounds."""
        name = "a whole number" if self.value_type is int else "a number"
        # A bound of 180.0 reads as 180.
        least, most = (
            str(int(bound) if bound == int(bound) else bound)
            for bound in (self.minimum, self.maximum)
        )
        return f"send {name} from {least} to {most}"

    def parse(self, text: str) -> Counted:
        """Return the number. Raise ValueError if it is none or out of bounds."""
        value = self.value_type(text)
        if not self.minimum <= value <= self.maximum:
            raise ValueError(text)
        return value


@dataclass(frozen=True)
class FlagParser:
    """True or false."""

    value_type: type[bool] = bool
    """Type of the value."""
    input_type: type = bool
    """Type of the pipeline input."""
    fault: str = "is not valid"
    """Part of the error message that says what is wrong with another text."""
    remedy: str = "send true or false"
    """Part of the error message that says what to send."""

    @property
    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}

    def parse(self, text: str) -> bool:
        """Return the flag. Raise ValueError if the text is no word for it."""
        lowered = text.lower()
        if lowered not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError(text)
        return lowered in TRUE_WORDS
