"""From pictures to network inputs, and from network outputs to landmarks on the picture.

The networks are MediaPipe's BlazePose (https://arxiv.org/abs/2006.10204): a single-shot detector
finds each person's hip centre and size, and a landmark network looks at an upright square around
them. All coordinates are pixels of the picture unless a docstring says otherwise, x to the right,
y down; angles are radians, positive clockwise on the screen.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.raster.guided_filter import filter_by_grey

F32 = NDArray[np.float32]
"""An array of single precision."""
U8 = NDArray[np.uint8]
"""An array of bytes."""

DETECTOR_SIZE: Final = 224
"""Side of the detector's square input, in pixels."""
LANDMARK_SIZE: Final = 256
"""Side of the landmark network's square input, in pixels."""
LANDMARKS: Final = 39
"""33 body landmarks, two alignment points (hip centre, a point on the body's circle), 4 spare."""
BODY_LANDMARKS: Final = 33
"""Landmarks of the body, the first of them."""

_RIGHT_SIDE: Final = (12, 24)
"""Landmarks of the right shoulder and hip."""
_LEFT_SIDE: Final = (11, 23)
"""Landmarks of the left shoulder and hip."""

_STRIDES: Final = (8, 16, 32, 32, 32)
"""Pixels of the input to one cell of each detector layer."""
_ANCHORS_PER_STRIDE: Final = 2
"""Anchors of each cell and layer."""
_REGION_TO_CIRCLE: Final = 1.25
"""Side of a body's square over the diameter of the circle around the body."""
_MIN_SAME_PERSON_IOU: Final = 0.5
"""Intersection over union above which two detections are one person."""
_MIN_CENTRALITY: Final = 0.2
"""Centrality at least, in the rating of people; 1 in the middle of the picture."""
_LEAST_COMPLETENESS: Final = 0.2
"""Completeness, in the rating of people, of one whose joints all have confidence 0."""
_LOGIT_BOUND: Final = 80.0
"""Past it float32 holds no exponential, and the probability is 0 or 1 anyway."""
_HEATMAP_REACH_CELLS: Final = 3
"""Cells around a landmark in which the heatmap moves it."""
_HEATMAP_CONFIDENCE: Final = 0.5
"""Greatest probability in that window below which the landmark stays."""
_GUIDED_REACH_CELLS: Final = 4
"""Pixels of the network's mask by which its edge may move."""
EDGE_NOISE_VARIANCE: Final = 1e-3
"""Variance of grey that counts as noise and not as an edge, of full scale squared."""
_MASK_FLOOR: Final = np.float32(0.3)
"""Refined probability of a person up to which the mask is 0."""
_MASK_GAIN: Final = np.float32(2.5)
"""Rise of the mask, 0 to 1, with the refined probability above that."""
_MAX_GUIDED_SIDE_PX: Final = 1536
"""Longer side of the picture that the mask's edge is refined on, at most."""


@dataclass(frozen=True)
class Detection:
    """A person that the detector found."""

    score: float
    """Probability of a person, 0 to 1."""
    box: F32
    """4: left, top, right and bottom, in pixels of the picture."""
    points: F32
    """4 x 2, in pixels of the picture: hip centre and a point on the circle around the whole body,
    then the same of the upper body."""


@dataclass(frozen=True)
class Region:
    """A rotated square of the picture."""

    x: float
    """Column of the centre, in pixels."""
    y: float
    """Row of the centre, in pixels."""
    side: float
    """Length of each side, in pixels."""
    angle: float
    """Rotation in radians, positive clockwise on the screen."""


@dataclass(frozen=True)
class RawPose:
    """The landmark network's output for one square."""

    landmarks: F32
    """39 x 5: x, y and z in pixels of the 256 x 256 input; visibility and presence as logits."""
    presence: float
    """Probability that the square holds a person."""
    mask: F32
    """256 x 256 logits of the person."""
    heatmap: F32
    """64 x 64 x 39 logits of the landmarks."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person on the picture."""

    landmarks: F32
    """33 x 4: x and y in pixels of the picture, visibility and presence, 0 to 1."""
    region: Region
    """The square that the network was given."""
    presence: float
    """Probability that the square holds a person."""
    mask: F32
    """256 x 256 logits in the square."""
    across: tuple[float, float] = (1.0, 0.0)
    """From the person's right to their left: to the right in the square, away from the camera."""

    @property
    def yaw_degrees(self) -> float:
        """Degrees by which the trunk is turned to its left; 0 faces the camera, 180 its back."""
        return math.degrees(math.atan2(self.across[1], self.across[0]))


def sigmoid(logits: F32) -> F32:
    """Turn logits into probabilities, element by element, without overflow."""
    bounded = np.clip(logits, -_LOGIT_BOUND, _LOGIT_BOUND)
    return (1.0 / (1.0 + np.exp(-bounded))).astype(np.float32)


