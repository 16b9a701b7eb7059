"""Garment categories, as requests and responses name them."""

from typing import Final

from services.kit.errors import InvalidRequest

AUTO: Final = "auto"
"""The service reads the category from the garment's photo."""

UPPER: Final = "upper"
"""Tops, shirts and jackets."""

LOWER: Final = "lower"
"""Trousers, shorts and skirts."""

DRESS: Final = "dress"
"""Dresses and other one-piece garments."""

GARMENT_CATEGORIES: Final = (UPPER, LOWER, DRESS)
"""What a garment can be; the network's classes have this order."""

REQUEST_CATEGORIES: Final = (AUTO, *GARMENT_CATEGORIES)
"""What a request may ask for."""


def check_category(category: str, known: tuple[str, ...]) -> None:
    """Raise InvalidRequest unless ``category`` is one of ``known``."""
    if category not in known:
        raise InvalidRequest(
            f"The category {category[:40]!r} is not known; send {', '.join(known[:-1])} "
            f"or {known[-1]}."
        )
