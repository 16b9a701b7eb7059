"""Assign skin to the torso, the arms and the legs."""

from dataclasses import dataclass
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
"""Labels that skin is divided into: torso, arms, legs."""


@dataclass(frozen=True, kw_only=True)
class SkinCostOptions:
    """What it costs to assign a pixel to a part: the distance from its axis, in half widths."""

    arm_half_width: float = 0.16
    """Half width of an arm, in shoulder widths."""
    leg_half_width: float = 0.24
    """Half width of a leg, in shoulder widths."""
    chest_half_width: float = 0.36
    """Half width of the chest, in shoulder widths."""
    chest_end: float = 0.35
    """Lower end of the chest's axis, as a share of the way from the neck to the hips."""
    throat_height: float = 0.35
    """Upper end of the chest's axis above the neck, in shoulder widths."""
    belly_cost: float = 1.2
    """Cost of skin on the belly's axis: an arm in front of the belly is more frequent."""
    midriff_cost: float = 0.65
    """Cost of skin between a top and the garment below it."""
    hand_cost_ratio: float = 0.7
    """Cost of a hand's pixels, in costs at the same distance from a forearm: an open hand is
    wider."""
    leg_start: float = 0.1
    """Height above the hips from which on skin may be a leg's, in shoulder widths."""


SKIN_COST_OPTIONS: Final = SkinCostOptions()


@dataclass(frozen=True, kw_only=True)
class UnseenArmOptions:
    """What it costs to assign a pixel to an arm without two seen joints, in half widths."""

    start: float = 0.1
    """Height above the neck from which on skin may be the arm's, in shoulder widths."""
    least_cost: float = 0.3
    """Cost from the shoulder joint outwards, where there is nothing but arms."""
    half_shoulder_width: float = 0.5
    """Distance of the shoulder joint from the trunk's middle, in shoulder widths."""
    inward_slope: float = 5.0
    """Rise of the cost from the shoulder joint inwards, per shoulder width."""
    middle_cost: float = 2.8
    """Cost at the trunk's middle; on the other side it rises by 1 per shoulder width."""


UNSEEN_ARM_OPTIONS: Final = UnseenArmOptions()


@dataclass(frozen=True, kw_only=True)
class GrazeOptions:
    """Which parts a connected patch of skin only grazes.

    Lengths are in shoulder widths, areas in squared shoulder widths.
    """

    max_hand_area: float = 0.12
    """Area below which a patch may be a hand, and below which its share of the legs may be
    grazed."""
    hand_reach: float = 0.3
    """Distance from a hand's joints within which a small patch is a hand."""
    thigh_distance: float = 0.45
    """Distance from the hand beyond which a patch's share of the legs is a thigh."""
    min_thigh_area: float = 0.03
    """Least area of a thigh."""
    max_leg_share: float = 0.4
    """Area of grazed legs at most, in areas of the patch's share of the arms."""
    max_arm_share: float = 0.25
    """Area of grazed arms at most, in areas of the patch's share of the torso."""
    neck_reach: float = 0.3
    """Distance from the neck within which a patch may graze arms."""
    no_hand_distance: float = 0.35
    """Distance from the hands beyond which a patch may graze arms."""
    max_torso_share: float = 0.25
    """Area of a grazed torso at most, in areas of the patch's share of the arms."""
    torso_distance: float = 0.6
    """Distance from the neck beyond which a patch may graze the torso."""
    cost: float = 1e3
    """Cost added for a grazed part; larger than any distance in half widths."""


GRAZE_OPTIONS: Final = GrazeOptions()

_ARM_ROWS: Final = slice(1, 3)
"""The arms' rows of ``PARTS``."""

_LEG_ROWS: Final = slice(3, 5)
"""The legs' rows of ``PARTS``."""


@dataclass(frozen=True, kw_only=True)
class _SkinPixels:
    """N pixels of skin and the connected patches that they form."""

    x: NDArray[np.float32]
    """N: columns in the photo."""
    y: NDArray[np.float32]
    """N: rows in the photo."""
    patch: NDArray[np.intp]
    """N: the patch of each."""
    patch_count: int
    """How many patches there are, the background included."""


