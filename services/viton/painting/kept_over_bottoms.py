"""Regions of the photo that lie over new bottoms or over the hem of a dress."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.person.segmentation import LOWER_BODY_LABEL_ERROR_PX, PersonSegmentation
from services.viton.raster.alpha_matte import estimate_alpha_matte

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


CHANGED_RIM_PX: Final = 2
"""How far around what changes the layers are painted anew, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class KeptOverBottomsOptions:
    """How regions of the photo that lie over new bottoms are cut out."""

    label_error_px: int = LOWER_BODY_LABEL_ERROR_PX
    """How far an edge of the label map may lie from the true one, in pixels of the canvas."""
    matte_start: float = 0.45
    """Estimated coverage, 0 to 1, up to which a pixel is not the region's."""
    matte_range: float = 0.55
    """Further coverage at which it is all the region's."""


KEPT_OVER_BOTTOMS_OPTIONS: Final = KeptOverBottomsOptions()


@dataclass(frozen=True)
class KeptRegion:
    """A region cut out of the photo; H x W on the canvas."""

    colour: Floats
    """H x W x 3, 0 to 255, free of what lies behind."""
    alpha: Floats
    """Estimated coverage, 0 to 1."""
    sure_alpha: Floats
    """Coverage without what is mixed too much to be the region's, 0 to 1."""


def cut_out_region(
    person_photo: Floats,
    region: Bool,
    segmentation: PersonSegmentation,
    options: KeptOverBottomsOptions = KEPT_OVER_BOTTOMS_OPTIONS,
) -> KeptRegion:
    """Cut a region (H x W) out of the photo (H x W x 3), in front of bottoms and bare legs."""
    back = segmentation.bottoms | segmentation.leg_skin
    alpha, colour = estimate_alpha_matte(person_photo, region, back, options.label_error_px)
    sure = (alpha - options.matte_start) / options.matte_range
    return KeptRegion(colour, alpha, np.clip(sure, 0, 1))
