"""Sampling of images through dense maps."""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]


def sample_image(image: Floats, flow: Floats) -> Floats:
    """Return the H x W x C float32 image read at ``flow``; outside, its border is repeated."""
    return np.asarray(
        cv2.remap(
            image,
            np.ascontiguousarray(flow[..., 0]),
            np.ascontiguousarray(flow[..., 1]),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.float32,
    )
