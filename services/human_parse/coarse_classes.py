"""Classes that pixels get first; CIHP ids follow from them and the joints."""

from typing import Final

COARSE_CLASSES: Final = range(8)
"""All of them."""

BACKGROUND, HAIR, SKIN, FACE, UPPER, LOWER, DRESS, OTHERS = COARSE_CLASSES
