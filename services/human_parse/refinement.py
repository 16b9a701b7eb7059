"""Turn probabilities into one coarse class a pixel, without specks and holes."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.coarse_classes import (
    BACKGROUND,
    COARSE_CLASSES,
    DRESS,
    LOWER,
    OTHERS,
    UPPER,
)
from services.human_parse.crops import REDUCTION
from services.human_parse.parse_frame import Flags, ParseFrame
from services.human_parse.regions import dilate
from services.kit.joints import Joint
from services.kit.raster.components import locate_components, remove_small_components
from services.kit.raster.guided_filter import (
    Plane,
    apply_to_colours,
    fit_to_colours,
    prepare_colour_guide,
)
from services.kit.raster.label_fill import fill_from_nearest
from services.kit.raster.pixel_box import PixelBox, bounding_box
from services.kit.types import Image


@dataclass(frozen=True, kw_only=True)
class EdgeOptions:
    """How the edges of classes are moved to the photo's edges."""

    radius_px: int = 8
    """Half the window of the guided filter, in pixels of the photo."""
    noise_variance: float = 1e-4
    """Colour variance that the guided filter takes for noise, of full scale squared."""
    outline_blur_px: float = 0.7
    """Sigma of the blur that keeps outlines from following the photo's grain, in pixels of the
    photo."""
    min_probability: float = 0.3
    """Greatest probability of a class below which the class is left out."""
    min_support: float = 0.02
    """Probability of a class above which its pixels are filtered, with those around them."""


EDGE_OPTIONS: Final = EdgeOptions()


@dataclass(frozen=True, kw_only=True)
class SpeckOptions:
    """Which components of a class are replaced by the class around them."""

    min_area_px: int = 12
    """Least area of a component that stays, in pixels of the photo."""
    min_area: float = 0.0012
    """Least area of a component that stays, in squared shoulder widths."""
    min_hole_ratio: int = 4
    """Least area of a component of background or others, in least areas of the other classes: real
    gaps between arm and trunk are larger than the holes that prints leave."""
    max_patch_share: float = 0.1
    """Largest area of a patch of upper clothes amid lower ones, or the reverse, as a share of its
    class."""
    patch_rim_px: int = 2
    """Width of the rim around a patch, in pixels of the photo."""
    min_rim_share: float = 0.5
    """Share of that rim above which the other clothes take the patch."""


SPECK_OPTIONS: Final = SpeckOptions()


@dataclass(frozen=True, kw_only=True)
class TrunkHoleOptions:
    """Which holes in the trunk are gaps between arm and trunk."""

    middle_half_width: float = 0.2
    """Distance from the trunk's middle up to which a hole is no gap, in shoulder widths."""
    rim_px: int = 7
    """Width of the rim with which a hole's colour is compared, in pixels of the photo."""
    min_gap_lab: float = 18.0
    """Difference in CIE Lab between a gap and its rim, above which the gap stays."""


TRUNK_HOLE_OPTIONS: Final = TrunkHoleOptions()


