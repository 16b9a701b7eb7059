"""The garment's photo as the search for the neckline needs it, measured once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points
from services.viton.side import PictureSide

Floats: TypeAlias = NDArray[np.float32]

_BLUR_SIGMA_PX: Final = 2.0
"""Gaussian blur of the photo, in pixels of the photo."""

_PATCH_STEP_PX: Final = 3
"""Distance of a patch's samples in both directions, in pixels of the photo."""

_CHEST_PATCH: Final = (-0.25, 0.55, 0.75)
"""First and last row of the chest's patch from the armpits, and its half width, in half chest
widths."""

_SHOULDER_PATCH_ROWS: Final = (0.06, 0.45)
"""First and last row of a shoulder's patch below the neck point, in half chest widths."""

_SHOULDER_PATCH_GAP: Final = 0.04
"""From the neck point outwards to a shoulder's patch, in half chest widths."""

_SHOULDER_PATCH_REACH: Final = 0.95
"""From the neckline's middle to a shoulder patch's outer end, in half chest widths."""

_NARROW_NECK: Final = 0.72
"""Width of the neck below which a collar closes it, in half chest widths."""


@dataclass(frozen=True)
class ColourPatch:
    """Colours of a part of the garment's front."""

    pixels: Floats
    """N x 3, blurred CIELAB."""

    in_photo: bool
    """False if the patch lies left of the photo: the pixels are those of its first column."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NecklinePhoto:
    """A garment's photo with what is known of it when its neckline is searched.

    All positions are pixels of the photo.
    """

    lab: Floats
    """H x W x 3, CIELAB as OpenCV scales it for 8 bits, blurred a little."""

    mask: NDArray[np.bool_]
    """H x W, the garment without its hood."""

    top_rows: NDArray[np.int64]
    """W, the mask's first row in each column; H in a column without garment."""

    left: Points
    """Left neck point."""

    right: Points
    """Right neck point."""

    column_limits: tuple[float, float]
    """First and last column in which the neckline may lie."""

    half_chest_width: float
    """Half the chest's width."""

    armpit_row: float
    """Row of the armpits."""

    @property
    def width(self) -> float:
        """Width of the neck, from neck point to neck point."""
        return float(self.right[0] - self.left[0])

    @property
    def midline_x(self) -> float:
        """The x in the middle between the neck points."""
        return float(self.left[0] + self.right[0]) / 2

    @property
    def has_collar(self) -> bool:
        """Whether the neck is so narrow that a collar closes it."""
        return self.width < _NARROW_NECK * self.half_chest_width

    @property
    def chest_window(self) -> tuple[slice, slice]:
        """Rows and columns of the chest between the armpits."""
        half, axis = self.half_chest_width, self.midline_x
        above, below, beside = _CHEST_PATCH
        return (
            slice(max(int(self.armpit_row + above * half), 0), int(self.armpit_row + below * half)),
            slice(max(int(axis - beside * half), 0), int(axis + beside * half)),
        )

    @cached_property
    def front_patches(self) -> tuple[ColourPatch, ColourPatch, ColourPatch]:
        """Colours of the chest, of the left shoulder and of the right shoulder."""
        left, right = (
            self._shoulder_patch(neck, side)
            for neck, side in zip((self.left, self.right), PictureSide, strict=True)
        )
        return ColourPatch(self._sample(self.chest_window), in_photo=True), left, right

    def _shoulder_patch(self, neck: Points, side: PictureSide) -> ColourPatch:
        half, sign = self.half_chest_width, side.sign
        above, below = _SHOULDER_PATCH_ROWS
        first, last = sorted(
            (
                neck[0] + sign * _SHOULDER_PATCH_GAP * half,
                self.midline_x + sign * _SHOULDER_PATCH_REACH * half,
            )
        )
        rows = slice(max(int(neck[1] + above * half), 0), int(neck[1] + below * half))
        columns = slice(max(int(first), 0), max(int(last), 1))
        return ColourPatch(self._sample((rows, columns)), in_photo=int(last) > 0)

    def _sample(self, window: tuple[slice, slice]) -> Floats:
        step = _PATCH_STEP_PX
        inside = self.mask[window][::step, ::step]
        return np.asarray(self.lab[window][::step, ::step][inside], np.float32)


def blur_lab(lab: NDArray[np.uint8]) -> Floats:
    """Return a photo in CIELAB, H x W x 3, blurred a little."""
    return np.asarray(cv2.GaussianBlur(lab.astype(np.float32), (0, 0), _BLUR_SIGMA_PX), np.float32)