@cache
def anchors() -> F32:
    """Give the centres of the detector's 2254 anchors, 2254 x 2, in 0..1 of its input.

    Neighbouring layers of one stride share their grid, so the three last ones give six anchors to
    each cell of a 7 x 7 grid.
    """
    blocks: list[F32] = []
    for stride in sorted(set(_STRIDES)):
        cells = DETECTOR_SIZE // stride
        centres = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        repeats = _ANCHORS_PER_STRIDE * _STRIDES.count(stride)
        blocks.append(np.repeat(grid, repeats, axis=0))
    result = np.concatenate(blocks).astype(np.float32)
    result.flags.writeable = False
    return result


def letterbox_region(height: int, width: int) -> Region:
    """Give the upright square that holds a whole picture, centred on it."""
    return Region(width / 2, height / 2, float(max(height, width)), 0.0)


def crop_matrix(region: Region, size: int) -> F32:
    """2 x 3 affine map from pixels of the picture to pixels of a ``size`` x ``size`` crop."""
    scale = size / region.side
    cos, sin = np.cos(region.angle) * scale, np.sin(region.angle) * scale
    turn = np.array([[cos, sin], [-sin, cos]], dtype=np.float64)
    offset = size / 2 - turn @ np.array([region.x, region.y])
    return np.concatenate([turn, offset[:, None]], axis=1).astype(np.float32)


def crop(image: U8, region: Region, size: int, *, extend: bool) -> F32:
    """Cut a turned square out of an H x W x 3 picture: ``size`` x ``size`` x 3 in 0..1.

    Outside the picture, ``extend`` repeats its edge; without, it is black there. The detector was
    made for black bars, the landmark network for repeated edges.
    """
    matrix = crop_matrix(region, size)
    border = cv2.BORDER_REPLICATE if extend else cv2.BORDER_CONSTANT
    cut = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return cut.astype(np.float32) / np.float32(255.0)


def to_picture(points: F32, region: Region, size: int) -> F32:
    """Bring N x 2 points of a ``size`` x ``size`` crop back to the picture."""
    inverse = cv2.invertAffineTransform(crop_matrix(region, size)).astype(np.float32)
    placed: F32 = points @ inverse[:, :2].T + inverse[:, 2]
    return placed


def decode_detections(raw: F32, logits: F32, region: Region, threshold: float) -> list[Detection]:
    """Turn the detector's tensors into detections on the picture, best first.

    ``raw`` is 2254 x 12 (centre, size, four points, in pixels of the input, relative to the
    anchor), ``logits`` 2254; ``region`` is the square the detector saw. Those below ``threshold``
    are dropped.
    """
    scores = sigmoid(logits)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= threshold]
    centres = anchors()[order] * DETECTOR_SIZE
    values = raw[order].reshape(-1, 6, 2)
    middle = values[:, 0] + centres
    half = values[:, 1] / 2
    points = values[:, 2:] + centres[:, None]
    corners = np.stack([middle - half, middle + half], axis=1)
    everything = np.concatenate([corners, points], axis=1).reshape(-1, 2).astype(np.float32)
    placed = to_picture(everything, region, DETECTOR_SIZE).reshape(-1, 6, 2)
    return [
        Detection(float(scores[index]), placed[row, :2].reshape(4), placed[row, 2:])
        for row, index in enumerate(order)
    ]


