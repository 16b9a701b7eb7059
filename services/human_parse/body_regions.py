"""Find the main person, and where on the picture the person's body and clothes can be."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.parse_frame import (
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    Flags,
    ParseFrame,
    Point,
)
from services.human_parse.regions import dilate
from services.kit.joints import Joint
from services.kit.raster.components import label_components
from services.kit.raster.guided_filter import Plane
from services.kit.types import Keypoints

HEAD_JOINTS: Final = (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR)
"""Joints of the head."""

FOOT_JOINTS: Final = (*LEFT_LEG[2:], Joint.LEFT_HEEL, *RIGHT_LEG[2:], Joint.RIGHT_HEEL)
"""Joints of the feet, ankles included."""


@dataclass(frozen=True, kw_only=True)
class MainPersonOptions:
    """Which components of a person's mask are the main person's."""

    side_in_reaches: int = 40
    """The picture's longer side, in reaches: what lies within one reach of the main component is
    near it."""
    min_near_share: float = 0.25
    """Share of a component that must lie near the main one for it to be the same person's."""


MAIN_PERSON_OPTIONS: Final = MainPersonOptions()


@dataclass(frozen=True, kw_only=True)
class BodyReachOptions:
    """How far from the joints body and clothes can be, in shoulder widths."""

    trunk_clothes: float = 0.55
    """Reach of likely clothes from trunk and legs."""
    arm_clothes: float = 0.3
    """Reach of likely clothes from the arms."""
    body: float = 1.0
    """Distance from head, trunk and limbs beyond which nothing is the person's."""
    garment: float = 0.2
    """Reach around garments within which everything may be the person's."""
    sole: float = 0.15
    """Reach of shoes below the lowest joint of the feet."""
    min_foot_joints: int = 4
    """Joints of both feet, ankles included, that must be seen for the floor to be known."""


BODY_REACH_OPTIONS: Final = BodyReachOptions()


def keep_main_person(
    person: Flags, keypoints: Keypoints, options: MainPersonOptions = MAIN_PERSON_OPTIONS
) -> Flags:
    """Keep the components with keypoints, and those near the main one.

    The main component has the most keypoints, else the largest area. ``person`` is H x W;
    ``keypoints`` are 25 x 3 in pixels of the mask.
    """
    parts = label_components(person)
    if parts.count <= 2:
        return person
    height, width = person.shape
    votes = parts.areas / person.size
    votes[0] = 0
    for x, y, confidence in keypoints:
        if confidence > 0 and 0 <= x < width and 0 <= y < height:
            part = parts.labels[int(y), int(x)]
            votes[part] += part > 0
    main = int(votes.argmax())
    near = dilate(parts.labels == main, max(height, width) / options.side_in_reaches)
    near_areas = np.bincount(parts.labels[near], minlength=parts.count)
    # If a crop misses a thigh, the shin is a component of its own.
    keep = (near_areas > options.min_near_share * parts.areas) | (votes >= 1)
    keep[main] = True
    return parts.select(keep)


def clothing_region(
    shape: tuple[int, ...], frame: ParseFrame, options: BodyReachOptions = BODY_REACH_OPTIONS
) -> Flags:
    """Mark the pixels near trunk and limbs, H x W: elsewhere clothes are unlikely.

    ``shape`` is (H, W); ``frame`` is in pixels of that picture.
    """
    trunk = [
        frame.seen_points((Joint.LEFT_SHOULDER, Joint.NECK, Joint.RIGHT_SHOULDER)),
        frame.seen_points((Joint.LEFT_HIP, Joint.MID_HIP, Joint.RIGHT_HIP)),
        [frame.neck, frame.hip],
        *(frame.seen_or_hanging_points(leg) for leg in (LEFT_LEG, RIGHT_LEG)),
    ]
    arms = [frame.seen_or_hanging_points(arm) for arm in (LEFT_ARM, RIGHT_ARM)]
    trunk_reach = options.trunk_clothes * frame.shoulder_width
    arm_reach = options.arm_clothes * frame.shoulder_width
    around_trunk = distance_to_chains(trunk, shape) < trunk_reach
    return np.asarray(around_trunk | (distance_to_chains(arms, shape) < arm_reach), np.bool_)


def outside_body(
    garments: NDArray[np.float32], frame: ParseFrame, options: BodyReachOptions = BODY_REACH_OPTIONS
) -> Flags:
    """Mark what is too far from the body to be the person's, or lies below the feet, H x W.

    ``garments`` are the clothes network's probabilities, H x W x 4 float32; ``frame`` is in their
    pixels. Below the feet is a mirror image in the floor. Pixels near a garment are never marked.
    """
    shape = garments.shape[:2]
    head = frame.points[[j for j in HEAD_JOINTS if frame.seen[j]]]
    near = dilate(garments[..., 0] < 0.5, options.garment * frame.shoulder_width)
    to_head = distance_to_chains([[frame.neck, *head]], shape)
    away = np.minimum(distance_to_limbs(shape, frame), to_head)
    feet = [joint for joint in FOOT_JOINTS if frame.seen[joint]]
    if len(feet) >= options.min_foot_joints:
        floor = float(frame.points[feet, 1].max()) + options.sole * frame.shoulder_width
        away[max(0, round(floor)) :] = np.inf
    return np.asarray((away > options.body * frame.shoulder_width) & ~near, np.bool_)


def distance_to_limbs(shape: tuple[int, ...], frame: ParseFrame) -> Plane:
    """Return the distance of each pixel, H x W, to the axes of trunk and limbs, in pixels."""
    limbs = [
        frame.seen_or_hanging_points(limb) for limb in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)
    ]
    shoulders = frame.seen_points((Joint.LEFT_SHOULDER, Joint.NECK, Joint.RIGHT_SHOULDER))
    hips = frame.seen_points((Joint.LEFT_HIP, Joint.MID_HIP, Joint.RIGHT_HIP))
    return distance_to_chains([*limbs, shoulders, hips, [frame.neck, frame.hip]], shape)


def distance_to_chains(chains: list[list[Point]], shape: tuple[int, ...]) -> Plane:
    """Return the distance of each pixel, H x W, to the nearest of several chains, in pixels.

    ``shape`` is (H, W). A chain is a polyline through points in pixels; it may be empty.
    """
    canvas = np.full(shape, 255, np.uint8)
    for chain in chains:
        whole = np.array(chain).round().astype(np.int32).reshape(-1, 1, 2)
        if whole.size:
            cv2.polylines(canvas, [whole], isClosed=False, color=0)
    return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 3), np.float32)
