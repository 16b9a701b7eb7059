"""Fuses what two networks and the keypoints know into a CIHP label map. Pure functions."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse import outfit, skin
from services.human_parse.body import (
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    Body,
    Flags,
    Point,
    distance,
    measure,
)
from services.human_parse.looks import REDUCE, Stack
from services.kit.errors import NoPerson
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.refine import Plane, guide, refine
from services.kit.types import Image, Keypoints, LabelMap

BACKGROUND, HAIR, SKIN, FACE, UPPER, LOWER, DRESS, OTHERS = range(8)
"""What the pixels are first told apart as."""

YES: Final = 0.5
NO: Final = 0.8
"""Weights of the clothes network's yes and no against the person segmenter."""

RADIUS: Final = 5
EDGE_NOISE: Final = 1e-4
"""Window in pixels and colour variance of the edge refinement."""

SMOOTH: Final = 1.2
"""Blur in pixels that keeps outlines from following the grain of the photo."""

LEAST_PERSON: Final = 0.005
"""Share of the picture below which nothing counts as a person."""


def frame(keypoints: Keypoints, people: Stack) -> Body:
    """Measure the person in pixels of the photo; ``people`` is as ``looks.join`` returns it."""
    reduced = keypoints * np.array((1 / REDUCE, 1 / REDUCE, 1), np.float32)
    person = _main_person(people[..., 0] < 0.5, reduced)
    return measure(reduced, person).scaled(REDUCE)


def parse(
    image: Image, keypoints: Keypoints, people: Stack, garments: NDArray[np.float32]
) -> LabelMap:
    """Label every pixel with its CIHP id.

    ``image`` is H x W x 3 uint8 RGB; ``keypoints`` are BODY_25, any of them may be missing;
    ``people`` is as ``looks.join`` returns it; ``garments`` h x w x 4 float32, of any size,
    probabilities of background, upper, lower and full-body garments. Raises NoPerson if there is
    next to nothing of one.
    """
    height, width = people.shape[:2]
    reduced = keypoints * np.array((1 / REDUCE, 1 / REDUCE, 1), np.float32)
    person = _main_person(people[..., 0] < 0.5, reduced)
    if np.count_nonzero(person) < LEAST_PERSON * height * width:
        raise NoPerson(
            "No person was found in the person's photo; send a photo of one person facing the "
            "camera.",
            stage="human_parse",
        )
    body = measure(reduced, person)
    garments = np.asarray(cv2.resize(garments, (width, height)), np.float32)
    people = _agree(people, garments, ~_plausible(person.shape, body))
    small = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    planes = _told_apart(small, people, garments, body)
    planes[BACKGROUND][~_grow(person, 0.03 * body.width)] = 1
    body = body.scaled(REDUCE)
    kinds = _close_trunk(_settle(_sharpen(image, planes), body), body)
    return _name(image, kinds, body)


