"""The guided filter of He, Sun and Tang ("Guided Image Filtering", TPAMI 2013).

In every window the mask is fitted as a linear function of the photo, so that its edge moves onto
the photo's edge. With a colour guide the part that depends on the photo alone is computed once and
used for every mask of that photo. At the frame the colour filter mirrors the picture with its
outermost pixel, the grey one without it.

The linear functions vary slowly. So they may be fitted on a reduced photo, scaled up and applied to
the photo itself, in a fraction of the time: the fast guided filter (He and Sun 2015,
arXiv:1505.00996).
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.pixel_box import PixelBox
from services.kit.types import Image

Plane = NDArray[np.float32]
"""H x W float32."""

DEFAULT_NOISE_VARIANCE: Final = 2e-5
"""Variance of colour that counts as noise and not as an edge, of full scale squared."""


def _box(plane: Plane, radius: int) -> Plane:
    size = 2 * radius + 1
    return np.asarray(
        cv2.boxFilter(plane, cv2.CV_32F, (size, size), borderType=cv2.BORDER_REFLECT), np.float32
    )


def _positive(variance: Plane) -> Plane:
    # Rounding can push a variance below zero where nothing varies.
    return np.maximum(variance, np.float32(0))


@dataclass(frozen=True, kw_only=True)
class ColourGuide:
    """What the colour filter takes from a photo; planes are H x W, colours 0 to 1.

    The local covariance of the colours is kept as its LDL factors, which lose less to rounding than
    an inverse does.
    """

    rgb: tuple[Plane, Plane, Plane]
    """The photo's channels."""
    mean: tuple[Plane, Plane, Plane]
    """Their local means."""
    lower: tuple[Plane, Plane, Plane]
    """Elements (2,1), (3,1) and (3,2) of L."""
    scale: tuple[Plane, Plane, Plane]
    """The reciprocals of D."""
    radius: int
    """Radius of the windows, in pixels."""

    def crop(self, box: PixelBox) -> "ColourGuide":
        """Return the guide of a part of the photo: views of these planes, not their own windows."""

        def cut(planes: tuple[Plane, Plane, Plane]) -> tuple[Plane, Plane, Plane]:
            first, second, third = planes
            return first[box.window], second[box.window], third[box.window]

        return replace(
            self,
            rgb=cut(self.rgb),
            mean=cut(self.mean),
            lower=cut(self.lower),
            scale=cut(self.scale),
        )


@dataclass(frozen=True, kw_only=True)
class ColourModel:
    """A mask as a linear function of the photo's colours around each pixel; planes are H x W."""

    slopes: tuple[Plane, Plane, Plane]
    """Factors of the photo's channels."""
    offset: Plane
    """What is added to their products."""


def prepare_colour_guide(
    image: Image, radius: int, noise_variance: float = DEFAULT_NOISE_VARIANCE
) -> ColourGuide:
    """Prepare ``image`` (H x W x 3 uint8 RGB) as a guide for windows of ``radius`` pixels."""
    r, g, b = (image[..., c].astype(np.float32) / np.float32(255) for c in range(3))
    mr, mg, mb = (_box(channel, radius) for channel in (r, g, b))
    floor = np.float32(noise_variance)
    one = np.float32(1)
    d1 = _positive(_box(r * r, radius) - mr * mr) + floor
    rg = _box(r * g, radius) - mr * mg
    rb = _box(r * b, radius) - mr * mb
    l21 = rg / d1
    l31 = rb / d1
    d2 = _positive(_box(g * g, radius) - mg * mg - l21 * rg) + floor
    gb = _box(g * b, radius) - mg * mb - l31 * rg
    l32 = gb / d2
    d3 = _positive(_box(b * b, radius) - mb * mb - l31 * rb - l32 * gb) + floor
    return ColourGuide(
        rgb=(r, g, b),
        mean=(mr, mg, mb),
        lower=(l21, l31, l32),
        scale=(one / d1, one / d2, one / d3),
        radius=radius,
    )


def fit_to_colours(soft: Plane, photo: ColourGuide) -> ColourModel:
    """Fit ``soft`` (H x W float32, 0 to 1) as linear functions of the photo's colours.

    ``photo`` has the size of ``soft``. Each pixel gets the mean of the functions of all windows
    that it lies in.
    """
    radius = photo.radius
    mean = _box(soft, radius)
    y1, y2, y3 = (
        _box(channel * soft, radius) - average * mean
        for channel, average in zip(photo.rgb, photo.mean, strict=True)
    )
    l21, l31, l32 = photo.lower
    y2 = y2 - l21 * y1
    y3 = y3 - l31 * y1 - l32 * y2
    s3 = y3 * photo.scale[2]
    s2 = y2 * photo.scale[1] - l32 * s3
    s1 = y1 * photo.scale[0] - l21 * s2 - l31 * s3
    offset = mean - s1 * photo.mean[0] - s2 * photo.mean[1] - s3 * photo.mean[2]
    return ColourModel(
        slopes=(_box(s1, radius), _box(s2, radius), _box(s3, radius)), offset=_box(offset, radius)
    )


def filter_by_colour(soft: Plane, photo: ColourGuide) -> Plane:
    """Return ``soft`` (H x W float32, 0 to 1) with its edges moved onto those of the photo.

    An edge that is off by up to a third of the window's radius lands on the photo's.
    """
    model = fit_to_colours(soft, photo)
    out = model.offset
    for slope, channel in zip(model.slopes, photo.rgb, strict=True):
        out += slope * channel
    return np.clip(out, 0.0, 1.0)


def apply_to_colours(model: ColourModel, rgb: tuple[Plane, Plane, Plane]) -> Plane:
    """Return the mask that ``model`` makes of a photo's channels, H x W float32, 0 to 1.

    ``rgb`` are H x W each, 0 to 1. The model may be that of the same photo at a smaller size.
    """
    height, width = rgb[0].shape
    out = np.asarray(cv2.resize(model.offset, (width, height)), np.float32)
    for slope, channel in zip(model.slopes, rgb, strict=True):
        cv2.accumulateProduct(cv2.resize(slope, (width, height)), channel, out)
    return np.clip(out, 0.0, 1.0, out=out)


def filter_by_grey(soft: Plane, grey: Plane, radius: int, noise_variance: float) -> Plane:
    """Return ``soft`` with its edges moved onto those of the ``grey`` photo; both H x W, 0 to 1.

    The result may leave the range by a little at strong edges. ``radius``: of the windows, in
    pixels; ``noise_variance``: of the grey levels, of full scale squared.
    """
    window = (2 * radius + 1, 2 * radius + 1)
    mean_grey, mean_mask = cv2.blur(grey, window), cv2.blur(soft, window)
    variance = cv2.blur(grey * grey, window) - mean_grey * mean_grey
    covariance = cv2.blur(grey * soft, window) - mean_grey * mean_mask
    slope = covariance / (variance + np.float32(noise_variance))
    offset = mean_mask - slope * mean_grey
    filtered = cv2.blur(slope, window) * grey + cv2.blur(offset, window)
    return filtered.astype(np.float32)
