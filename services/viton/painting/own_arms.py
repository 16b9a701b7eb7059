"""The person's own arms: which skin they are, what a new sleeve hides of them, and their layer."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import label_components
from services.viton.painting.contact_shadow import ARM_RIM, contact_shadow
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import LABEL_ERROR_PX, PersonSegmentation
from services.viton.placing.sleeve import PlacedSleeve
from services.viton.raster.alpha_matte import estimate_alpha_matte
from services.viton.raster.layers import LayerStack, alpha_blend
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import (
    bounding_window,
    choose_pixels,
    max_channel,
    to_three_channels,
)
from services.viton.raster.ruled_warp import RuledWarp
from services.viton.raster.smoothing import antialias

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_FAR_PX: Final = 4096
"""Largest coordinate at which a disc is drawn, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class OwnArmSearchOptions:
    """Which skin is an arm's."""

    max_off_middle: float = 0.65
    """Largest distance from the middle of an arm at which skin is surely the arm's."""
    hand_radius: float = 0.3
    """Radius around the wrist in which skin is surely the hand's, in shoulder widths."""
    min_own_fraction: float = 0.5
    """Least fraction of such sure skin in a piece that is an arm."""


OWN_ARM_SEARCH_OPTIONS: Final = OwnArmSearchOptions()


@dataclass(frozen=True, kw_only=True)
class ArmHiddenBySleeveOptions:
    """Which part of a bare arm a new sleeve covers."""

    max_off_middle: float = 0.95
    """Largest distance from the middle of the sleeve of an arm's skin, in widths of the sleeve."""
    cuff_overlap: float = 0.05
    """How far above the cuff the arm is still bare, as a fraction of the arm."""
    reach_above_armpit: float = 1.7
    """Reach from the armhole above the armpit, in reaches below it."""


ARM_HIDDEN_BY_SLEEVE_OPTIONS: Final = ArmHiddenBySleeveOptions()


@dataclass(frozen=True, kw_only=True)
class OwnArmsOptions:
    """How the person's own arms are laid over what is new."""

    min_alpha: float = 0.4
    """Fraction of the arm in a mixed pixel below which it counts as none."""
    max_rim_px: int = 2
    """How far beyond the label map's edge an arm may show, in canvas pixels."""
    sure_rim_px: int = 4
    """Distance inwards of the label's edge from which an arm covers all, in canvas pixels."""
    rim_sigma_px: float = 1.0
    """Standard deviation of the rim around that part and around changes, in canvas pixels."""
    seam_px: int = 14
    """Width of the seam between new skin and seen skin, in canvas pixels."""
    seam_steepness: float = 1.3
    """Slope of the blend from new skin to seen skin; 1 spans the whole seam."""
    min_seam_radius_px: int = 5
    """Radius below which new skin beside an arm is a sliver and no seam, in canvas pixels."""
    min_change: float = 1.5
    """Change of a channel that has to be exceeded for the arm to be drawn anew, in levels."""
    changed_rim_px: int = 3
    """How far around such a change the arm is drawn anew, in canvas pixels."""


OWN_ARMS_OPTIONS: Final = OwnArmsOptions()


def select_own_arms(
    segmentation: PersonSegmentation,
    surfaces: tuple[RuledWarp, RuledWarp],
    body: Body,
    options: OwnArmSearchOptions = OWN_ARM_SEARCH_OPTIONS,
) -> Bool:
    """Return the pieces of the arms' label that are arms: not the bare waist under a short top."""
    near = np.zeros(segmentation.arms.shape, bool)
    for surface, side in zip(surfaces, body.sides, strict=True):
        near |= surface.covered & (np.abs(surface.across - 0.5) < options.max_off_middle)
        near |= _disc(near.shape, side, options.hand_radius * body.shoulder_width)
    pieces = label_components(segmentation.arms)
    within = np.bincount(pieces.labels[near], minlength=pieces.count)
    return pieces.select(within > options.min_own_fraction * pieces.areas)


def _disc(shape: tuple[int, ...], side: BodySide, radius: float) -> Bool:
    disc = np.zeros(shape[:2], np.uint8)
    x, y = np.clip(side.arm.wrist, -_FAR_PX, _FAR_PX)
    cv2.circle(disc, (int(x), int(y)), max(int(radius), 1), 1, -1)
    return disc > 0


