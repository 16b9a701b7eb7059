"""Fuse the probabilities of the person segmenter and of the clothes network."""

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
from services.kit.raster.components import label_components
from services.kit.raster.guided_filter import Plane
from services.kit.types import Keypoints

GARMENT_YES_WEIGHT: Final = 0.55
"""Weight of the clothes network against the person segmenter where it finds a garment."""

GARMENT_NO_WEIGHT: Final = 0.8
"""Weight of the clothes network against the person segmenter where it finds no garment."""

LIMB_HALF_WIDTH: Final = 0.25
"""Half of the largest width of a limb, in shoulder widths."""

MAX_BODY_DISTANCE: Final = 1.0
"""Distance from trunk and limbs, in shoulder widths, from which on nothing is the person's."""

HEAD_JOINTS: Final = (Joint.NOSE, Joint.LEFT_EYE, Joint.RIGHT_EYE, Joint.LEFT_EAR, Joint.RIGHT_EAR)
"""Joints of the head."""

FOOT_JOINTS: Final = (*LEFT_LEG[2:], Joint.LEFT_HEEL, *RIGHT_LEG[2:], Joint.RIGHT_HEEL)
"""Joints of the feet, ankles included."""

SOLE_DEPTH: Final = 0.15
"""Reach of shoes below the lowest joint of the feet, in shoulder widths."""

NEARBY_PX: Final = 40
"""Reach around a pixel over which colours are averaged, in pixels of the reduced photo."""

SAME_COLOUR_LAB: Final = 7.0
"""Difference in CIE Lab below which a pixel has the colour of what is nearby."""

MIN_TOUCHING_SHARE: Final = 0.25
"""Share of a component that must lie near the main person for it to be theirs."""

TRUNK_CLOTHES_REACH: Final = 0.55
"""Reach of clothes from trunk and legs, in shoulder widths."""

ARM_CLOTHES_REACH: Final = 0.3
"""Reach of clothes from the arms, in shoulder widths."""