def refine_to_classes(
    image: Image, planes: dict[int, Plane], options: EdgeOptions = EDGE_OPTIONS
) -> NDArray[np.uint8]:
    """Return the likeliest class of every pixel of the photo, with edges moved to the photo's.

    ``planes`` are the classes' probabilities, float32 of 1/REDUCTION of the photo's sides, which
    add up to 1 in each pixel. Background is what they leave. Returns H x W.
    """
    radius = max(1, options.radius_px // REDUCTION)
    likely = bounding_box(planes[BACKGROUND] < 1 - options.min_support, 2 * radius)
    winner = np.full(image.shape[:2], BACKGROUND, np.uint8)
    if likely.width:
        window = _enlarge_box(likely, *image.shape[:2]).window
        inside = {coarse_class: plane[likely.window] for coarse_class, plane in planes.items()}
        winner[window] = _refine_crop(image[window], inside, radius, options)
    return winner


def _refine_crop(
    image: Image, planes: dict[int, Plane], radius: int, options: EdgeOptions
) -> NDArray[np.uint8]:
    """Refine as ``refine_to_classes`` does; ``radius`` is in pixels of the planes."""
    height, width = image.shape[:2]
    reduced_height, reduced_width = planes[BACKGROUND].shape
    reduced = cv2.resize(image, (reduced_width, reduced_height), interpolation=cv2.INTER_AREA)
    guide = prepare_colour_guide(np.asarray(reduced, np.uint8), radius, options.noise_variance)
    # A model varies slowly: on the blurred photo it gives its plane blurred.
    smooth = cv2.GaussianBlur(image, (0, 0), options.outline_blur_px)
    red, green, blue = (smooth[..., c].astype(np.float32) / np.float32(255) for c in range(3))
    rest = np.ones((reduced_height, reduced_width), np.float32)
    likely = {}
    for coarse_class, plane in planes.items():
        if plane.max() < options.min_probability:
            rest -= plane
        elif coarse_class != BACKGROUND:
            likely[coarse_class] = plane
    background = np.asarray(cv2.resize(rest, (width, height)), np.float32)
    best = np.zeros((height, width), np.float32)
    winner = np.full((height, width), BACKGROUND, np.uint8)
    for coarse_class, plane in likely.items():
        support = bounding_box(plane > options.min_support, 2 * radius)
        model = fit_to_colours(plane[support.window], guide.crop(support))
        window = _enlarge_box(support, height, width).window
        sharp = apply_to_colours(model, (red[window], green[window], blue[window]))
        background[window] -= sharp
        better = sharp > best[window]
        np.copyto(winner[window], np.uint8(coarse_class), where=better)
        np.maximum(best[window], sharp, out=best[window])
    np.copyto(winner, np.uint8(BACKGROUND), where=background >= best)
    return winner


def remove_specks(
    coarse: NDArray[np.uint8], frame: ParseFrame, options: SpeckOptions = SPECK_OPTIONS
) -> NDArray[np.uint8]:
    """Replace specks of the coarse classes, H x W, by the class around them."""
    least = max(options.min_area_px, round(options.min_area * frame.shoulder_width**2))
    keep = np.zeros(coarse.shape, np.bool_)
    for coarse_class in COARSE_CLASSES:
        is_hole = coarse_class in (OTHERS, BACKGROUND)
        wanted = options.min_hole_ratio * least if is_hole else least
        flags = coarse == coarse_class
        box = bounding_box(flags)
        if box.width:
            window = box.window
            keep[window] |= remove_small_components(flags[window], wanted, connectivity=4)
    return _absorb_patches(fill_from_nearest(coarse, keep), options)


def fill_trunk_holes(
    image: Image,
    coarse: NDArray[np.uint8],
    frame: ParseFrame,
    options: TrunkHoleOptions = TRUNK_HOLE_OPTIONS,
) -> NDArray[np.uint8]:
    """Fill background between shoulders and hips with the nearest clothes.

    ``image`` is H x W x 3, ``coarse`` H x W, ``frame`` in pixels of the photo. Both networks leave
    a hole if clothes have the background's colour. A hole beside the trunk's middle that differs
    from its rim in colour is a gap between arm and trunk. It stays.
    """
    corners = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP)
    if not all(frame.seen[joint] for joint in corners):
        return coarse
    trunk = np.zeros(coarse.shape, np.uint8)
    outline = frame.points[list(corners)].round().astype(np.int32)
    cv2.fillConvexPoly(trunk, cv2.convexHull(outline), 1)
    holes = (coarse == BACKGROUND) & (trunk > 0)
    if not holes.any():
        return coarse
    parts = locate_components(holes)
    middle = (float(frame.neck[0]) + float(frame.hip[0])) / 2
    closed = holes.copy()
    clothes = np.isin(coarse, (UPPER, LOWER, DRESS))
    for part in range(1, parts.count):
        away = abs(float(parts.centroids[part][0]) - middle)
        if away < options.middle_half_width * frame.shoulder_width:
            continue
        window = parts.window(part, options.rim_px + 1)
        where = parts.labels[window] == part
        rim = dilate(where, options.rim_px) & clothes[window]
        if rim.any() and _colour_difference(image[window], where, rim) > options.min_gap_lab:
            closed[window] &= ~where
    # What both networks miss is fabric of the colour of the background, hardly ever skin.
    return np.where(closed, fill_from_nearest(coarse, clothes), coarse)


def _enlarge_box(box: PixelBox, height: int, width: int) -> PixelBox:
    """Return the box in a photo of ``height`` x ``width`` of one in the reduced photo."""
    return PixelBox(
        REDUCTION * box.left,
        REDUCTION * box.top,
        min(REDUCTION * box.right, width),
        min(REDUCTION * box.bottom, height),
    )


def _colour_difference(image: Image, first: Flags, second: Flags) -> float:
    """Return the distance in CIE Lab between the median colours of two regions, H x W each."""
    colours = np.array([[np.median(image[where], axis=0) for where in (first, second)]])
    lab = cv2.cvtColor(colours.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab)
    return float(np.linalg.norm(lab[0, 0] - lab[0, 1]))


def _absorb_patches(coarse: NDArray[np.uint8], options: SpeckOptions) -> NDArray[np.uint8]:
    """Give patches of upper clothes amid lower ones to the lower, and the reverse."""
    settled = coarse
    for coarse_class, other in ((UPPER, LOWER), (LOWER, UPPER)):
        flags = coarse == coarse_class
        box = bounding_box(flags, options.patch_rim_px)
        if not box.width:
            continue
        around = coarse[box.window]
        parts = locate_components(flags[box.window], connectivity=4)
        total = int(parts.areas[1:].sum())
        for part in range(1, parts.count):
            if int(parts.areas[part]) > options.max_patch_share * total:
                continue
            window = parts.window(part, options.patch_rim_px)
            where = parts.labels[window] == part
            rim = dilate(where, options.patch_rim_px) & ~where
            others = np.count_nonzero(around[window][rim] == other)
            if others > options.min_rim_share * np.count_nonzero(rim):
                settled = settled if settled is not coarse else coarse.copy()
                settled[box.window][window][where] = other
    return settled
