"""A 24-part surface map of a person, from joints, outline and label map.

Two predictions of each pixel's part vote. A small network (``training/densepose``) was trained on
many poses, views and clothes. A body drawn over the joints is sharper if the person stands facing
the camera. What lies outside the outline is background. Coordinates are pixels, x to
the right, y down. Left and right are the person's own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.densepose import body_model, inputs
from services.densepose.inputs import F32, U8, InputCrop
from services.densepose.parts import OTHER_PART

INSIDE: Final = 128
"""Outline values from here on are the person."""

Network = Callable[[F32], tuple[F32, F32]]
"""From planes (B, C, H, W) to parts as logits (B, 25, H, W), and U and V of each part, 0 to 1, as
charts (B, 48, H / 2, W / 2)."""
_PART_COUNT: Final = 24
"""Parts of DensePose, the background left out."""
PART_GROUPS: Final = (
    (0,),
    (1, 2),
    (3, 16, 18, 20, 22),
    (4, 15, 17, 19, 21),
    (6, 7, 9, 11, 13),
    (5, 8, 10, 12, 14),
    (23, 24),
)
"""Groups of parts that the drawn body gets right or wrong together, in depth or place."""
DRAWN_BODY_LOGIT: Final = np.float32(5.0)
"""Logit added to the drawn body's part. The measured best; the README says on what."""


@dataclass(frozen=True)
class Surface:
    """The body's surface at each pixel of the photo."""

    parts: U8
    """H x W: DensePose ids, 0 background, 1 to 24 parts."""
    u: U8
    """H x W: first coordinate on the part's chart, 0 to 255 for 0 to 1."""
    v: U8
    """H x W: second coordinate on the part's chart, 0 to 255 for 0 to 1."""


def estimate_surface(
    network: Network, keypoints: F32, silhouette: U8, labels: U8 | None = None
) -> Surface:
    """Map a person's pixels to body parts.

    ``keypoints`` is 25 x 3 (BODY_25), ``silhouette`` H x W, 0 to 255, ``labels`` H x W CIHP ids
    or None. Pixels outside both the silhouette and the labels are background, and so is what the
    network predicts as hair or loose clothes. Without a shoulder everything is background.
    """
    # Either misses shoulders, sleeves and fingers that the other has.
    outline = silhouette if labels is None else np.where(labels > 0, np.uint8(255), silhouette)
    person = outline >= INSIDE
    crop = inputs.choose_crop(keypoints, person)
    if crop is None:
        return empty_surface(outline.shape)
    logits, charts = _run_on_both_sides(network, keypoints, outline, labels, crop)
    drawn = body_model.draw_parts(keypoints, person)
    window = crop.window
    likeliest = _likeliest(logits, drawn.parts[window], crop)
    parts = np.where(person[window], likeliest, np.uint8(0))
    u, v = _chart_coordinates(charts, crop, parts)
    # The drawn body's charts were fitted to DensePose's own.
    agreed = (parts == drawn.parts[window]) & person[window]
    surface = empty_surface(outline.shape)
    surface.parts[window] = parts
    surface.u[window] = np.where(agreed, drawn.u[window], u)
    surface.v[window] = np.where(agreed, drawn.v[window], v)
    return surface


def empty_surface(shape: tuple[int, ...]) -> Surface:
    """Return a surface of H x W background."""
    return Surface(*(np.zeros(shape, np.uint8) for _ in range(3)))


def _run_on_both_sides(
    network: Network, keypoints: F32, outline: U8, labels: U8 | None, crop: InputCrop
) -> tuple[F32, F32]:
    """Run the network on the crop and on its mirror image, so that neither side is preferred.

    Returns the sum of both answers' logits (25 x h x w) and the charts of the crop (48 x h / 2 x
    w / 2 or a little more), at the network's scale.
    """
    joints = keypoints.copy()
    joints[:, :2] = crop.place(keypoints[:, :2])
    seen = inputs.scale_crop(outline, crop, ids=False).astype(np.float32) / np.float32(255)
    ids = None if labels is None else inputs.scale_crop(labels, crop, ids=True)
    mirrored_ids = None if ids is None else inputs.OTHER_LABEL[ids[:, ::-1]]
    planes = inputs.encode_planes(joints, seen, ids)
    mirrored_planes = inputs.encode_planes(
        inputs.mirror_joints(joints, crop.width), seen[:, ::-1], mirrored_ids
    )
    logits, (charts, _) = network(np.stack([planes, mirrored_planes]))
    straight, mirrored = logits[:, :, : crop.height, : crop.width]
    return straight + mirrored[OTHER_PART, :, ::-1], charts


def _likeliest(logits: F32, drawn: U8, crop: InputCrop) -> U8:
    """Enlarge the parts' logits to the crop, and let the drawn parts vote.

    Returns the id of the highest, h x w.
    """
    size = (crop.right - crop.left, crop.bottom - crop.top)
    likeliest = np.zeros(size[::-1], np.uint8)
    highest = np.full(size[::-1], -np.inf, np.float32)
    alone = logits.argmax(axis=0)
    small = cv2.resize(drawn, (crop.width, crop.height), interpolation=cv2.INTER_NEAREST)
    there = np.union1d(alone, small)
    for limb in PART_GROUPS:
        agreed = _overlap(np.isin(alone, limb), np.isin(small, limb))
        for part in set(limb) & set(there):
            large = cv2.resize(logits[part], size, interpolation=cv2.INTER_LINEAR)
            large[drawn == part] += DRAWN_BODY_LOGIT * agreed
            higher = large > highest
            likeliest[higher] = part
            np.maximum(highest, large, out=highest)
    return likeliest


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> np.float32:
    return np.float32((first & second).sum() / max((first | second).sum(), 1))


def _chart_coordinates(charts: F32, crop: InputCrop, parts: U8) -> tuple[U8, U8]:
    """Enlarge the charts of the crop's parts, h x w: U and V, 0 to 255, 0 outside the parts.

    ``charts`` holds every part's U, then every part's V, 0 to 1, at half the network's scale.
    """
    u, v = np.zeros_like(parts), np.zeros_like(parts)
    for part in np.unique(parts[parts > 0]):
        where = parts == part
        own = _bounding_window(where)
        chosen = where[own]
        for coordinate, chart in ((u, charts[part - 1]), (v, charts[part - 1 + _PART_COUNT])):
            large = _enlarge_chart(chart, crop, own)
            coordinate[own][chosen] = np.rint(np.clip(large[chosen], 0, 1) * 255).astype(np.uint8)
    return u, v


def _bounding_window(where: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _enlarge_chart(chart: F32, crop: InputCrop, window: tuple[slice, slice]) -> F32:
    """Enlarge a chart, at half the network's scale, to a window of the crop."""
    rows, columns = window
    size = (crop.right - crop.left, crop.bottom - crop.top)
    scale = np.array([crop.width / size[0], crop.height / size[1]]) / 2
    corner = (np.array([columns.start, rows.start]) + 0.5) * scale - 0.5
    to_chart = np.array([[scale[0], 0, corner[0]], [0, scale[1], corner[1]]])
    large = cv2.warpAffine(
        chart,
        to_chart,
        (columns.stop - columns.start, rows.stop - rows.start),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(large, np.float32)