def find_arm_hidden_by_sleeve(
    segmentation: PersonSegmentation,
    sleeve: PlacedSleeve,
    side: BodySide,
    reach: float,
    options: ArmHiddenBySleeveOptions = ARM_HIDDEN_BY_SLEEVE_OPTIONS,
) -> Bool:
    """Return the bare arm that the new sleeve covers, rims included, H x W.

    ``reach``: distance from the armhole below the armpit at which skin is covered, in pixels.
    """
    surface, fit = sleeve.surface, sleeve.fit
    hidden_by_sleeve = np.zeros(segmentation.arms.shape, bool)
    window = bounding_window(segmentation.arms, 0)
    if fit.cuff_fraction == 0.0 or window is None:
        return hidden_by_sleeve
    arms, covered = segmentation.arms[window], surface.covered[window]
    along = surface.along[window]
    bare_from = fit.cuff_fraction - options.cuff_overlap
    near = np.abs(surface.across[window] - 0.5) < options.max_off_middle
    near &= along < bare_from
    hidden = arms & covered & near
    rows, columns = (np.arange(part.start, part.stop, dtype=np.float32) for part in window)
    ys = rows[: arms.shape[0], None] - np.float32(side.canvas_shoulder_tip[1])
    xs = columns[None, : arms.shape[1]] - np.float32(side.canvas_shoulder_tip[0])
    run = (side.canvas_armpit - side.canvas_shoulder_tip).astype(np.float32)
    fraction = np.clip((xs * run[0] + ys * run[1]) / max(float(run @ run), 1.0), 0, 1)
    away = np.hypot(xs - fraction * run[0], ys - fraction * run[1])
    bare = covered & (along >= bare_from)
    limit = np.where(ys < run[1], options.reach_above_armpit * reach, reach)
    hidden_by_sleeve[window] = hidden | (arms & ~bare & (away < limit))
    return hidden_by_sleeve


def add_own_arms(
    stack: LayerStack,
    image: Floats,
    arms: Bool,
    segmentation: PersonSegmentation,
    new: tuple[Floats, Floats],
    options: OwnArmsOptions = OWN_ARMS_OPTIONS,
) -> None:
    """Add the person's own arms over what is new, free of whatever was behind their edges.

    ``new``: the coverage of the garment's torso, along which their rims lose the light that the
    existing garment reflected on them, and that of new skin, into which they go over without a
    step.
    """
    window = bounding_window(arms, 4 * LABEL_ERROR_PX)
    if window is None:
        return
    below, photo, front = stack.image[window], image[window], arms[window]
    torso, skin = new[0][window], new[1][window]
    back = dilate(front, 3 * LABEL_ERROR_PX) & ~front & ~segmentation.head[window]
    band = LABEL_ERROR_PX // 2 + 1
    alpha, colour = estimate_alpha_matte(photo, front, back, band, options.min_alpha)
    sure = antialias(erode(front, options.sure_rim_px), options.rim_sigma_px)
    alpha = np.maximum(alpha * dilate(front, options.max_rim_px), sure)
    # A sliver of it beside an arm that is seen wider or narrower than it was made is no joint.
    joint = (skin > 0.5) & ~front
    radius = options.min_seam_radius_px
    joint = dilate(erode(joint, radius), radius) & joint
    if joint.any():
        away = cv2.distanceTransform((~joint).astype(np.uint8), cv2.DIST_L2, 3)
        new_fraction = np.clip(options.seam_steepness * (1 - away / options.seam_px), 0, 1)
        new_fraction = skin * new_fraction * new_fraction * (3 - 2 * new_fraction)
        alpha = np.asarray(alpha * (1 - new_fraction), np.float32)
    rim = contact_shadow(torso * ~front, ARM_RIM) * (1 - skin)
    colour = colour * to_three_channels(1 - ARM_RIM.strength * rim)
    mixed = alpha_blend(below, colour, alpha)
    changed = max_channel(np.abs(below - photo)) > options.min_change
    changed &= dilate(~front, options.seam_px)
    kept = choose_pixels(front, photo, below)
    anew = antialias(dilate(changed, options.changed_rim_px), options.rim_sigma_px)
    stack.replace(alpha_blend(kept, mixed, anew), alpha, window)
