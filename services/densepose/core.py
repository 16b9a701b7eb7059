"""A 24-part surface map of a person, from joints, outline and label map.

Two ways of telling the part of each pixel vote: a small network (``training/densepose``), which
knows poses, views and clothes, and a body drawn over the joints, which is sharper where a person
stands facing the camera. What lies outside the outline is background. Coordinates are pixels, x to
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
    where a parse is known. Pixels that neither takes for the person are background, and so is what
    the network takes for hair or loose clothes. Without a shoulder everything is background.
    """
    parts, u, v = (np.zeros(silhouette.shape, np.uint8) for _ in range(3))
    if labels is not None:
        # Either misses shoulders, sleeves and fingers that the other has.
        silhouette = np.where(labels > 0, np.uint8(255), silhouette)
    person = silhouette >= INSIDE
    frame = inputs.choose_crop(keypoints, person)
    if frame is None:
        return Surface(parts, u, v)
    joints = keypoints.copy()
    joints[:, :2] = frame.place(keypoints[:, :2])
    outline = inputs.scale_crop(silhouette, frame, ids=False).astype(np.float32) / np.float32(255)
    seen = None if labels is None else inputs.scale_crop(labels, frame, ids=True)
    # The person and their mirror image: what is left and right of a body must not matter.
    turned = inputs.mirror_joints(joints, frame.width)
    other = None if seen is None else inputs.OTHER_LABEL[seen[:, ::-1]]
    logits, (charts, _) = network(
        np.stack(
            [
                inputs.encode_planes(joints, outline, seen),
                inputs.encode_planes(turned, outline[:, ::-1], other),
            ]
        )
    )
    straight, mirrored = logits[:, :, : frame.height, : frame.width]
    drawn = body_model.draw_parts(keypoints, person)
    voted = straight + mirrored[OTHER_PART, :, ::-1]
    window = parts[frame.window]
    window[:] = _likeliest(voted, drawn.parts[frame.window], frame)
    window[~person[frame.window]] = 0
    for part in np.unique(window[window > 0]):
        _chart(charts[part - 1], frame, window == part, u[frame.window])
        _chart(charts[part - 1 + _PART_COUNT], frame, window == part, v[frame.window])
    # The drawn body's charts were fitted to DensePose's own.
    agreed = (parts == drawn.parts) & person
    u[agreed], v[agreed] = drawn.u[agreed], drawn.v[agreed]
    return Surface(parts, u, v)


def _likeliest(logits: F32, drawn: U8, frame: InputCrop) -> U8:
    """Enlarge the parts' logits to the framed part of the picture, and let the drawn parts vote.

    Returns the id of the highest, h x w.
    """
    size = (frame.right - frame.left, frame.bottom - frame.top)
    likeliest = np.zeros(size[::-1], np.uint8)
    highest = np.full(size[::-1], -np.inf, np.float32)
    alone = logits.argmax(axis=0)
    small = cv2.resize(drawn, (frame.width, frame.height), interpolation=cv2.INTER_NEAREST)
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


def _chart(chart: F32, frame: InputCrop, where: NDArray[np.bool_], found: U8) -> None:
    """Enlarge a chart's coordinate, at half the network's scale, into ``found`` at a part."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    top, left = rows[0], columns[0]
    size = (int(columns[-1] - left + 1), int(rows[-1] - top + 1))
    own = (slice(top, top + size[1]), slice(left, left + size[0]))
    scale = np.array([frame.width / where.shape[1], frame.height / where.shape[0]]) / 2
    corner = (np.array([left, top]) + 0.5) * scale - 0.5
    to_chart = np.array([[scale[0], 0, corner[0]], [0, scale[1], corner[1]]])
    large = cv2.warpAffine(
        chart,
        to_chart,
        size,
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    chosen = where[own]
    found[own][chosen] = np.rint(np.clip(large, 0, 1)[chosen] * 255).astype(np.uint8)
