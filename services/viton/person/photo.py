"""The person's photo with what other services read from it."""

from dataclasses import dataclass

from services.kit.types import Image, Keypoints, LabelMap


@dataclass(frozen=True)
class PersonPhoto:
    """The photo of a person on the canvas, H x W."""

    image: Image
    """H x W x 3, RGB."""
    keypoints: Keypoints
    """25 x 3 BODY_25 joints in canvas pixels; a joint at the origin was not seen."""
    labels: LabelMap
    """H x W CIHP ids."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the canvas."""
        return self.labels.shape[0], self.labels.shape[1]
