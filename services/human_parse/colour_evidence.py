"""Correct the person segmenter by colours: clothes like the background, and lost skin."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.body_regions import distance_to_chains, distance_to_limbs
from services.human_parse.crops import PersonProbabilities
from services.human_parse.parse_frame import (
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    Flags,
    ParseFrame,
)
from services.human_parse.regions import dilate
from services.kit.raster.components import label_components
from services.kit.raster.pixel_box import bounding_box

NEARBY_PX: Final = 40
"""Reach around a pixel over which colours are averaged, in pixels of the reduced photo."""

_EPSILON: Final = 1e-6
"""Least divisor for the share of flagged pixels."""

_MIN_NEARBY_SHARE: Final = 1e-3
"""Share of flagged pixels around a pixel below which no colour is known there."""


@dataclass(frozen=True, kw_only=True)
class FalseClothesOptions:
    """When clothes that only the person segmenter finds are background.

    Colours differ by distances in CIE Lab; lengths in pixels are those of the reduced photo.
    """

    max_garment: float = 0.4
    """Probability of a garment below which the clothes network finds none."""
    min_clothes: float = 0.3
    """Probability of clothes above which the person segmenter finds some."""
    sure_background: float = 0.85
    """Probability above which a pixel gives the background's colour."""
    sure_garment: float = 0.9
    """Probability above which a pixel gives the garment's colour."""
    same_colour_lab: float = 7.0
    """Difference from the background below which a gap has the background's colour."""
    min_garment_difference_lab: float = 17.5
    """Difference from the garment above which a gap has another colour than the garment."""
    gap_min_garment: float = 0.5
    """Probability above which a pixel is a garment's that may have a gap."""
    gap_reach_px: int = 10
    """Reach of gaps around such a garment, in pixels of the reduced photo."""
    beside_min_garment: float = 0.3
    """Probability above which a pixel is a garment's that components lie beside."""
    beside_distance_px: int = 2
    """Distance of components from such a garment, in pixels of the reduced photo."""
    beside_colour_lab: float = 10.5
    """Difference from the background below which a component's pixel has its colour."""
    min_alike_share: float = 0.5
    """Share of a component that must have the background's colour."""
    body_distance: float = 0.06
    """Distance from the axes of the limbs within which a component lies on the body, in shoulder
    widths."""


FALSE_CLOTHES_OPTIONS: Final = FalseClothesOptions()


@dataclass(frozen=True, kw_only=True)
class LostSkinOptions:
    """Which pixels of a limb are skin that the person segmenter lost."""

    sure_skin: float = 0.8
    """Probability of skin above which a pixel gives the skin's colour."""
    min_background: float = 0.3
    """Probability of background above which skin may be lost."""
    min_background_or_skin: float = 0.7
    """Probability of background or skin above which skin may be lost."""
    limb_half_width: float = 0.25
    """Half of the largest width of a limb, in shoulder widths."""
    sure_background: float = 0.9
    """Probability above which a pixel gives the background's colour."""
    max_skin_difference_lab: float = 14.0
    """Difference in CIE Lab from the median skin below which a pixel has its colour."""
    min_background_difference_lab: float = 14.0
    """Difference in CIE Lab from the background nearby above which a pixel has another colour."""


LOST_SKIN_OPTIONS: Final = LostSkinOptions()


