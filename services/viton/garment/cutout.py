"""The garment cut out of its photo: colours without the background, and alpha mattes."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.raster.components import largest_component
from services.kit.raster.guided_filter import filter_by_grey
from services.viton.garment.background_bleed import (
    USUAL_BLEED_DEPTH_PX,
    background_bleed_depth,
    decontaminate_colours,
)
from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.garment.plain_light import even_out_plain_garment_light
from services.viton.garment.plain_sleeve import (
    ColourPatch,
    extend_plain_sleeve,
    lift_plain_sleeve_shade,
)
from services.viton.geometry import Points, point
from services.viton.raster.layers import WHOLE_IMAGE, Window
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import bounding_window, to_luma
from services.viton.raster.polygon import rasterise_polygon, rasterise_polygon_in_window
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class CutoutOptions:
    """How a garment is cut out. Lengths are pixels of the photo if not said otherwise."""

    sleeve_overlap_px: int = 14
    """How far a sleeve's piece reaches over its seam, in photo pixels."""

    sleeve_sigma_px: float = 1.0
    """Standard deviation of the blur of that piece's edge, in photo pixels."""

    sleeve_rim_px: int = 8
    """Distance from the piece beyond which that blur changes nothing, in photo pixels."""

    torso_overlap_px: int = 4
    """How far the torso's piece reaches over its seams, in photo pixels."""

    torso_sigma_px: float = 0.7
    """Standard deviation of the blur of the torso's edge at its seams, in photo pixels."""

    neck_opening_rise_px: float = 8.0
    """Distance above the photo up to which the neck opening reaches."""

    neck_opening_sigma_px: float = 0.8
    """Standard deviation of the blur of the neck opening's edge, in photo pixels."""

    neck_opening_rim_px: int = 8
    """Distance from the neck opening beyond which that blur changes nothing, in photo pixels."""

    matte_margin_px: int = 16
    """Margin around the garment in which its alpha matte is estimated, in photo pixels."""

    matte_radius_px: int = 4
    """Radius of the guided filter that estimates it, in photo pixels."""

    matte_epsilon: float = 1e-3
    """Regularisation of that filter: brightness is 0 to 1."""

    matte_reach_px: int = 3
    """How far outside the mask the matte may reach, in photo pixels."""

    matte_range: tuple[float, float] = (0.25, 0.85)
    """Values of the filtered mask that become 0 and 1."""

    gusset_width: float = 0.16
    """Width of a whole gusset, in half chest widths."""

    gusset_height: float = 0.45
    """Height of a whole gusset below the armpit, in half chest widths."""

    gusset_overlap_px: float = 6.0
    """How far a gusset reaches into the torso, in photo pixels."""


CUTOUT_OPTIONS: Final = CutoutOptions()


@dataclass(frozen=True, kw_only=True)
class GarmentPiece:
    """A piece of a garment in the frame of its photo."""

    colours: Floats
    """H x W x 3, 0 to 255. Pieces share it."""

    patch: ColourPatch | None = None
    """Where this piece has other colours, but for the patch's rim."""

    coverage: Floats
    """The coverage in ``window``, 0 to 1. It is 0 elsewhere and at the window's rim."""

    window: Window = WHOLE_IMAGE
    """The rows and columns of the photo that ``coverage`` holds."""


@dataclass(frozen=True, kw_only=True)
class GarmentCutout:
    """The pieces of a garment in the frame of its photo. They depend on the garment alone."""

    torso: GarmentPiece
    """The torso without gussets; its coverage is H x W."""

    left_sleeve: GarmentPiece | None
    """The left sleeve."""

    right_sleeve: GarmentPiece | None
    """The right sleeve."""

    alpha: Floats
    """H x W, the coverage of the whole garment, 0 to 1."""

    @property
    def sleeves(self) -> tuple[GarmentPiece | None, GarmentPiece | None]:
        """The left sleeve, then the right one."""
        return self.left_sleeve, self.right_sleeve


def cut_out_garment(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    garment: TopLandmarks,
    options: CutoutOptions = CUTOUT_OPTIONS,
) -> GarmentCutout:
    """Cut torso and sleeves out of the photo, with some fabric beyond each seam to overlap.

    ``image``: H x W x 3. ``mask``: H x W, 255 on the garment. Colours are continued outwards from
    well inside the mask, so that no edge contains background.
    """
    hard = mask > 127
    extended_colours, alpha = extract_colours_and_alpha(image, hard, options)
    colours = lift_plain_sleeve_shade(even_out_plain_garment_light(extended_colours, hard), garment)
    front = _without_neck_opening(alpha, garment, options)
    near_torso = dilate(garment.torso_mask, options.torso_overlap_px)
    torso = front * antialias(near_torso, options.torso_sigma_px)
    left, right = (_cut_sleeve(colours, front, half, options) for half in garment.halves)
    return GarmentCutout(
        torso=GarmentPiece(colours=colours, coverage=torso),
        left_sleeve=left,
        right_sleeve=right,
        alpha=alpha,
    )


