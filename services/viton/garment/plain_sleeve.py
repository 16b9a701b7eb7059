"""Colours of plain sleeves: the shade under them is lifted, and they go on over the torso.

A sleeve with a pattern stays as it is.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.garment.plain_light import MAX_PLAIN_STD
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import (
    bounding_window,
    max_channel,
    mean_channel_std,
    to_luma,
    to_three_channels,
)
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]
Window: TypeAlias = tuple[slice, slice]


@dataclass(frozen=True, kw_only=True)
class SleeveShadeOptions:
    """How the shade under a plain sleeve is lifted."""

    reach: float = 0.45
    """Radius around the armpit, in half chest widths."""

    rim_px: int = 3
    """Rim of the sleeve that is left out of its usual colour, in pixels of the photo."""

    min_brightness: float = 0.78
    """Brightness, as a fraction of the sleeve's usual one, to which deeper shade is lifted."""

    fade: float = 0.3
    """Fraction of brightness over which lifting fades in."""

    black_level: float = 10.0
    """Added to colours before their hues are compared, in levels 0 to 255."""

    max_hue_difference: float = 0.2
    """Difference of hue up to which a colour is a shade of the sleeve's: it fades to twice that."""


@dataclass(frozen=True, kw_only=True)
class SleeveExtensionOptions:
    """How a plain sleeve's colours are continued over the torso. Lengths: pixels of the photo."""

    rim_px: int = 4
    """Rim of the sleeve that is left out, in photo pixels."""

    overlap_px: int = 28
    """How far the colours are continued, in photo pixels."""

    window_px: int = 42
    """Margin of the window in which they are computed, in photo pixels."""

    sigma_px: float = 1.5
    """Standard deviation of the blur of the edge at which they end, in photo pixels."""


@dataclass(frozen=True, kw_only=True)
class ColourPatch:
    """Colours of a part of a photo; at its rim they are the photo's."""

    colours: Floats
    """H x W x 3, 0 to 255."""

    window: Window
    """The rows and columns of the photo."""


SLEEVE_SHADE_OPTIONS: Final = SleeveShadeOptions()


SLEEVE_EXTENSION_OPTIONS: Final = SleeveExtensionOptions()


def lift_plain_sleeve_shade(
    colours: Floats, top: TopLandmarks, options: SleeveShadeOptions = SLEEVE_SHADE_OPTIONS
) -> Floats:
    """Return the colours (H x W x 3) with the photo's deep shade under plain sleeves lifted.

    On the person the arm is elsewhere.
    """
    lifted = colours
    for half in top.halves:
        patch = _lift_under_sleeve(lifted, half, top.half_chest_width, options)
        if patch is not None:
            if lifted is colours:
                lifted = colours.copy()
            lifted[patch.window] = patch.colours
    return lifted


def _lift_under_sleeve(
    colours: Floats, half: GarmentHalf, half_chest_width: float, options: SleeveShadeOptions
) -> ColourPatch | None:
    if half.sleeve is None or not half.sleeve.mask.any():
        return None
    reach = options.reach * half_chest_width
    low = np.maximum((half.armpit - reach).astype(int), 0)
    high = np.maximum((half.armpit + reach).astype(int), 1)
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    part = colours[window]
    fabric = erode(half.sleeve.mask, options.rim_px)
    if not fabric.any() or part.size == 0 or mean_channel_std(colours, fabric) > MAX_PLAIN_STD:
        return None
    usual = np.median(colours[fabric], axis=0)
    slow = gaussian_blur(to_luma(part), 2.0)
    darkness = options.min_brightness - slow / max(float(usual.mean()), 1.0)
    lift = np.clip(darkness / options.fade, 0, 1)
    ys = np.arange(low[1], low[1] + part.shape[0], dtype=np.float32)
    xs = np.arange(low[0], low[0] + part.shape[1], dtype=np.float32)
    away = np.hypot(xs[None, :] - half.armpit[0], ys[:, None] - half.armpit[1]) / reach
    fraction = np.clip(2 - 2 * away, 0, 1) * _hue_similarity(part, usual, options)
    gain = to_three_channels(np.asarray(fraction * lift, np.float32))
    return ColourPatch(colours=part + gain * (options.min_brightness * usual - part), window=window)


def _hue_similarity(part: Floats, usual: Floats, options: SleeveShadeOptions) -> Floats:
    """Return 1 where a colour (H x W x 3) is a shade of the usual one, 0 where its hue differs."""
    black = np.float32(options.black_level)
    smooth, whole = gaussian_blur(part, 2.0) + black, usual + black
    own = smooth / to_three_channels(np.asarray(smooth.mean(axis=2), np.float32))
    away = max_channel(np.abs(own - whole / whole.mean()))
    return np.asarray(np.clip(2 - away / options.max_hue_difference, 0, 1), np.float32)


def extend_plain_sleeve(
    colours: Floats,
    sleeve: Bool,
    armpit_row: float,
    options: SleeveExtensionOptions = SLEEVE_EXTENSION_OPTIONS,
) -> ColourPatch | None:
    """Continue a plain sleeve's colours over the torso that it touches below the armpit.

    ``colours``: H x W x 3. ``sleeve``: H x W, its mask in the photo. None if it has a pattern.
    """
    window = bounding_window(sleeve, options.window_px)
    inside = erode(sleeve, options.rim_px)
    if window is None or not inside.any():
        return None
    if mean_channel_std(colours, inside) > MAX_PLAIN_STD:
        return None
    rows = np.arange(sleeve.shape[0])[:, None]
    below = (~inside & (rows > armpit_row))[window]
    beyond = below & dilate(sleeve[window], options.overlap_px)
    part = colours[window]
    own = pull_push(part, inside[window], 1)
    over = to_three_channels(antialias(beyond, options.sigma_px))
    return ColourPatch(colours=part + over * (own - part), window=window)
