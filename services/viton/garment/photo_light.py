"""Light and shade of the garment's photo that are not the garment's, taken off plain garments."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import GarmentHalf, TopLandmarks
from services.viton.raster.morphology import dilate, erode
from services.viton.raster.planes import (
    bounding_window,
    mean_channel_std,
    to_luma,
    to_three_channels,
)
from services.viton.raster.pull_push import pull_push
from services.viton.raster.smoothing import antialias, gaussian_blur

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_MAX_PLAIN_STD: Final = 30.0
"""Mean standard deviation of the channels up to which a garment is plain, in levels 0 to 255."""


@dataclass(frozen=True, kw_only=True)
class StudioLightOptions:
    """How slow changes of brightness are taken off a plain garment."""

    shrink: int = 8
    """Factor by which the photo is made smaller to measure them."""

    rim_px: int = 4
    """Rim of the garment that is left out, in pixels of the photo."""

    min_pixels: int = 50
    """Pixels of the smaller garment below which nothing is changed."""

    min_coverage: float = 0.99
    """Coverage above which a pixel of the smaller photo shows the garment alone."""

    min_weight: float = 1e-3
    """Least weight of the blur that is divided by."""

    min_changed_weight: float = 0.02
    """Weight of the blur up to which brightness is not changed: the garment is too far away."""

    blur: float = 0.10
    """Sigma of the Gaussian, as a fraction of the square root of the garment's area."""

    black_level: float = 8.0
    """Added to brightness, so that dark garments are not amplified, in levels 0 to 255."""

    gain_range: tuple[float, float] = (0.85, 1.15)
    """Least and largest gain."""

    strength: float = 0.75
    """Exponent of the gain: 1 evens the garment fully."""


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
    """Rim of the sleeve that is left out."""

    overlap_px: int = 28
    """How far the colours are continued."""

    window_px: int = 42
    """Margin of the window in which they are computed."""

    sigma_px: float = 1.5
    """Standard deviation of the blur of the edge up to which they are continued."""


STUDIO_LIGHT_OPTIONS: Final = StudioLightOptions()
"""How a plain garment's light is evened out by default."""

SLEEVE_SHADE_OPTIONS: Final = SleeveShadeOptions()
"""How the shade under a sleeve is lifted by default."""

SLEEVE_EXTENSION_OPTIONS: Final = SleeveExtensionOptions()
"""How a sleeve's colours are continued by default."""


def even_out_studio_light(
    colours: Floats, hard: Bool, options: StudioLightOptions = STUDIO_LIGHT_OPTIONS
) -> Floats:
    """Return the colours (H x W x 3) with slow changes of brightness taken off a plain garment.

    A photo is often brighter above; a garment that is tucked in would then look paler than it is.
    ``hard``: H x W, the garment's mask.
    """
    shrink = options.shrink
    size = (colours.shape[1] // shrink, colours.shape[0] // shrink)
    core = erode(hard, options.rim_px).astype(np.float32)
    inside = cv2.resize(core, size, interpolation=cv2.INTER_AREA)
    small = np.asarray(cv2.resize(colours, size, interpolation=cv2.INTER_AREA), np.float32)
    known = inside > options.min_coverage
    is_small = known.sum() < options.min_pixels
    if is_small or float(small[known].std(axis=0).mean()) > _MAX_PLAIN_STD:
        return colours
    sigma = options.blur * float(np.sqrt(known.sum()))
    weight = gaussian_blur(known.astype(np.float32), sigma)
    slow = gaussian_blur(to_luma(small) * known, sigma) / np.maximum(weight, options.min_weight)
    usual = float(np.median(slow[known]))
    black = options.black_level
    gain = np.clip((usual + black) / (slow + black), *options.gain_range)
    gain = np.where(weight > options.min_changed_weight, gain ** np.float32(options.strength), 1.0)
    full = cv2.resize(gain.astype(np.float32), colours.shape[1::-1])
    return colours * to_three_channels(np.asarray(full, np.float32))


def lift_sleeve_shade(
    colours: Floats, garment: TopLandmarks, options: SleeveShadeOptions = SLEEVE_SHADE_OPTIONS
) -> Floats:
    """Return the colours (H x W x 3) with the photo's deep shade under plain sleeves lifted.

    On the person the arm is elsewhere.
    """
    lifted = colours
    for half in garment.halves:
        lifted = _lift_under_sleeve(lifted, half, garment.half_chest_width, options)
    return lifted


def _lift_under_sleeve(
    colours: Floats, half: GarmentHalf, half_chest_width: float, options: SleeveShadeOptions
) -> Floats:
    if half.sleeve is None or not half.sleeve.mask.any():
        return colours
    reach = options.reach * half_chest_width
    low = np.maximum((half.armpit - reach).astype(int), 0)
    high = np.maximum((half.armpit + reach).astype(int), 1)
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    part = colours[window]
    fabric = erode(half.sleeve.mask, options.rim_px)
    if not fabric.any() or part.size == 0 or mean_channel_std(colours, fabric) > _MAX_PLAIN_STD:
        return colours
    usual = np.median(colours[fabric], axis=0)
    slow = gaussian_blur(to_luma(part), 2.0)
    darkness = options.min_brightness - slow / max(float(usual.mean()), 1.0)
    lift = np.clip(darkness / options.fade, 0, 1)
    ys = np.arange(low[1], low[1] + part.shape[0], dtype=np.float32)
    xs = np.arange(low[0], low[0] + part.shape[1], dtype=np.float32)
    away = np.hypot(xs[None, :] - half.armpit[0], ys[:, None] - half.armpit[1]) / reach
    share = np.clip(2 - 2 * away, 0, 1) * _hue_similarity(part, usual, options)
    lifted = colours.copy()
    lifted[window] = part + (share * lift)[..., None] * (options.min_brightness * usual - part)
    return lifted


def _hue_similarity(part: Floats, usual: Floats, options: SleeveShadeOptions) -> Floats:
    """Return 1 where a colour (H x W x 3) is a shade of the usual one, 0 where its hue differs."""
    black = np.float32(options.black_level)
    smooth, whole = gaussian_blur(part, 2.0) + black, usual + black
    own = smooth / to_three_channels(np.asarray(smooth.mean(axis=2), np.float32))
    away = np.abs(own - whole / whole.mean()).max(axis=2)
    return np.asarray(np.clip(2 - away / options.max_hue_difference, 0, 1), np.float32)


def extend_plain_sleeve(
    colours: Floats,
    sleeve: Bool,
    armpit_row: float,
    options: SleeveExtensionOptions = SLEEVE_EXTENSION_OPTIONS,
) -> Floats:
    """Continue a plain sleeve's colours over the torso that it touches below the armpit.

    ``colours``: H x W x 3. ``sleeve``: H x W, its mask in the photo.
    """
    window = bounding_window(sleeve, options.window_px)
    inside = erode(sleeve, options.rim_px)
    if window is None or not inside.any():
        return colours
    if mean_channel_std(colours, inside) > _MAX_PLAIN_STD:
        return colours
    rows = np.arange(sleeve.shape[0])[:, None]
    below = (~inside & (rows > armpit_row))[window]
    beyond = below & dilate(sleeve[window], options.overlap_px)
    part = colours[window]
    own = pull_push(part, inside[window].astype(np.float32), 1)
    result = colours.copy()
    result[window] = part + to_three_channels(antialias(beyond, options.sigma_px)) * (own - part)
    return result