def background_like_clothes(
    lab: NDArray[np.float32],
    people: PersonProbabilities,
    garments: NDArray[np.float32],
    frame: ParseFrame,
    options: FalseClothesOptions = FALSE_CLOTHES_OPTIONS,
) -> Flags:
    """Find background that the person segmenter, but not the clothes network, labelled as clothes.

    ``lab`` is the reduced photo, H x W x 3 float32 CIE Lab; ``people`` is H x W x 6, ``garments``
    H x W x 4; ``frame`` is in their pixels. Returns H x W. Such pixels have the colour of the
    background nearby. Either the garment nearby has another colour (a gap between legs, or between
    arm and trunk), or the component is beside the body. A garment that the clothes network misses
    is on the body.
    """
    garment = 1 - garments[..., 0]
    doubted = (garment < options.max_garment) & (people[..., 4] > options.min_clothes)
    if not doubted.any():
        return doubted
    background_colour = _mean_colour_nearby(lab, people[..., 0] > options.sure_background, doubted)
    garment_colour = _mean_colour_nearby(lab, garment > options.sure_garment, doubted)
    colour = lab[doubted]
    background_distance = np.linalg.norm(colour - background_colour, axis=1)
    garment_distance = np.linalg.norm(colour - garment_colour, axis=1)
    gap = (background_distance < options.same_colour_lab) & (
        garment_distance > options.min_garment_difference_lab
    )
    gap &= dilate(garment > options.gap_min_garment, options.gap_reach_px)[doubted]
    beside = ~dilate(garment > options.beside_min_garment, options.beside_distance_px) & doubted
    parts = label_components(beside)
    part = parts.labels[doubted]
    background_like = background_distance < options.beside_colour_lab
    background_like_areas = np.bincount(part[background_like], minlength=parts.count)
    on_limb = distance_to_limbs(beside.shape, frame) < options.body_distance * frame.shoulder_width
    touched = np.bincount(part[on_limb[doubted]], minlength=parts.count) > 0
    alike = (
        background_like_areas > options.min_alike_share * np.maximum(parts.areas, 1)
    ) & ~touched
    found = parts.select(alike)
    found[doubted] |= gap
    return found


def recover_limb_skin(
    lab: NDArray[np.float32],
    people: PersonProbabilities,
    frame: ParseFrame,
    options: LostSkinOptions = LOST_SKIN_OPTIONS,
) -> Flags:
    """Mark skin that the person segmenter lost, H x W.

    It lies on a limb and has the colour of skin, not of the background nearby. ``lab`` is the
    reduced photo, H x W x 3 float32 CIE Lab; ``people`` is H x W x 6; ``frame`` is in its pixels.
    """
    background, skin = people[..., 0], people[..., 2]
    sure = skin > options.sure_skin
    lost = (background > options.min_background) & (
        background + skin > options.min_background_or_skin
    )
    if not sure.any() or not lost.any():
        return np.zeros(sure.shape, np.bool_)
    chains = [frame.seen_points(limb[:3]) for limb in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)]
    to_limb = distance_to_chains(chains, sure.shape)
    lost &= to_limb < options.limb_half_width * frame.shoulder_width
    colour = lab[lost]
    skin_distance = np.linalg.norm(colour - np.median(lab[sure], axis=0), axis=1)
    background_colour = _mean_colour_nearby(lab, background > options.sure_background, lost)
    background_distance = np.linalg.norm(colour - background_colour, axis=1)
    lost[lost] = (skin_distance < options.max_skin_difference_lab) & (
        background_distance > options.min_background_difference_lab
    )
    return lost


def _mean_colour_nearby(
    lab: NDArray[np.float32], where: Flags, wanted: Flags
) -> NDArray[np.float32]:
    """Return the mean colour of what is flagged around each of N wanted pixels, N x 3 CIE Lab.

    It is infinite far from any flagged pixel. ``lab`` is H x W x 3, ``where`` and ``wanted`` are
    H x W. The pixels come row by row.
    """
    box = bounding_box(wanted, NEARBY_PX)
    if not box.width:
        return np.zeros((0, 3), np.float32)
    window = box.window
    wanted = wanted[window]
    size = (2 * NEARBY_PX + 1, 2 * NEARBY_PX + 1)
    weight = where[window].astype(np.float32)
    share = np.asarray(cv2.boxFilter(weight, cv2.CV_32F, size), np.float32)[wanted]
    total = np.asarray(cv2.boxFilter(lab[window] * weight[..., None], cv2.CV_32F, size), np.float32)
    mean = total[wanted] / np.maximum(share, _EPSILON)[:, None]
    return np.where((share > _MIN_NEARBY_SHARE)[:, None], mean, np.float32(np.inf))