def _ellipse(radius: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _grow(flags: Flags, radius: float) -> Flags:
    return cv2.dilate(flags.astype(np.uint8), _ellipse(radius)) > 0


def _main_person(person: Flags, keypoints: Keypoints) -> Flags:
    """Keep the part that holds most keypoints, else the largest, and what lies close to it."""
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
    near = _grow(parts == main, max(height, width) / 40)
    keep = np.zeros(count, np.bool_)
    touching = np.bincount(parts[near], minlength=count)
    keep[touching > 0.25 * stats[:, cv2.CC_STAT_AREA]] = True
    keep[0], keep[main] = False, True
    return np.asarray(keep[parts], np.bool_)


def _plausible(shape: tuple[int, ...], body: Body) -> Flags:
    """Where clothes may be: near the trunk and the limbs."""
    trunk = [
        body.limb((Joint.LEFT_SHOULDER, Joint.NECK, Joint.RIGHT_SHOULDER)),
        body.limb((Joint.LEFT_HIP, Joint.MID_HIP, Joint.RIGHT_HIP)),
        [body.neck, body.hip],
        *(body.assumed(leg) for leg in (LEFT_LEG, RIGHT_LEG)),
    ]
    arms = [body.assumed(arm) for arm in (LEFT_ARM, RIGHT_ARM)]
    around_trunk = _distance_to(trunk, shape) < 0.55 * body.width
    return np.asarray(around_trunk | (_distance_to(arms, shape) < 0.3 * body.width), np.bool_)


def _distance_to(chains: list[list[Point]], shape: tuple[int, ...]) -> Plane:
    canvas = np.full(shape, 255, np.uint8)
    for chain in chains:
        whole = np.array(chain).round().astype(np.int32).reshape(-1, 1, 2)
        if whole.size:
            cv2.polylines(canvas, [whole], isClosed=False, color=0)
    return np.asarray(cv2.distanceTransform(canvas, cv2.DIST_L2, 3), np.float32)


def _agree(people: Stack, garments: NDArray[np.float32], unlikely: Flags) -> Stack:
    """Let the clothes network have its say wherever it is near a garment that it saw.

    It draws garments more exactly than the person segmenter and hardly ever invents one, so its no
    weighs more than its yes; but it overlooks some, so far from what it saw the segmenter alone
    decides, except in places ``unlikely`` to be clothes.
    """
    garment = 1 - garments[..., 0]
    near = _grow(garment > 0.1, 6)
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


def _told_apart(
    image: Image, people: Stack, garments: NDArray[np.float32], body: Body
) -> dict[int, Plane]:
    """Return the probabilities of the first division, all of one size."""
    lab = np.asarray(
        cv2.cvtColor(image.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2Lab), np.float32
    )
    dressed = outfit.understand(lab, garments, people[..., 4], body)
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


def _sharpen(image: Image, planes: dict[int, Plane]) -> NDArray[np.uint8]:
    """Return the likeliest kind of every pixel of ``image``, edges drawn along the photo's."""
    height, width = image.shape[:2]
    photo = guide(image, RADIUS, EDGE_NOISE)
    best = np.zeros((height, width), np.float32)
    winner = np.zeros((height, width), np.uint8)
    for kind, plane in planes.items():
        if plane.max() < 0.3:
            continue
        sharp = refine(np.asarray(cv2.resize(plane, (width, height)), np.float32), photo)
        sharp = np.asarray(cv2.GaussianBlur(sharp, (0, 0), SMOOTH), np.float32)
        better = sharp > best
        winner[better] = kind
        best[better] = sharp[better]
    return winner


def _settle(coarse: NDArray[np.uint8], body: Body) -> NDArray[np.uint8]:
    """Give specks to what surrounds them."""
    least = max(12, round(0.0012 * body.width**2))
    keep = np.zeros(coarse.shape, np.bool_)
    for kind in range(8):
        count, parts, stats, _ = cv2.connectedComponentsWithStats(
            (coarse == kind).astype(np.uint8), connectivity=4
        )
        if count > 1:
            # Real gaps between arm and trunk are larger than the holes that prints leave.
            wanted = 4 * least if kind in (OTHERS, BACKGROUND) else least
            large = stats[:, cv2.CC_STAT_AREA] >= wanted
            large[0] = False
            keep |= large[parts]
    return _absorb(_fill(coarse, keep))


def _close_trunk(kinds: NDArray[np.uint8], body: Body) -> NDArray[np.uint8]:
    """Fill background between the shoulders and the hips: nobody has a hole there.

    Both networks leave one where the clothes have the background's colour.
    """
    corners = (Joint.LEFT_SHOULDER, Joint.RIGHT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP)
    if not all(body.seen[joint] for joint in corners):
        return kinds
    trunk = np.zeros(kinds.shape, np.uint8)
    outline = body.points[list(corners)].round().astype(np.int32)
    cv2.fillConvexPoly(trunk, cv2.convexHull(outline), 1)
    return np.where(trunk > 0, _fill(kinds, kinds != BACKGROUND), kinds)


def _absorb(kinds: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give patches of upper clothes amid lower ones to the lower, and the reverse."""
    settled = kinds
    for kind, other in ((UPPER, LOWER), (LOWER, UPPER)):
        flags = (kinds == kind).astype(np.uint8)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(flags, connectivity=4)
        total = int(np.count_nonzero(flags))
        for part in range(1, count):
            left, top, wide, high, area = (int(v) for v in stats[part])
            if area > 0.1 * total:
                continue
            window = np.s_[max(0, top - 2) : top + high + 2, max(0, left - 2) : left + wide + 2]
            where = parts[window] == part
            rim = _grow(where, 2) & ~where
            if np.count_nonzero(kinds[window][rim] == other) > 0.5 * np.count_nonzero(rim):
                settled = settled if settled is not kinds else kinds.copy()
                settled[window][where] = other
    return settled


def _fill(labels: NDArray[np.uint8], keep: Flags) -> NDArray[np.uint8]:
    """Replace what is not kept by the nearest label that is."""
    if keep.all() or not keep.any():
        return labels
    _, nearest = cv2.distanceTransformWithLabels(
        (~keep).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(nearest.max()) + 1, np.uint8)
    lookup[nearest[keep]] = labels[keep]
    return np.where(keep, labels, lookup[nearest])


def _name(image: Image, kinds: NDArray[np.uint8], body: Body) -> LabelMap:
    """Turn the first division into CIHP ids, by where things are on the body."""
    labels = np.zeros(kinds.shape, np.uint8)
    labels[kinds == HAIR] = Label.HAIR
    labels[kinds == FACE] = Label.FACE
    labels[kinds == UPPER] = Label.UPPER
    labels[kinds == DRESS] = Label.DRESS
    bare = kinds == SKIN
    below = kinds == LOWER
    labels[below] = outfit.lower_label(below, bare, body)
    parts = skin.divide(bare, body)
    labels[bare] = parts[bare]
    _name_others(image, labels, kinds == OTHERS)
    _shoes(labels, kinds, body)
    return labels


def _name_others(image: Image, labels: LabelMap, others: Flags) -> None:
    """Hats above the face, glasses on it; bags and chairs stay background."""
    face = labels == Label.FACE
    if not face.any() or not others.any():
        return
    rows = np.flatnonzero(face.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1])
    count, parts, stats, middles = cv2.connectedComponentsWithStats(others.astype(np.uint8))
    for part in range(1, count):
        where = parts == part
        on_face = np.count_nonzero(_grow(where, 3) & (face | (labels == Label.HAIR)))
        if not on_face:
            continue
        centre = float(middles[part][1])
        if centre < top + 0.25 * (bottom - top):
            labels[where] = Label.HAT
        elif centre < bottom:
            dark = float(np.median(image[where].max(axis=1))) < 70
            broad = stats[part][cv2.CC_STAT_AREA] > 0.04 * np.count_nonzero(face)
            labels[where] = Label.SUNGLASSES if dark and broad else Label.FACE


def _shoes(labels: LabelMap, kinds: NDArray[np.uint8], body: Body) -> None:
    """Name what is worn on the feet, where an ankle is seen."""
    rows, columns = np.nonzero((kinds == OTHERS) | (kinds == LOWER) | (kinds == UPPER))
    y, x = rows.astype(np.float32), columns.astype(np.float32)
    cloth = kinds[rows, columns] != OTHERS
    for leg, other, label, heel in (
        (LEFT_LEG, RIGHT_LEG, Label.LEFT_SHOE, Joint.LEFT_HEEL),
        (RIGHT_LEG, LEFT_LEG, Label.RIGHT_SHOE, Joint.RIGHT_HEEL),
    ):
        ankle, toe = leg[2], leg[3]
        foot = body.limb((heel, ankle, toe))
        if not body.seen[ankle] or len(foot) < 2:
            continue
        away = distance(x, y, foot)
        # Trousers end about the ankle; what is neither clothes nor skin may be the shaft of a boot.
        shaft = np.where(cloth, 0.0, 0.2 * body.width)
        near = (away < 0.3 * body.width) & (y > body.points[ankle][1] - shaft)
        # In mid-stride the other shin may hang lower than this ankle.
        near &= ~cloth | (away < distance(x, y, body.limb(other[1:3])))
        labels[rows[near], columns[near]] = label
