"""The person's photo with what other services read from it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from services.kit.content_digest import digest_content
from services.kit.types import Image, Keypoints, LabelMap
from services.viton.memo import Memo

Value = TypeVar("Value")


@dataclass(frozen=True)
class PersonPhoto:
    """The photo of a person on the canvas, H x W."""

    image: Image
    """H x W x 3, RGB."""
    keypoints: Keypoints
    """25 x 3 BODY_25 joints in canvas pixels; a joint at the origin was not seen."""
    labels: LabelMap
    """H x W CIHP ids."""
    memo: Memo | None = None
    """What was computed of earlier photos; without it nothing is remembered."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the canvas."""
        return self.labels.shape[0], self.labels.shape[1]

    def recall(self, part: str, compute: Callable[[], Value]) -> Value:
        """Return what ``compute`` makes of this photo alone; ``part`` is its name in the memo."""
        if self.memo is None:
            return compute()
        return self.memo.recall(f"person {self._digest} {part}", compute)

    @cached_property
    def _digest(self) -> str:
        return digest_content(self.image, self.keypoints, self.labels)