def keep_main_person(person: Flags, keypoints: Keypoints) -> Flags:
    """Keep the components with keypoints, else the largest, and those close to the main one.

    ``person`` is H x W; ``keypoints`` are 25 x 3 in its pixels.
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
    near = dilate(parts.labels == main, max(height, width) / 40)
    touching = np.bincount(parts.labels[near], minlength=parts.count)
    # A crop that misses a thigh must not cost the shin.
    keep = (touching > MIN_TOUCHING_SHARE * parts.areas) | (votes >= 1)
    keep[main] = True
    return parts.select(keep)


def clothing_region(shape: tuple[int, ...], frame: ParseFrame) -> Flags:
    """Mark the pixels near trunk and limbs, H x W: elsewhere clothes are unlikely."""
    trunk = [
        frame.seen_points((Joint.LEFT_SHOULDER, Joint.NECK, Joint.RIGHT_SHOULDER)),
        frame.seen_points((Joint.LEFT_HIP, Joint.MID_HIP, Joint.RIGHT_HIP)),
        [frame.neck, frame.hip],
        *(frame.seen_or_hanging_points(leg) for leg in (LEFT_LEG, RIGHT_LEG)),
    ]
    arms = [frame.seen_or_hanging_points(arm) for arm in (LEFT_ARM, RIGHT_ARM)]
    around_trunk = _distance_map(trunk, shape) < TRUNK_CLOTHES_REACH * frame.shoulder_width
    return np.asarray(
        around_trunk | (_distance_map(arms, shape) < ARM_CLOTHES_REACH * frame.shoulder_width),
        np.bool_,
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
    """Mix the clothes network's probabilities into the person segmenter's, near garments.

    ``people`` is H x W x 6, ``garments`` H x W x 4, ``unlikely`` H x W. The clothes network draws
    garments more exactly and hardly ever invents one: its no weighs more than its yes. It overlooks
    some: far from the garments it found, the segmenter alone decides, except in ``unlikely``
    places.
    """
    garment = 1 - garments[..., 0]
    near = dilate(garment > 0.1, 6)
    heard = np.where(
        near,
        GARMENT_YES_WEIGHT * garment + GARMENT_NO_WEIGHT * (1 - garment),
        GARMENT_NO_WEIGHT * unlikely,
    ).astype(np.float32)
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
    """Mark what is too far from trunk and limbs to be the person's, or lies below the feet.

    The latter is a mirror image in the floor. Pixels near a garment are never marked.
    """
    shape = garments.shape[:2]
    head = frame.points[[j for j in HEAD_JOINTS if frame.seen[j]]]
    near = dilate(garments[..., 0] < 0.5, 0.2 * frame.shoulder_width)
    away = np.minimum(_distance_to_limbs(shape, frame), _distance_map([[frame.neck, *head]], shape))
    feet = [joint for joint in FOOT_JOINTS if frame.seen[joint]]
    if len(feet) >= 4:
        floor = float(frame.points[feet, 1].max()) + SOLE_DEPTH * frame.shoulder_width
        away[max(0, round(floor)) :] = np.inf
    return np.asarray((away > MAX_BODY_DISTANCE * frame.shoulder_width) & ~near, np.bool_)


def background_like_clothes(
    lab: NDArray[np.float32],
    people: PersonProbabilities,
    garments: NDArray[np.float32],
    frame: ParseFrame,
) -> Flags:
    """Find background that the person segmenter, but not the clothes network, labelled as clothes.

    ``lab`` is the photo, H x W x 3 float32 CIE Lab, of the others' size. Such pixels have the
    colour of the background nearby. Either the garment nearby has another colour (a gap between
    legs, or between arm and trunk), or the component is beside the body. A garment that the
    clothes network misses is on the body.
    """
    garment = 1 - garments[..., 0]
    doubted = (garment < 0.4) & (people[..., 4] > 0.3)
    if not doubted.any():
        return doubted
    background_colour = _colour_nearby(lab, people[..., 0] > 0.85)
    garment_colour = _colour_nearby(lab, garment > 0.9)
    background_distance = np.linalg.norm(lab - background_colour, axis=2)
    gap = (background_distance < SAME_COLOUR_LAB) & (
        np.linalg.norm(lab - garment_colour, axis=2) > 2.5 * SAME_COLOUR_LAB
    )
    gap &= dilate(garment > 0.5, NEARBY_PX / 4)
    beside = ~dilate(garment > 0.3, 2) & doubted
    parts = label_components(beside)
    background_like_areas = np.bincount(
        parts.labels[background_distance < 1.5 * SAME_COLOUR_LAB], minlength=parts.count
    )
    on_limb = _distance_to_limbs(beside.shape, frame) < 0.06 * frame.shoulder_width
    touched = np.bincount(parts.labels[on_limb], minlength=parts.count) > 0
    alike = (background_like_areas > 0.5 * np.maximum(parts.areas, 1)) & ~touched
    return np.asarray((doubted & gap) | parts.select(alike), np.bool_)


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
    """Mark skin that the person segmenter lost: on a limb, of skin's colour, not the wall's."""
    background, skin = people[..., 0], people[..., 2]
    sure = skin > 0.8
    lost = (background > 0.3) & (background + skin > 0.7)
    if not sure.any() or not lost.any():
        return np.zeros(sure.shape, np.bool_)
    chains = [frame.seen_points(limb[:3]) for limb in (LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG)]
    lost &= _distance_map(chains, sure.shape) < LIMB_HALF_WIDTH * frame.shoulder_width
    from_skin = np.linalg.norm(lab - np.median(lab[sure], axis=0), axis=2)
    from_wall = np.linalg.norm(lab - _colour_nearby(lab, background > 0.9), axis=2)
    return np.asarray(
        lost & (from_skin < 2 * SAME_COLOUR_LAB) & (from_wall > 2 * SAME_COLOUR_LAB), np.bool_
    )


def _colour_nearby(lab: NDArray[np.float32], where: Flags) -> NDArray[np.float32]:
    """Return the mean colour of what is flagged around each pixel, infinite far from any."""
    size = (2 * NEARBY_PX + 1, 2 * NEARBY_PX + 1)
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
    """Return the probability of each coarse class, H x W; ``lab`` is the photo in CIE Lab."""
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
