"""Whose skin is whose: torso, left and right arm, left and right leg."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.human_parse.body import (
    LEFT_ARM,
    LEFT_LEG,
    RIGHT_ARM,
    RIGHT_LEG,
    Body,
    Flags,
    Point,
    distance,
)
from services.kit.joints import Joint
from services.kit.labels import Label

PARTS: Final = (
    Label.TORSO_SKIN,
    Label.LEFT_ARM,
    Label.RIGHT_ARM,
    Label.LEFT_LEG,
    Label.RIGHT_LEG,
)

ARM: Final = 0.16
LEG: Final = 0.24
CHEST: Final = 0.36
"""Half-widths of the parts as shares of the shoulder width."""

BELLY_COST: Final = 1.2
MIDRIFF_COST: Final = 0.65
"""Skin on the belly is rarer than an arm before it, so an arm close by wins; less so between a top
and what is worn below it."""


def divide(skin: Flags, body: Body, belly: Flags) -> NDArray[np.uint8]:
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
        [_torso(x, y, body, belly[rows, columns]), *_arms(x, y, body), *_legs(x, y, body)]
    )
    count, patches = cv2.connectedComponents(skin.astype(np.uint8))
    patch = np.asarray(patches[rows, columns], np.intp)
    shares = np.zeros((count, len(PARTS)), np.float32)
    np.add.at(shares, (patch, np.argmin(costs, axis=0)), 1.0)
    to_hand = np.min([_to_hand(x, y, body, arm) for arm in (LEFT_ARM, RIGHT_ARM)], axis=0)
    to_neck = distance(x, y, [body.neck])
    reach = np.full((2, count), np.inf, np.float32)
    np.minimum.at(reach[0], patch, to_hand)
    np.minimum.at(reach[1], patch, to_neck)
    torso, arms, legs = shares[:, 0], shares[:, 1:3].sum(axis=1), shares[:, 3:].sum(axis=1)
    small = 0.12 * body.width**2
    hand = (reach[0] < 0.3 * body.width) & (shares.sum(axis=1) < small)
    # A hand beside a bare thigh is in one patch with it: the thigh reaches far from the hand.
    far = np.zeros(count, np.float32)
    np.maximum.at(far, patch, np.where(np.argmin(costs, axis=0) > 2, to_hand, 0))
    thigh = (far > 0.45 * body.width) & (legs > 0.03 * body.width**2)
    grazed = np.zeros((len(PARTS), count), np.bool_)
    grazed[3:] = (legs > 0) & (legs < small) & ((legs < 0.4 * arms) | hand) & ~thigh
    no_hand = (reach[1] < 0.3 * body.width) | (reach[0] > 0.35 * body.width)
    grazed[1:3] = (arms < 0.25 * torso) & no_hand
    grazed[0] = (torso < 0.25 * arms) & (reach[1] > 0.6 * body.width)
    grazed[:, grazed.all(axis=0)] = False
    costs[grazed[:, patch]] += 1e3
    labels[rows, columns] = np.array(PARTS, np.uint8)[np.argmin(costs, axis=0)]
    return labels


def _torso(x: Point, y: Point, body: Body, belly: Flags) -> NDArray[np.float32]:
    reach = CHEST * body.width
    chest = body.neck + np.float32(0.35) * (body.hip - body.neck)
    throat = body.neck - np.array((0, 0.35 * body.width), np.float32)
    bust = distance(x, y, [throat, body.neck, chest]) / reach
    low = np.where(belly, MIDRIFF_COST, BELLY_COST + distance(x, y, [chest, body.hip]) / reach)
    return np.asarray(np.minimum(bust, low), np.float32)


def _arms(x: Point, y: Point, body: Body) -> list[NDArray[np.float32]]:
    costs = []
    for joints, label in ((LEFT_ARM, Label.LEFT_ARM), (RIGHT_ARM, Label.RIGHT_ARM)):
        chain = body.arm(joints)
        cost = _reach(x, y, chain) / (ARM * body.width)
        if len(chain) < 2:
            cost = np.minimum(cost, _side(x, y, body, label))
        costs.append(cost)
    return costs


def _legs(x: Point, y: Point, body: Body) -> list[NDArray[np.float32]]:
    costs = []
    for joints in (LEFT_LEG, RIGHT_LEG):
        cost = distance(x, y, body.assumed(joints)) / (LEG * body.width)
        below = y > body.hip[1] - 0.1 * body.width
        costs.append(np.where(below, cost, np.float32(np.inf)))
    return costs


def _to_hand(
    x: Point, y: Point, body: Body, arm: tuple[Joint, Joint, Joint]
) -> NDArray[np.float32]:
    return distance(x, y, body.arm(arm)[2:])


def _reach(x: Point, y: Point, chain: list[Point]) -> NDArray[np.float32]:
    """Return the distance to an arm; the open hand at its end is wider than the forearm."""
    cost = distance(x, y, chain)
    if len(chain) == 4:
        cost = np.minimum(cost, 0.7 * distance(x, y, chain[2:])).astype(np.float32)
    return cost


def _side(x: Point, y: Point, body: Body, label: Label) -> NDArray[np.float32]:
    """Cost of an arm nobody saw: low on its side of the trunk, away from the trunk's middle."""
    sign = 1.0 if (label == Label.LEFT_ARM) != body.mirrored else -1.0
    aside = sign * (x - body.neck[0]) / body.width
    below = y > body.neck[1] - 0.1 * body.width
    # From the shoulder joints outward there is nothing but arms.
    cost = np.where(aside > 0, 0.3 + np.maximum(0, 0.5 - aside) * 5, 2.8 - aside)
    return np.where(below, cost, np.inf).astype(np.float32)
