"""The garment's photo with what other services read from it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from services.kit.content_digest import digest_content
from services.kit.garment_attributes import NO_ATTRIBUTES, GarmentAttributes
from services.kit.types import Image, Mask
from services.viton.memo import Memo

Value = TypeVar("Value")


@dataclass(frozen=True)
class GarmentPhoto:
    """The photo of a garment, H x W."""

    image: Image
    """H x W x 3, RGB."""
    mask: Mask
    """H x W; 255 is garment, 0 background."""
    attributes: GarmentAttributes = NO_ATTRIBUTES
    """What a network predicted of the garment."""
    memo: Memo | None = None
    """What was computed of earlier photos; without it nothing is remembered."""

    def recall(self, part: str, compute: Callable[[], Value]) -> Value:
        """Return what ``compute`` makes of this photo alone; ``part`` is its name in the memo."""
        if self.memo is None:
            return compute()
        return self.memo.recall(f"garment {self._digest} {part}", compute)

    @cached_property
    def _digest(self) -> str:
        return digest_content(self.image, self.mask, self.attributes)
