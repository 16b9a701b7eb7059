"""The answer: the picture, and a truthful mask of what was changed."""

import cv2
import numpy as np
from numpy.typing import NDArray

_NOTICEABLE = 2


def finish(
    person: NDArray[np.uint8], picture: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Round the picture, and takes back every change too small to see.

    Returns H x W x 3 and H x W uint8. Where the mask is 0 the picture is identical to ``person``.
    """
    rounded = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    change = np.abs(rounded.astype(np.int16) - person.astype(np.int16)).max(axis=-1)
    seen = cv2.morphologyEx(
        (change >= _NOTICEABLE).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)
    )
    image = np.where(seen[..., None] > 0, rounded, person)
    core = cv2.dilate(seen, np.ones((5, 5), np.uint8)).astype(np.float32)
    mask = np.rint(255 * cv2.GaussianBlur(core, (0, 0), 1.0)).astype(np.uint8)
    mask = np.where(seen > 0, 255, mask).astype(np.uint8)
    return np.asarray(image, np.uint8), mask
