"""The side of the picture that the light comes from, estimated from the face."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import erode
from services.viton.raster.planes import to_luma

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LightDirectionOptions:
    """How the side of the light is estimated from the face."""

    face_margin_px: int = 6
    """Distance from the edge of the face within which the face does not count, in canvas pixels."""
    min_face_px: int = 400
    """Least canvas pixels of a face that is measured."""
    full_contrast: float = 0.2
    """Difference between the halves that means light from one side, as a fraction of their sum."""


LIGHT_DIRECTION_OPTIONS: Final = LightDirectionOptions()


def estimate_light_direction_x(
    image: Floats,
    segmentation: PersonSegmentation,
    options: LightDirectionOptions = LIGHT_DIRECTION_OPTIONS,
) -> float:
    """Return on which side of the picture the light is: -1 left, 0 ahead, 1 right."""
    bare = erode(segmentation.face, options.face_margin_px)
    if bare.sum() < options.min_face_px:
        return 0.0
    xs = np.nonzero(bare)[1]
    luma = to_luma(image)[bare]
    middle = float(np.median(xs))
    left, right = np.median(luma[xs < middle]), np.median(luma[xs >= middle])
    full = max(options.full_contrast * float(left + right), 1.0)
    return float(np.clip((right - left) / full, -1, 1))
