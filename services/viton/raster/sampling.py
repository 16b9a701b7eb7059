"""Sampling of images through dense maps."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]


def sample_image(image: Floats, flow: Floats) -> Floats:
    """Return the H x W x C float32 image read at ``flow``; outside, its border is repeated."""
    return sample_at(image, *split_map(flow))


def split_map(flow: Floats) -> tuple[Floats, Floats]:
    """Return the x and the y of a map, H x W x 2, as planes of their own."""
    return np.ascontiguousarray(flow[..., 0]), np.ascontiguousarray(flow[..., 1])


def sample_at(image: Floats, xs: Floats, ys: Floats) -> Floats:
    """Return the float32 image or plane read at the places (``xs``, ``ys``), both H x W.

    Outside, its border is repeated.
    """
    return np.asarray(
        cv2.remap(image, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
