"""What the networks say of every pixel, made one."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse import outfit
from services.human_parse.coarse_classes import (
    BACKGROUND,
    DRESS,
    FACE,
    HAIR,
    LOWER,
    OTHERS,
    SKIN,
    UPPER,
)
from services.human_parse.crops import PersonProbabilities
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
from services.kit.raster.guided_filter import Plane
from services.kit.types import Keypoints

YES: Final = 0.55
NO: Final = 0.8
"""Weights of the clothes network's yes and no against the person segmenter."""

LIMB: Final = 0.25
"""Half of what a limb measures across at its thickest, in shoulder widths."""

FAR: Final = 1.0
"""Distance from trunk and limbs, in shoulder widths, at which nothing is the person's."""

HEAD: Final = (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR)

FEET: Final = (*LEFT_LEG[2:], Joint.LEFT_HEEL, *RIGHT_LEG[2:], Joint.RIGHT_HEEL)
SOLE: Final = 0.15
"""How far below the lowest joint of the feet shoes reach, in shoulder widths."""

NEARBY: Final = 40
WALL: Final = 7.0
"""Reach in pixels of the reduced photo, and difference in CIE Lab, of the colours around a gap."""


def keep_main_person(person: Flags, keypoints: Keypoints) -> Flags:
    """Keep the parts that hold keypoints, else the largest, and what lies close to the main one."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(person.astype(np.uint8))
    if count <= 2:
        return person
    height, width = person.shape
    votes = stats[:, cv2.CC_STAT_AREA] / person.size
    votes[0] = 0
    for x, y, confidence in keypoints:
        if confidence > 0 and 0 <= x < width and 0 <= y < height:
            part = parts[int(y), int(x)]
            votes[part] += part > 0
    main = int(votes.argmax())
    near = dilate(parts == main, max(height, width) / 40)
    keep = np.zeros(count, np.bool_)
    touching = np.bincount(parts[near], minlength=count)
    keep[touching > 0.25 * stats[:, cv2.CC_STAT_AREA]] = True
    # A look that misses a thigh must not cost the shin.
    keep[votes >= 1] = True
    keep[0], keep[main] = False, True
    return np.asarray(keep[parts], np.bool_)


def clothing_region(shape: tuple[int, ...], frame: ParseFrame) -> Flags:
    """Where clothes may be: near the trunk and the limbs."""
    trunk = [
        frame.seen_points((Joint.LEFT_SHOULDER, Joint.NECK, Joint.RIGHT_SHOULDER)),
        frame.seen_points((Joint.LEFT_HIP, Joint.MID_HIP, Joint.RIGHT_HIP)),
        [frame.neck, frame.hip],
        *(frame.seen_or_hanging_points(leg) for leg in (LEFT_LEG, RIGHT_LEG)),
    ]
    arms = [frame.seen_or_hanging_points(arm) for arm in (LEFT_ARM, RIGHT_ARM)]
    around_trunk = _distance_map(trunk, shape) < 0.55 * frame.shoulder_width
    return np.asarray(
        around_trunk | (_distance_map(arms, shape) < 0.3 * frame.shoulder_width), np.bool_
    )


def _distance_map(chains: list[list[Point]], shape: tuple[int, ...]) -> Plane:
    canvas = np.full(shape, 255, np.uint8)
    for chain in chains:
        whole = np.array(chain).round().astype(np.int32).reshape(-1, 1, 2)
        if whole.size:
            cv2.polylines(canvas, [whole], isClosed=False, color=0)
    return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 3), np.float32)


def add_garment_evidence(
    people: PersonProbabilities, garments: NDArray[np.float32], unlikely: Flags
) -> PersonProbabilities:
    """Let the clothes network have its say wherever it is near a garment that it saw.

    It draws garments more exactly than the person segmenter and hardly ever invents one, so its no
    weighs more than its yes; but it overlooks some, so far from what it saw the segmenter alone
    decides, except in places ``unlikely`` to be clothes.
    """
    garment = 1 - garments[..., 0]
    near = dilate(garment > 0.1, 6)
    heard = np.where(near, YES * garment + NO * (1 - garment), NO * unlikely).astype(np.float32)
    fused = people * (1 - heard)[..., None]
    fused[..., 4] += heard * garment
    # What is no garment goes where the person segmenter would have put it, as far as it had doubts.
    others = np.maximum(1 - people[..., 4], 0.05)
    shared = np.minimum(heard * (1 - garment) / others, 1)
    for channel in (0, 1, 2, 3, 5):
        fused[..., channel] += shared * people[..., channel]
    fused[..., 0] += np.where(unlikely & ~near, heard * people[..., 4], 0)
    fused /= np.maximum(fused.sum(axis=2, keepdims=True), 1e-3)
    return fused


def outside_body(garments: NDArray[np.float32], frame: ParseFrame) -> Flags:
    """Find what is too far from trunk and limbs to be the person's, or a mirror image in the floor.

    Garments are left alone.
    """
    shape = garments.shape[:2]
    head = frame.points[[j for j in HEAD if frame.seen[j]]]
    near = dilate(garments[..., 0] < 0.5, 0.2 * frame.shoulder_width)
    away = np.minimum(_distance_to_limbs(shape, frame), _distance_map([[frame.neck, *head]], shape))
    feet = [joint for joint in FEET if frame.seen[joint]]
    if len(feet) >= 4:
        floor = float(frame.points[feet, 1].max()) + SOLE * frame.shoulder_width
        away[max(0, round(floor)) :] = np.inf
    return np.asarray((away > FAR * frame.shoulder_width) & ~near, np.bool_)


def background_like_clothes(
    lab: NDArray[np.float32],
    people: PersonProbabilities,
    garments: NDArray[np.float32],
    frame: ParseFrame,
) -> Flags:
    """Find background that the person segmenter took for clothes and the clothes network did not.

    ``lab`` is the photo, H x W x 3 float32 CIE Lab, of the others' size. It has the colour of the
    background nearby. Between legs, or between arm and trunk, the garment nearby is of another
    colour; where it is not, the piece lies beside the body: garments that the clothes network
    overlooks lie on it.
    """
    garment = 1 - garments[..., 0]
    doubted = (garment < 0.4) & (people[..., 4] > 0.3)
    if not doubted.any():
        return doubted
    background = _colour_nearby(lab, people[..., 0] > 0.85)
    cloth = _colour_nearby(lab, garment > 0.9)
    from_wall = np.linalg.norm(lab - background, axis=2)
    gap = (from_wall < WALL) & (np.linalg.norm(lab - cloth, axis=2) > 2.5 * WALL)
    gap &= dilate(garment > 0.5, NEARBY / 4)
    beside = ~dilate(garment > 0.3, 2) & doubted
    count, parts = cv2.connectedComponents(beside.astype(np.uint8))
    total = np.maximum(np.bincount(parts.ravel(), minlength=count), 1)
    alike = np.bincount(parts[from_wall < 1.5 * WALL], minlength=count) > 0.5 * total
    alike[
        np.unique(parts[_distance_to_limbs(beside.shape, frame) < 0.06 * frame.shoulder_width])
    ] = False
    alike[0] = False
    return np.asarray((doubted & gap) | alike[parts], np.bool_)


def _distance_to_limbs(shape: tuple[int, ...], frame: ParseFrame) -> Plane:
    """Return the distance in pixels to the lines that trunk and limbs run along."""
    limbs = [
        frame.seen_or_hanging_points(limb) for limb in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)
    ]
    shoulders = frame.seen_points((Joint.LEFT_SHOULDER, Joint.NECK, Joint.RIGHT_SHOULDER))
    hips = frame.seen_points((Joint.LEFT_HIP, Joint.MID_HIP, Joint.RIGHT_HIP))
    return _distance_map([*limbs, shoulders, hips, [frame.neck, frame.hip]], shape)


def recover_limb_skin(
    lab: NDArray[np.float32], people: PersonProbabilities, frame: ParseFrame
) -> Flags:
    """Find skin that the person segmenter lost: along a limb, of its colour, unlike the wall's."""
    background, skin = people[..., 0], people[..., 2]
    sure = skin > 0.8
    lost = (background > 0.3) & (background + skin > 0.7)
    if not sure.any() or not lost.any():
        return np.zeros(sure.shape, np.bool_)
    chains = [frame.seen_points(limb[:3]) for limb in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)]
    lost &= _distance_map(chains, sure.shape) < LIMB * frame.shoulder_width
    from_skin = np.linalg.norm(lab - np.median(lab[sure], axis=0), axis=2)
    from_wall = np.linalg.norm(lab - _colour_nearby(lab, background > 0.9), axis=2)
    return np.asarray(lost & (from_skin < 2 * WALL) & (from_wall > 2 * WALL), np.bool_)


