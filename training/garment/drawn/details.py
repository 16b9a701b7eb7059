"""Draw seams and trimmings on the fabric."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.garment.drawn.shape import Points, Shape, at
from training.garment.drawn.spec import Spec


def seams(spec: Spec, drawn: Shape, scale: float) -> list[Points]:
    """Return the paths of stitched lines: waistbands, flies, pockets, drawstrings."""
    paths: list[Points] = []
    middle = drawn.front[20]
    half = spec.half_chest * scale
    if spec.category == "lower":
        paths.append(drawn.front + at(0, 3.5 * scale))
        if spec.style != "skirt":
            low = middle + at(0, spec.armpit * scale)
            paths += [
                np.stack([middle, low]),
                np.stack([middle + at(scale, 0), low - at(0, scale)]),
            ]
        if spec.pockets:
            for side in (-1, 1):
                top = middle + at(side * 0.55 * half, 4 * scale)
                paths.append(np.stack([top, top + at(side * 0.35 * half, 11 * scale)]))
        return paths
    if spec.pockets:
        wide, tall = 0.2 * half, 0.24 * half
        corner = middle + at(0.3 * half, (0.9 * spec.armpit) * scale)
        paths.append(_box(corner, wide, tall))
        if spec.neck == "hood":
            paths.append(_box(drawn.hem[20] - at(0.5 * half, 1.0 * half), half, 0.7 * half))
    if spec.neck == "hood":
        paths += [
            np.stack([middle + at(s * 3 * scale, 0), middle + at(s * 3.5 * scale, 20 * scale)])
            for s in (-1, 1)
        ]
    if spec.category == "dress" and spec.belt:
        left, right = (np.array(drawn.landmarks[f"{s}_waist"]) for s in ("left", "right"))
        paths += [np.stack([left, right]), np.stack([left, right]) + at(0, 3 * scale)]
    return paths


def _box(corner: Points, wide: float, tall: float) -> Points:
    box = [corner, corner + at(wide, 0), corner + at(wide, tall), corner + at(0, tall), corner]
    return np.stack(box)


def belt(spec: Spec, drawn: Shape, picture: NDArray[np.float32], scale: float) -> None:
    """Fill the belt of a dress with its second colour, in place."""
    if spec.category != "dress" or not spec.belt or spec.texture < 0.5:
        return
    left, right = (np.array(drawn.landmarks[f"{s}_waist"]) for s in ("left", "right"))
    down = at(0, 3 * scale)
    ring = np.stack([left, right, right + down, left + down]).astype(np.int32)
    cv2.fillPoly(picture, [ring], spec.second, cv2.LINE_AA)