def assign_skin(
    skin: Flags, frame: ParseFrame, belly: Flags, options: GrazeOptions = GRAZE_OPTIONS
) -> NDArray[np.uint8]:
    """Return the label of every ``skin`` pixel, H x W uint8, 0 elsewhere.

    ``belly`` marks skin between a top and the garment below it, H x W. ``frame`` is in pixels of
    the photo. Each pixel goes to the part whose axis is nearest, measured in half widths of that
    part. An arm or leg with no seen joint is assumed on its side of the body. A connected patch of
    skin has no pixels of a part that it only grazes.
    """
    rows, columns = np.nonzero(skin)
    labels = np.zeros(skin.shape, np.uint8)
    if not rows.size:
        return labels
    x, y = columns.astype(np.float32), rows.astype(np.float32)
    costs = np.stack(
        [
            _torso_cost(x, y, frame, belly[rows, columns]),
            *_arm_costs(x, y, frame),
            *_leg_costs(x, y, frame),
        ]
    )
    patches = label_components(skin)
    patch = np.asarray(patches.labels[rows, columns], np.intp)
    pixels = _SkinPixels(x=x, y=y, patch=patch, patch_count=patches.count)
    nearest = np.argmin(costs, axis=0)
    grazed = _find_grazed_parts(pixels, nearest, frame, options)
    again = np.flatnonzero(np.asarray(grazed.any(axis=0))[patch])
    raised = costs[:, again] + np.float32(options.cost) * grazed[:, patch[again]]
    nearest[again] = np.argmin(raised, axis=0)
    labels[rows, columns] = np.array(PARTS, np.uint8)[nearest]
    return labels


def _find_grazed_parts(
    pixels: _SkinPixels, nearest: NDArray[np.intp], frame: ParseFrame, options: GrazeOptions
) -> NDArray[np.bool_]:
    """Return which parts each patch only grazes, parts x patches; never all of them.

    ``nearest`` are the rows of ``PARTS`` of the N pixels' nearest parts.
    """
    x, y, patch, count = pixels.x, pixels.y, pixels.patch, pixels.patch_count
    width = frame.shoulder_width
    parts = len(PARTS)
    shares = np.bincount(patch * parts + nearest, minlength=count * parts)
    shares = shares.reshape(count, parts).astype(np.float32)
    to_hand = np.min([_distance_to_hand(x, y, frame, arm) for arm in (LEFT_ARM, RIGHT_ARM)], axis=0)
    from_hand, from_neck = (np.full(count, np.inf, np.float32) for _ in range(2))
    np.minimum.at(from_hand, patch, to_hand)
    np.minimum.at(from_neck, patch, distance_to_chain(x, y, [frame.neck]))
    torso = shares[:, 0]
    arms = shares[:, _ARM_ROWS].sum(axis=1)
    legs = shares[:, _LEG_ROWS].sum(axis=1)
    small = options.max_hand_area * width**2
    hand = (from_hand < options.hand_reach * width) & (shares.sum(axis=1) < small)
    # A hand beside a bare thigh is in one patch with it: the thigh reaches far from the hand.
    far = np.zeros(count, np.float32)
    np.maximum.at(far, patch, np.where(nearest >= _LEG_ROWS.start, to_hand, 0))
    thigh = (far > options.thigh_distance * width) & (legs > options.min_thigh_area * width**2)
    few_legs = legs < options.max_leg_share * arms
    no_hand = (from_neck < options.neck_reach * width) | (
        from_hand > options.no_hand_distance * width
    )
    grazed = np.zeros((len(PARTS), count), np.bool_)
    grazed[_LEG_ROWS] = (legs > 0) & (legs < small) & (few_legs | hand) & ~thigh
    grazed[_ARM_ROWS] = (arms < options.max_arm_share * torso) & no_hand
    grazed[0] = (torso < options.max_torso_share * arms) & (
        from_neck > options.torso_distance * width
    )
    grazed[:, grazed.all(axis=0)] = False
    return grazed