def _colour_nearby(lab: NDArray[np.float32], where: Flags) -> NDArray[np.float32]:
    """Return the mean colour of what is flagged around each pixel, infinite far from any."""
    size = (2 * NEARBY + 1, 2 * NEARBY + 1)
    weight = where.astype(np.float32)
    total = np.asarray(cv2.boxFilter(lab * weight[..., None], cv2.CV_32F, size), np.float32)
    share = np.asarray(cv2.boxFilter(weight, cv2.CV_32F, size), np.float32)
    mean = total / np.maximum(share, 1e-6)[..., None]
    return np.where((share > 1e-3)[..., None], mean, np.float32(np.inf))


def initial_class_probabilities(
    lab: NDArray[np.float32],
    people: PersonProbabilities,
    garments: NDArray[np.float32],
    frame: ParseFrame,
) -> dict[int, Plane]:
    """Return the probabilities of the first division, all of one size; ``lab`` is the photo."""
    dressed = outfit.split_upper_lower_dress(lab, garments, people[..., 4], frame)
    apart = (1 - dressed.dress) * dressed.clothes
    return {
        BACKGROUND: people[..., 0].copy(),
        HAIR: people[..., 1],
        SKIN: people[..., 2],
        FACE: people[..., 3],
        UPPER: apart * (1 - dressed.lower),
        LOWER: apart * dressed.lower,
        DRESS: dressed.dress * dressed.clothes,
        OTHERS: people[..., 5],
    }
