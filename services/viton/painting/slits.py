"""Slits between the torso and an arm, which are closed."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import label_components, remove_small_components
from services.kit.raster.morphology import Footprint, open_mask
from services.viton.person.body import Body
from services.viton.person.segmentation import PersonSegmentation
from services.viton.raster.morphology import dilate
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SlitOptions:
    """Which gaps between the torso and an arm are closed."""

    max_half_width: float = 0.014
    """Half the width of the widest slit that is closed, in shoulder widths."""
    min_gap_side: float = 0.1
    """Side of the square whose area a gap needs to stay open, in shoulder widths."""
    gap_rim_px: float = 3.0
    """Standard deviation of the rim that is drawn around such a gap, in pixels of the canvas."""
    gap_rim_level: float = 0.4
    """Coverage of that rim above which a pixel belongs to the gap."""
    above_armpit: float = 0.1
    """Height above the higher armpit from which slits are looked for, in shoulder widths."""
    search_ratio: int = 3
    """Largest distance of a slit from torso and arm, in half widths of the widest slit."""
    under_arm_px: int = 5
    """How far the torso is continued under the arm that it touches, in pixels of the canvas."""
    blur_px: float = 0.8
    """Standard deviation of the blur of the torso's new edge, in pixels of the canvas."""
    edge_px: int = 2
    """How far around a closed slit the torso's edge is drawn anew, in pixels of the canvas."""


SLIT_OPTIONS: Final = SlitOptions()


def close_slits_beside_arms(
    torso: Floats,
    segmentation: PersonSegmentation,
    arms: Bool,
    chest: Bool,
    body: Body,
    options: SlitOptions = SLIT_OPTIONS,
) -> Floats:
    """Return the torso's coverage with no bright slit beside an arm that it all but touches.

    It is H x W, 0 to 1. ``chest``: the bare trunk, through which no ground is seen.
    """
    reach = max(int(options.max_half_width * body.shoulder_width), 1)
    covered = torso > 0.5
    open_ground: Bool = np.asarray(~(covered | arms | chest))
    opened = open_mask(open_ground, reach)
    large = remove_small_components(opened, int((options.min_gap_side * body.shoulder_width) ** 2))
    wide = antialias(large, options.gap_rim_px) > options.gap_rim_level
    # A gap that stays open narrows to its end, and does not stop at its whole width.
    thin = label_components(open_mask(open_ground, 1, Footprint.SQUARE))
    widens = np.bincount(thin.labels[wide], minlength=thin.count) > 0
    wide = wide | thin.select(widens)
    rows = np.arange(torso.shape[0])[:, None]
    armpit = min(body.left.canvas_armpit[1], body.right.canvas_armpit[1])
    top = armpit - options.above_armpit * body.shoulder_width
    slit = (
        open_ground
        & ~wide
        & (rows > top)
        & (rows < body.existing_hem_row)
        & ~segmentation.lower_body
    )
    near = options.search_ratio * reach
    slit &= dilate(covered, near) & dilate(arms, near)
    # Some way under the arm that it touches, whose soft edge lies over it.
    under = dilate(dilate(covered | slit, 1) & arms, options.under_arm_px) & arms
    joined = antialias(covered | slit | under, options.blur_px)
    return np.where(dilate(slit | under, options.edge_px), np.maximum(torso, joined), torso)
