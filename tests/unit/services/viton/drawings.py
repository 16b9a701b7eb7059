"""Garments and a figure drawn for the tests of the try-on engine; all coordinates in pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from services.viton.garment.photo import GarmentPhoto
from services.viton.person.photo import PersonPhoto

SHAPE = (1024, 768)
SKIN = (214, 170, 140)
WORN = (60, 120, 70)
TROUSERS = (40, 50, 110)
HAIR = (50, 35, 25)
GROUND = (236, 236, 240)

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Drawn:
    image: Picture
    mask: NDArray[np.uint8]

    @property
    def photo(self) -> GarmentPhoto:
        return GarmentPhoto(self.image, self.mask)


@dataclass(frozen=True)
class Person:
    image: Picture
    labels: NDArray[np.uint8]
    keypoints: NDArray[np.float32]

    @property
    def photo(self) -> PersonPhoto:
        return PersonPhoto(self.image, self.keypoints, self.labels)


def garment(
    sleeve: str = "short",
    *,
    neck: str = "round",
    depth: int = 70,
    colour: tuple[int, int, int] = (200, 40, 50),
    inside: tuple[int, int, int] = (120, 20, 30),
    touching: bool = False,
    stripes: bool = False,
    logo: bool = False,
    ground: tuple[int, int, int] = (255, 255, 255),
) -> Drawn:
    """Chest x 254 to 514, armpits y 390, hem y 860, neck points at x 310 and 458, y 170."""
    mask = np.zeros(SHAPE, np.uint8)
    torso = [(310, 170), (262, 188), (254, 390), (250, 860), (518, 860), (514, 390), (506, 188)]
    cv2.fillPoly(mask, [np.array([*torso, (458, 170), (384, 196)])], 255)
    out = 8 if touching else 70
    sleeves = {
        "none": [],
        "short": [(266, 186), (150, 370), (225, 425), (254, 390)],
        "long": [(266, 186), (190 - out, 420), (150 - out, 900), (236 - out, 905), (254, 390)],
    }[sleeve]
    if touching and sleeve == "long":
        sleeves = [(266, 186), (180, 420), (158, 780), (251, 780), (254, 390)]
    if sleeves:
        left = np.array(sleeves)
        right = np.stack([767 - left[:, 0] + 1, left[:, 1]], axis=1)
        cv2.fillPoly(mask, [left], 255)
        cv2.fillPoly(mask, [right], 255)
    image = np.full((*SHAPE, 3), ground, np.uint8)
    image[mask > 0] = colour
    if stripes:
        band = (np.arange(SHAPE[0]) // 22 % 2 == 0)[:, None] & (mask > 0)
        image[band] = (240, 240, 235)
    xs = np.arange(310, 459)
    fraction = np.abs((xs - 384) / 74)
    drop = depth * (1 - (fraction if neck == "v" else fraction**2.4))
    for x, y in zip(xs, 170 + drop, strict=True):
        opening = (np.arange(SHAPE[0]) < y) & (mask[:, x] > 0)
        image[opening, x] = inside
    if logo:
        cv2.rectangle(image, (300, 480), (340, 520), (250, 250, 250), -1)
    return Drawn(image, mask)


def figure(
    *, sleeves: str = "short", hand_in_front: bool = False, hand_on_hip: bool = False
) -> Person:
    """A standing person seen from the front: shoulders at y 330, hips at y 720, tucked top."""
    image = np.full((*SHAPE, 3), GROUND, np.uint8)
    labels = np.zeros(SHAPE, np.uint8)

    def paint(points: list[tuple[int, int]], colour: tuple[int, int, int], label: int) -> None:
        shape = np.zeros(SHAPE, np.uint8)
        cv2.fillPoly(shape, [np.array(points)], 1)
        image[shape > 0] = colour
        labels[shape > 0] = label

    def limb(
        a: tuple[int, int], b: tuple[int, int], wide: int, colour: tuple[int, int, int], label: int
    ) -> None:
        shape = np.zeros(SHAPE, np.uint8)
        cv2.line(shape, a, b, 1, wide)
        image[shape > 0] = colour
        labels[shape > 0] = label

    joints = {
        0: (384, 170), 1: (384, 330), 2: (264, 334), 3: (236, 560), 4: (222, 770),
        5: (504, 334), 6: (532, 560), 7: (546, 770), 8: (384, 720), 9: (310, 720), 12: (458, 720),
    }  # fmt: skip
    if hand_in_front:
        joints[4] = (380, 560)
    if hand_on_hip:
        joints[3], joints[4] = (130, 520), (262, 668)
    paint(
        [(268, 650), (500, 650), (520, 1023), (396, 1023), (384, 760), (372, 1023), (248, 1023)],
        TROUSERS,
        9,
    )
    limb((384, 220), (384, 320), 84, SKIN, 10)
    paint(
        [
            (342, 300),
            (250, 318),
            (262, 430),
            (274, 660),
            (494, 660),
            (506, 430),
            (518, 318),
            (426, 300),
        ],
        WORN,
        5,
    )
    cv2.ellipse(image, (384, 316), (46, 26), 0, 0, 180, SKIN, -1)
    neck = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(neck, (384, 316), (46, 26), 0, 0, 180, 1, -1)
    labels[neck > 0] = 10
    for label, (s, e, w) in ((15, (2, 3, 4)), (14, (5, 6, 7))):
        limb(joints[s], joints[e], 62, SKIN, label)
        limb(joints[e], joints[w], 50, SKIN, label)
        if sleeves == "long":
            limb(joints[s], joints[e], 76, WORN, 5)
            limb(joints[e], joints[w], 64, WORN, 5)
        else:
            half = tuple(int(a + 0.42 * (b - a)) for a, b in zip(joints[s], joints[e], strict=True))
            limb(joints[s], (half[0], half[1]), 74, WORN, 5)
        cv2.circle(image, joints[w], 30, SKIN, -1)
        hand = np.zeros(SHAPE, np.uint8)
        cv2.circle(hand, joints[w], 30, 1, -1)
        labels[hand > 0] = label
    head = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(head, (384, 140), (76, 96), 0, 0, 360, 1, -1)
    image[head > 0] = HAIR
    labels[head > 0] = 2
    face = np.zeros(SHAPE, np.uint8)
    cv2.ellipse(face, (384, 165), (58, 80), 0, 0, 360, 1, -1)
    image[face > 0] = SKIN
    labels[face > 0] = 13
    keypoints = np.zeros((25, 3), np.float32)
    for index, at in joints.items():
        keypoints[index] = (*at, 1.0)
    return Person(cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8), labels, keypoints)


Ring = list[tuple[int, int]]


def mirrored(points: Ring) -> Ring:
    return [(768 - x, y) for x, y in points]


FEET = (30, 30, 34)
TROUSER = [(290, 380), (386, 380), (384, 500), (374, 660), (366, 890), (314, 890), (306, 660)]
SHORT = [(290, 380), (386, 380), (384, 500), (382, 560), (300, 560)]
BOTTOMS = {
    "trousers": (TROUSER, mirrored(TROUSER)),
    "shorts": (SHORT, mirrored(SHORT)),
    "skirt": ([(300, 380), (468, 380), (500, 640), (268, 640)],),
}
FULL_JOINTS = {
    0: (384, 96), 1: (384, 190), 2: (310, 192), 3: (290, 320), 4: (276, 440),
    5: (458, 192), 6: (478, 320), 7: (492, 440), 8: (384, 450), 9: (346, 450), 12: (422, 450),
    10: (342, 660), 11: (340, 880), 13: (426, 660), 14: (428, 880),
}  # fmt: skip


def standing(worn: str = "trousers", *, tucked: bool = False) -> Person:
    """A whole figure: shoulders y 192, hips y 450, knees y 660, ankles y 880.

    ``worn``: ``trousers``, ``skirt`` (hem y 640), ``dress`` (hem y 620) or ``shorts`` (hem y 560).
    The top ends at y 390 if ``tucked``, else at y 480.
    """
    image = np.full((*SHAPE, 3), GROUND, np.uint8)
    labels = np.zeros(SHAPE, np.uint8)

    def fill(points: Ring, colour: tuple[int, int, int], label: int) -> None:
        shape = np.zeros(SHAPE, np.uint8)
        cv2.fillPoly(shape, [np.array(points)], 1)
        image[shape > 0], labels[shape > 0] = colour, label

    leg = [(294, 460), (384, 460), (380, 520), (372, 660), (358, 900), (322, 900), (312, 660)]
    fill(leg, SKIN, 17)
    fill(mirrored(leg), SKIN, 16)
    for ring in BOTTOMS.get(worn, ()):
        fill(ring, TROUSERS, 12 if worn == "skirt" else 9)
    foot = [(318, 890), (362, 890), (366, 940), (300, 940)]
    fill(foot, FEET, 19)
    fill(mirrored(foot), FEET, 18)
    fill([(356, 130), (412, 130), (416, 200), (352, 200)], SKIN, 10)
    half = [(384, 182), (340, 182), (302, 190), (312, 280)]
    if worn == "dress":
        half += [(318, 370), (270, 620)]
    else:
        half += [(304, 390)] if tucked else [(292, 480)]
    fill([*half, *mirrored(half)[::-1]], WORN, 6 if worn == "dress" else 5)
    for label, bones in ((15, (2, 3, 4)), (14, (5, 6, 7))):
        for start, end, wide in ((*bones[:2], 34), (*bones[1:], 28)):
            shape = np.zeros(SHAPE, np.uint8)
            cv2.line(shape, FULL_JOINTS[start], FULL_JOINTS[end], 1, wide)
            image[shape > 0], labels[shape > 0] = SKIN, label
    for radius, colour, label in ((56, HAIR, 2), (44, SKIN, 13)):
        shape = np.zeros(SHAPE, np.uint8)
        cv2.ellipse(shape, (384, 90), (radius - 8, radius), 0, 0, 360, 1, -1)
        image[shape > 0], labels[shape > 0] = colour, label
    keypoints = np.zeros((25, 3), np.float32)
    for index, at in FULL_JOINTS.items():
        keypoints[index] = (*at, 1.0)
    return Person(cv2.GaussianBlur(image, (0, 0), 0.8).astype(np.uint8), labels, keypoints)


def bottoms(kind: str, *, colour: tuple[int, int, int] = (200, 40, 50)) -> Drawn:
    """A lower garment on white: waist y 120, hips 220 wide.

    ``kind``: ``trousers`` (hem y 900), ``shorts`` (hem y 440), ``skirt`` (hem y 520) or ``flared``.
    """
    mask = np.zeros(SHAPE, np.uint8)
    if kind in {"skirt", "flared"}:
        out = 120 if kind == "skirt" else 230
        outline = [[(294, 120), (474, 120), (384 + out, 520), (384 - out, 520)]]
    else:
        hem = 900 if kind == "trousers" else 440
        leg = [(294, 120), (384, 120), (384, 320), (370, 360), (350, hem), (276, hem), (274, 320)]
        outline = [leg, [(768 - x, y) for x, y in leg]]
    for points in outline:
        cv2.fillPoly(mask, [np.array(points)], 255)
    image = np.full((*SHAPE, 3), 255, np.uint8)
    image[mask > 0] = colour
    return Drawn(image, mask)


def gown(*, sleeves: bool = False, colour: tuple[int, int, int] = (200, 40, 50)) -> Drawn:
    """A dress on white: shoulders y 100, chest 180 wide, waist y 290, hem y 700."""
    mask = np.zeros(SHAPE, np.uint8)
    left = [(350, 96), (306, 106), (294, 190), (312, 290), (240, 700)]
    ring = [*left, *[(768 - x, y) for x, y in left[::-1]], (384, 124)]
    cv2.fillPoly(mask, [np.array(ring)], 255)
    if sleeves:
        arm = [(308, 106), (236, 230), (280, 254), (296, 190)]
        for points in (arm, [(768 - x, y) for x, y in arm]):
            cv2.fillPoly(mask, [np.array(points)], 255)
    image = np.full((*SHAPE, 3), 255, np.uint8)
    image[mask > 0] = colour
    return Drawn(image, mask)
