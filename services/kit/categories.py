"""What a garment is worn on, as requests and answers name it."""

from typing import Final

from services.kit.errors import InvalidRequest

AUTO: Final = "auto"
"""The garment's photo decides."""

UPPER: Final = "upper"
LOWER: Final = "lower"
"""Trousers, shorts and skirts."""

DRESS: Final = "dress"

WORN: Final = (UPPER, LOWER, DRESS)
"""What an answer says."""

CATEGORIES: Final = (AUTO, *WORN)
"""What a request may ask for."""


def check(category: str, known: tuple[str, ...]) -> None:
    """Raise InvalidRequest unless the category is one of those ``known``."""
    if category not in known:
        raise InvalidRequest(
            f"The category {category[:40]!r} is not known; send {', '.join(known[:-1])} "
            f"or {known[-1]}."
        )
