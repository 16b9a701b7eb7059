"""Assign skin to the torso, the arms and the legs."""

from typing import Final

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
    distance_to_chain,
)
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.raster.components import label_components

PARTS: Final = (
    Label.TORSO_SKIN,
    Label.LEFT_ARM,
    Label.RIGHT_ARM,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
)
"""Labels that skin is divided into."""

ARM_HALF_WIDTH: Final = 0.16
"""Half width of an arm, in shoulder widths."""

LEG_HALF_WIDTH: Final = 0.24
"""Half width of a leg, in shoulder widths."""

CHEST_HALF_WIDTH: Final = 0.36
"""Half width of the chest, in shoulder widths."""

BELLY_COST: Final = 1.2
"""Cost of skin on the belly, in half widths: an arm in front of it is more frequent."""

MIDRIFF_COST: Final = 0.65
"""Cost of skin between a top and the garment below it, in half widths."""

GRAZED: Final = 1e3
"""Cost added for a part that a patch of skin only touches; larger than any distance."""


def assign_skin(skin: Flags, frame: ParseFrame, belly: Flags) -> NDArray[np.uint8]:
    """Return the label of every ``skin`` pixel, H x W uint8, 0 elsewhere.

    ``belly`` is skin that lies between a top and what is worn below it. Each pixel goes to the part
    whose axis is nearest, measured in half-widths of that part. An arm or leg with no seen joint is
    assumed on its side of the body. Then each connected patch of skin is freed of parts that it
    only grazes.
    """
    rows, columns = np.nonzero(skin)
    labels = np.zeros(skin.shape, np.uint8)
    if not rows.size:
        return labels
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    costs = np.stack(
        [_torso(x, y, frame, belly[rows, columns]), *_arms(x, y, frame), *_legs(x, y, frame)]
    )
    patches = label_components(skin)
    count = patches.count
    patch = np.asarray(patches.labels[rows, columns], np.intp)
    shares = np.zeros((count, len(PARTS)), np.float32)
    np.add.at(shares, (patch, np.argmin(costs, axis=0)), 1.0)
    to_hand = np.min([_to_hand(x, y, frame, arm) for arm in (LEFT_ARM, RIGHT_ARM)], axis=0)
    to_neck = distance_to_chain(x, y, [frame.neck])
    reach = np.full((2, count), np.inf, np.float32)
    np.minimum.at(reach[0], patch, to_hand)
    np.minimum.at(reach[1], patch, to_neck)
    torso, arms, legs = shares[:, 0], shares[:, 1:3].sum(axis=1), shares[:, 3:].sum(axis=1)
    small = 0.12 * frame.shoulder_width**2
    hand = (reach[0] < 0.3 * frame.shoulder_width) & (shares.sum(axis=1) < small)
    # A hand beside a bare thigh is in one patch with it: the thigh reaches far from the hand.
    far = np.zeros(count, np.float32)
    np.maximum.at(far, patch, np.where(np.argmin(costs, axis=0) > 2, to_hand, 0))
    thigh = (far > 0.45 * frame.shoulder_width) & (legs > 0.03 * frame.shoulder_width**2)
    grazed = np.zeros((len(PARTS), count), np.bool_)
    grazed[3:] = (legs > 0) & (legs < small) & ((legs < 0.4 * arms) | hand) & ~thigh
    no_hand = (reach[1] < 0.3 * frame.shoulder_width) | (reach[0] > 0.35 * frame.shoulder_width)
    grazed[1:3] = (arms < 0.25 * torso) & no_hand
    grazed[0] = (torso < 0.25 * arms) & (reach[1] > 0.6 * frame.shoulder_width)
    grazed[:, grazed.all(axis=0)] = False
    costs[grazed[:, patch]] += GRAZED
    labels[rows, columns] = np.array(PARTS, np.uint8)[np.argmin(costs, axis=0)]
    return labels


def _torso(x: Point, y: Point, frame: ParseFrame, belly: Flags) -> NDArray[np.float32]:
    reach = CHEST_HALF_WIDTH * frame.shoulder_width
    chest = frame.neck + np.float32(0.35) * (frame.hip - frame.neck)
    throat = frame.neck - np.array((0, 0.35 * frame.shoulder_width), np.float32)
    bust = distance_to_chain(x, y, [throat, frame.neck, chest]) / reach
    low = np.where(
        belly, MIDRIFF_COST, BELLY_COST + distance_to_chain(x, y, [chest, frame.hip]) / reach
    )
    return np.asarray(np.minimum(bust, low), np.float32)


def _arms(x: Point, y: Point, frame: ParseFrame) -> list[NDArray[np.float32]]:
    costs = []
    for joints, label in ((LEFT_ARM, Label.LEFT_ARM), (RIGHT_ARM, Label.RIGHT_ARM)):
        chain = frame.arm(joints)
        cost = _reach(x, y, chain) / (ARM_HALF_WIDTH * frame.shoulder_width)
        if len(chain) < 2:
            cost = np.minimum(cost, _side(x, y, frame, label))
        costs.append(cost)
    return costs


def _legs(x: Point, y: Point, frame: ParseFrame) -> list[NDArray[np.float32]]:
    costs = []
    for joints in (LEFT_LEG, RIGHT_LEG):
        cost = distance_to_chain(x, y, frame.seen_or_hanging_points(joints)) / (
            LEG_HALF_WIDTH * frame.shoulder_width
        )
        below = y > frame.hip[1] - 0.1 * frame.shoulder_width
        costs.append(np.where(below, cost, np.float32(np.inf)))
    return costs


def _to_hand(
    x: Point, y: Point, frame: ParseFrame, arm: tuple[Joint, Joint, Joint]
) -> NDArray[np.float32]:
    return distance_to_chain(x, y, frame.arm(arm)[2:])


def _reach(x: Point, y: Point, chain: list[Point]) -> NDArray[np.float32]:
    """Return the distance to an arm; the open hand at its end is wider than the forearm."""
    cost = distance_to_chain(x, y, chain)
    if len(chain) == 4:
        cost = np.minimum(cost, 0.7 * distance_to_chain(x, y, chain[2:])).astype(np.float32)
    return cost


def _side(x: Point, y: Point, frame: ParseFrame, label: Label) -> NDArray[np.float32]:
    """Cost of an arm nobody saw: low on its side of the trunk, away from the trunk's middle."""
    sign = 1.0 if (label == Label.LEFT_ARM) != frame.mirrored else -1.0
    aside = sign * (x - frame.neck[0]) / frame.shoulder_width
    below = y > frame.neck[1] - 0.1 * frame.shoulder_width
    # From the shoulder joints outward there is nothing but arms.
    cost = np.where(aside > 0, 0.3 + np.maximum(0, 0.5 - aside) * 5, 2.8 - aside)
    return np.where(below, cost, np.inf).astype(np.float32)