def _torso_cost(
    x: Point,
    y: Point,
    frame: ParseFrame,
    belly: NDArray[np.bool_],
    options: SkinCostOptions = SKIN_COST_OPTIONS,
) -> NDArray[np.float32]:
    """Return the torso's cost of N pixels; ``belly`` tells which lie on a bare midriff."""
    reach = options.chest_half_width * frame.shoulder_width
    chest = frame.neck + np.float32(options.chest_end) * (frame.hip - frame.neck)
    throat = frame.neck - np.array((0, options.throat_height * frame.shoulder_width), np.float32)
    bust = distance_to_chain(x, y, [throat, frame.neck, chest]) / reach
    low = np.where(
        belly,
        options.midriff_cost,
        options.belly_cost + distance_to_chain(x, y, [chest, frame.hip]) / reach,
    )
    return np.asarray(np.minimum(bust, low), np.float32)


def _arm_costs(
    x: Point, y: Point, frame: ParseFrame, options: SkinCostOptions = SKIN_COST_OPTIONS
) -> list[NDArray[np.float32]]:
    """Return the left and the right arm's cost of N pixels."""
    costs = []
    for joints, label in ((LEFT_ARM, Label.LEFT_ARM), (RIGHT_ARM, Label.RIGHT_ARM)):
        chain = frame.arm(joints)
        cost = _distance_to_arm(x, y, chain, options) / (
            options.arm_half_width * frame.shoulder_width
        )
        if len(chain) < 2:
            cost = np.minimum(cost, _unseen_arm_cost(x, y, frame, label))
        costs.append(cost)
    return costs


def _leg_costs(
    x: Point, y: Point, frame: ParseFrame, options: SkinCostOptions = SKIN_COST_OPTIONS
) -> list[NDArray[np.float32]]:
    """Return the left and the right leg's cost of N pixels, infinite above the hips."""
    costs = []
    for joints in (LEFT_LEG, RIGHT_LEG):
        cost = distance_to_chain(x, y, frame.seen_or_hanging_points(joints)) / (
            options.leg_half_width * frame.shoulder_width
        )
        below = y > frame.hip[1] - options.leg_start * frame.shoulder_width
        costs.append(np.where(below, cost, np.float32(np.inf)))
    return costs


def _distance_to_hand(
    x: Point, y: Point, frame: ParseFrame, arm: tuple[Joint, Joint, Joint]
) -> NDArray[np.float32]:
    """Return the distance of N pixels from a hand, in pixels; infinite if no hand is known."""
    return distance_to_chain(x, y, frame.arm(arm)[2:])


def _distance_to_arm(
    x: Point, y: Point, chain: list[Point], options: SkinCostOptions
) -> NDArray[np.float32]:
    """Return the distance of N pixels from an arm, in pixels, less for the hand at its end."""
    distance = distance_to_chain(x, y, chain)
    if len(chain) < 4:
        return distance
    to_hand = options.hand_cost_ratio * distance_to_chain(x, y, chain[2:])
    return np.asarray(np.minimum(distance, to_hand), np.float32)


def _unseen_arm_cost(
    x: Point,
    y: Point,
    frame: ParseFrame,
    label: Label,
    options: UnseenArmOptions = UNSEEN_ARM_OPTIONS,
) -> NDArray[np.float32]:
    """Return an unseen arm's cost of N pixels: low on its side, away from the trunk's middle."""
    sign = 1.0 if (label == Label.LEFT_ARM) != frame.mirrored else -1.0
    aside = sign * (x - frame.neck[0]) / frame.shoulder_width
    below = y > frame.neck[1] - options.start * frame.shoulder_width
    inwards = np.maximum(0, options.half_shoulder_width - aside)
    own_side = options.least_cost + inwards * options.inward_slope
    cost = np.where(aside > 0, own_side, options.middle_cost - aside)
    return np.where(below, cost, np.inf).astype(np.float32)
