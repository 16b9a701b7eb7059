"""Classes that pixels get first; CIHP ids follow from them and the joints."""

from typing import Final

BACKGROUND: Final = 0
"""Neither the person nor anything that the person wears or carries."""

HAIR: Final = 1
"""Hair of the head."""

SKIN: Final = 2
"""Skin but for the face's."""

FACE: Final = 3
"""Skin of the face."""

UPPER: Final = 4
"""Tops, jackets and coats."""

LOWER: Final = 5
"""Trousers, shorts and skirts."""

DRESS: Final = 6
"""Dresses and jumpsuits."""

OTHERS: Final = 7
"""Shoes, hats, glasses, bags and what else the person carries."""

COARSE_CLASSES: Final = range(8)
"""Every class."""