def finish_torso(
    torso: GarmentPiece,
    garment: TopLandmarks,
    gussets: tuple[float, float],
    options: CutoutOptions = CUTOUT_OPTIONS,
) -> GarmentPiece:
    """Return the torso with gussets, and without what does not hang together with it.

    ``gussets``: how much of a gusset is added below the left and the right armpit, 0 to 1.
    """
    cover = torso.coverage.copy()
    for half, size in zip(garment.halves, gussets, strict=True):
        if half.sleeve is not None and size != 0:
            ring = _gusset_outline(garment, half, size, options)
            window, gusset = rasterise_polygon_in_window((cover.shape[0], cover.shape[1]), ring)
            cover[window] = np.maximum(cover[window], gusset)
    whole = largest_component(cover > 0.5)
    cover *= dilate(whole, 2)
    return replace(torso, coverage=cover)


def extract_colours_and_alpha(
    image: NDArray[np.uint8], hard: Bool, options: CutoutOptions = CUTOUT_OPTIONS
) -> tuple[Floats, Floats]:
    """Return the garment's colours and its alpha matte, in the frame of its photo.

    ``image``: H x W x 3. ``hard``: H x W, the garment's mask. The colours (H x W x 3, 0 to 255) are
    continued outwards from the mask; the matte (H x W) is 0 to 1.
    """
    own = image.astype(np.float32)
    depth = background_bleed_depth(own, hard)
    if depth > USUAL_BLEED_DEPTH_PX + 1:
        own = decontaminate_colours(own, hard, depth)
    safe = erode(hard, USUAL_BLEED_DEPTH_PX)
    extended_colours = pull_push(own, safe, 1)
    alpha = np.zeros(hard.shape, np.float32)
    window = bounding_window(hard, options.matte_margin_px)
    if window is not None:
        alpha[window] = np.maximum(_rim_alpha(own[window], hard[window], options), safe[window])
    return extended_colours, alpha


def _rim_alpha(colours: Floats, hard: Bool, options: CutoutOptions) -> Floats:
    """Estimate the alpha matte (H x W, 0 to 1) at the outline of a mask, by the brightness."""
    luma = to_luma(colours) / np.float32(255)
    radius, epsilon = options.matte_radius_px, options.matte_epsilon
    refined = np.clip(filter_by_grey(antialias(hard, 1.0), luma, radius, epsilon), 0, 1)
    zero, one = options.matte_range
    rim = np.clip((refined - zero) / (one - zero), 0, 1)
    return np.asarray(rim * dilate(hard, options.matte_reach_px))


def _cut_sleeve(
    colours: Floats, front: Floats, half: GarmentHalf, options: CutoutOptions
) -> GarmentPiece | None:
    """Return a half's sleeve. ``front``: the garment's coverage, H x W, 0 to 1."""
    if half.sleeve is None:
        return None
    mask = half.sleeve.mask
    window = bounding_window(mask, options.sleeve_overlap_px + options.sleeve_rim_px)
    if window is None:
        return GarmentPiece(colours=colours, coverage=np.zeros_like(front))
    near = antialias(dilate(mask[window], options.sleeve_overlap_px), options.sleeve_sigma_px)
    return GarmentPiece(
        colours=colours,
        patch=extend_plain_sleeve(colours, mask, float(half.armpit[1])),
        coverage=front[window] * near,
        window=window,
    )


def _without_neck_opening(alpha: Floats, garment: TopLandmarks, options: CutoutOptions) -> Floats:
    """Return the coverage without what is above the neckline: the inside of the back, a label."""
    curve = garment.neckline.curve
    above = -options.neck_opening_rise_px
    ends = np.array([[curve[-1, 0], above], [curve[0, 0], above]])
    ring: Points = np.concatenate([curve, ends])
    cover = rasterise_polygon((alpha.shape[0], alpha.shape[1]), ring)
    front = alpha.copy()
    window = bounding_window(cover > 0, options.neck_opening_rim_px)
    if window is not None:
        front[window] *= 1 - gaussian_blur(cover[window], options.neck_opening_sigma_px)
    return front


def _gusset_outline(
    garment: TopLandmarks, half: GarmentHalf, size: float, options: CutoutOptions
) -> Points:
    """Return the polygon of a gusset below an armpit, in pixels of the photo."""
    outwards = np.sign(half.armpit[0] - garment.midline_x)
    wide = options.gusset_width * size * garment.half_chest_width
    tall = options.gusset_height * size * garment.half_chest_width
    below = half.side_seam[half.side_seam[:, 1] < half.armpit[1] + tall]
    fraction = 1 - (below[:, 1] - half.armpit[1]) / tall
    still = np.zeros(len(below))
    overlap = options.gusset_overlap_px
    rim = below + np.stack([outwards * wide * fraction, still], axis=1)
    inner = below - np.stack([outwards * np.full(len(below), overlap), still], axis=1)
    top = half.armpit + point(outwards * wide, -0.5 * wide)
    start = half.armpit + point(-outwards * overlap, -0.5 * wide)
    return np.concatenate([start[None], top[None], rim, inner[::-1]])