def intersection_over_union(box: F32, others: F32) -> F32:
    """Intersection over union of one box (4) with N others (N x 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    area = float(np.prod(np.clip(box[2:] - box[:2], 0, None)))
    areas = np.prod(np.clip(others[:, 2:] - others[:, :2], 0, None), axis=1)
    union = area + areas - common
    shares: F32 = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shares


def merge_detections(detections: Sequence[Detection]) -> list[Detection]:
    """Merge detections of the same person, each weighted by its score; best first.

    Those whose boxes overlap the best one's by more than half are one person.
    """
    rest = sorted(detections, key=lambda found: -found.score)
    merged: list[Detection] = []
    while rest:
        boxes = np.stack([found.box for found in rest])
        same = intersection_over_union(boxes[0], boxes) > _MIN_SAME_PERSON_IOU
        same[0] = True
        group = [found for found, joined in zip(rest, same, strict=True) if joined]
        rest = [found for found, joined in zip(rest, same, strict=True) if not joined]
        weights = np.array([found.score for found in group], dtype=np.float32)
        weights /= weights.sum()
        merged.append(
            Detection(
                group[0].score,
                np.tensordot(weights, np.stack([found.box for found in group]), axes=1),
                np.tensordot(weights, np.stack([found.points for found in group]), axes=1),
            )
        )
    return merged


def prominence(extent: float, distance_aside: float, mean_confidence: float) -> float:
    """Rate how far a person is the picture's subject: size, times centrality, times completeness.

    ``distance_aside`` is that from the middle, as a share of the picture's width.
    """
    centrality = max(_MIN_CENTRALITY, 1 - distance_aside)
    return extent * centrality * (_LEAST_COMPLETENESS + mean_confidence)


def body_region(centre: F32, rim: F32) -> Region:
    """Give the square around a body whose hip centre and one point of its circle are known.

    The vector from the centre to the rim points to the head; the square is turned until it points
    up, and is a quarter larger than the circle.
    """
    dx, dy = float(rim[0] - centre[0]), float(rim[1] - centre[1])
    side = 2 * float(np.hypot(dx, dy)) * _REGION_TO_CIRCLE
    return Region(float(centre[0]), float(centre[1]), max(side, 1.0), float(np.arctan2(dx, -dy)))


def refine_by_heatmap(landmarks: F32, heatmap: F32) -> F32:
    """Move landmarks (39 x 2, in 0..1 of the crop) to the heatmap's mass around them.

    ``heatmap`` is S x S x 39 logits. Only a 7 x 7 window that is confident somewhere moves its
    landmark; the others, and those outside the crop, stay.
    """
    size = heatmap.shape[0]
    refined = landmarks.astype(np.float32, copy=True)
    for index, (x, y) in enumerate(landmarks):
        if not (0 <= x < 1 and 0 <= y < 1):
            continue
        column, row = int(x * size), int(y * size)
        top, left = max(0, row - _HEATMAP_REACH_CELLS), max(0, column - _HEATMAP_REACH_CELLS)
        bottom, right = row + _HEATMAP_REACH_CELLS + 1, column + _HEATMAP_REACH_CELLS + 1
        window = sigmoid(heatmap[top:bottom, left:right, index])
        if float(window.max()) < _HEATMAP_CONFIDENCE:
            continue
        rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
        total = float(window.sum())
        refined[index, 0] = float((columns * window).sum()) / total / size
        refined[index, 1] = float((rows * window).sum()) / total / size
    return refined


def place_landmarks(raw: RawPose, region: Region) -> tuple[Person, Region]:
    """Bring the landmark network's answer to the picture.

    Returns the person, and the square to look at for a second, better centred pass.
    """
    refined = refine_by_heatmap(raw.landmarks[:, :2] / np.float32(LANDMARK_SIZE), raw.heatmap)
    points = to_picture(refined * np.float32(LANDMARK_SIZE), region, LANDMARK_SIZE)
    certainty = sigmoid(raw.landmarks[:, 3:5])
    landmarks = np.concatenate([points, certainty], axis=1)[:BODY_LANDMARKS].astype(np.float32)
    right, left = raw.landmarks[_RIGHT_SIDE, :3], raw.landmarks[_LEFT_SIDE, :3]
    x, _, z = (float(each) for each in (left - right).sum(axis=0))
    person = Person(
        landmarks=landmarks, region=region, presence=raw.presence, mask=raw.mask, across=(x, z)
    )
    return person, body_region(points[BODY_LANDMARKS], points[BODY_LANDMARKS + 1])


def person_mask(person: Person, image: U8) -> U8:
    """Put a person's mask back on the H x W x 3 picture: H x W, 0 to 255, soft at the edge.

    Logits are enlarged rather than probabilities, which keeps the edge narrow; a guided filter then
    moves it to the picture's own edges, as far as the mask's coarse pixels leave it open. Larger
    pictures are worked on at ``_MAX_GUIDED_SIDE_PX``, which bounds time and memory.
    """
    height, width = image.shape[:2]
    scale = min(1.0, _MAX_GUIDED_SIDE_PX / max(height, width))
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        region = Region(
            person.region.x * scale,
            person.region.y * scale,
            person.region.side * scale,
            person.region.angle,
        )
        outline = person_mask(replace(person, region=region), small)
        return cv2.resize(outline, (width, height)).astype(np.uint8)
    placed = cv2.warpAffine(
        person.mask,
        crop_matrix(person.region, LANDMARK_SIZE),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderValue=-_LOGIT_BOUND,
    )
    radius = max(1, round(_GUIDED_REACH_CELLS * person.region.side / LANDMARK_SIZE))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255.0)
    snapped = filter_by_grey(sigmoid(placed.astype(np.float32)), grey, radius, EDGE_NOISE_VARIANCE)
    firm = np.clip((snapped - _MASK_FLOOR) * _MASK_GAIN, 0, 1)
    soft: U8 = np.round(firm * 255).astype(np.uint8)
    return soft
