"""Colours for the part of a canvas that a picture does not cover.

What follows must not take the padding for a garment, nor the picture's border for a garment's edge.
So the background is continued outwards, and what stands before it and is cut by the frame (a torso,
a sleeve) ends where the picture ends.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.types import Image

Colour = NDArray[np.float32]
"""3 float32: red, green, blue, 0 to 255."""

Profile = NDArray[np.float32]
"""L x 3 float32: one colour a pixel along a side, 0 to 255."""

BORDER_PX: Final = 4
"""Width of the border strip whose colours count, in pixels of the picture."""

CORNER_SHARE: Final = 1 / 8
"""Share of a side, at each end, that gives a corner's colour.

People and garments stand in the middle of their photos.
"""

LOWER_CORNER_WEIGHT: Final = 0.6
"""Weight of a lower corner; an upper one has weight 1."""

MAX_BACKGROUND_LEVELS: Final = 40.0
"""Difference from the background, in levels of any channel, below which a pixel belongs to it."""

SMOOTHING_SHARE: Final = 1 / 12
"""Half width, as a share of the side, over which the colours along it are averaged."""


def paste_padded(image: Image, width: int, height: int, left: int, top: int) -> Image:
    """Put a picture on a width x height canvas and continue its background to the canvas's edges.

    The picture must span the canvas in one direction at least. All in pixels.
    """
    rows, columns = image.shape[:2]
    backdrop = _background_colour(image)
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[top : top + rows, left : left + columns] = image
    if columns < width:
        canvas[:, :left] = _continue_background(image[:, :BORDER_PX], backdrop)[:, None]
        canvas[:, left + columns :] = _continue_background(image[:, -BORDER_PX:], backdrop)[:, None]
    if rows < height:
        upright = image.swapaxes(0, 1)
        canvas[:top] = _continue_background(upright[:, :BORDER_PX], backdrop)
        canvas[top + rows :] = _continue_background(upright[:, -BORDER_PX:], backdrop)
    return canvas


def _background_colour(image: Image) -> Colour:
    """Find the colour of the corner that most of the picture's border looks like.

    The lower corners count less: it is there that sleeves, hems and laps leave the frame.
    """
    upright = image.swapaxes(0, 1)
    top, bottom, left, right = (
        _median_profile(strip)
        for strip in (
            upright[:, :BORDER_PX],
            upright[:, -BORDER_PX:],
            image[:, :BORDER_PX],
            image[:, -BORDER_PX:],
        )
    )
    border = np.concatenate([top, bottom, left, right])
    corners = [
        np.median(
            np.concatenate([across[: _end_length(across)], down[: _end_length(down)]]), axis=0
        )
        for across, down in (
            (top, left),
            (top[::-1], right),
            (bottom, left[::-1]),
            (bottom[::-1], right[::-1]),
        )
    ]
    shares = [_is_near(border, corner).mean() for corner in corners]
    best = int(np.argmax(np.multiply(shares, (1, 1, LOWER_CORNER_WEIGHT, LOWER_CORNER_WEIGHT))))
    return np.asarray(corners[best], np.float32)


def _continue_background(strip: Image, backdrop: Colour) -> NDArray[np.uint8]:
    """Find the colours, L x 3, that continue the background seen on a side's L x depth strip."""
    side = _median_profile(strip)
    ends = [
        np.median(side[: _end_length(side)], axis=0),
        np.median(side[-_end_length(side) :], axis=0),
    ]
    first, last = (end if _is_near(end, backdrop) else backdrop for end in ends)
    along = np.linspace(0, 1, len(side), dtype=np.float32)[:, None]
    ramp: Profile = (first + along * (last - first)).astype(np.float32)
    departure = (side - ramp) * _is_near(side, ramp)[:, None]
    profile = ramp + _smooth_profile(departure, max(1, round(len(side) * SMOOTHING_SHARE)))
    colours: NDArray[np.uint8] = np.clip(np.rint(profile), 0, 255).astype(np.uint8)
    return colours


def _median_profile(strip: Image) -> Profile:
    return np.asarray(np.median(strip, axis=1), np.float32)


def _end_length(side: Profile) -> int:
    return max(1, round(len(side) * CORNER_SHARE))


def _is_near(colours: Profile, reference: Profile) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(colours - reference).max(axis=-1) < MAX_BACKGROUND_LEVELS
    return near


def _smooth_profile(profile: Profile, half_width: int) -> Profile:
    window = np.hanning(2 * half_width + 1).astype(np.float32)
    window /= window.sum()
    padded = np.pad(profile, ((half_width, half_width), (0, 0)), mode="symmetric")
    return np.stack([np.convolve(channel, window, "valid") for channel in padded.T], axis=1)
