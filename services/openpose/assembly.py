"""From peaks and part affinity fields to people (Cao et al., "OpenPose", TPAMI 2019, section 3).

Of all pairs of peaks that a limb could join, the ones whose line the limb's field follows are taken
best first: they begin a person, add a joint to one, or make one of two that share no joint. The
numbers are OpenPose's defaults.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.openpose import peaks
from services.openpose.core import F32
from services.openpose.joint_topologies import JointTopology

THRESHOLD: Final = 0.05
"""Least confidence of a peak, and least agreement of a field with the limb's direction."""
MIN_AGREEING_SHARE: Final = 0.95
"""Of the points on a limb's line, how many must agree."""
MIN_JOINTS: Final = 3
"""Joints of a person at least."""
MIN_SCORE_PER_JOINT: Final = 0.4
"""Score of a person at least, per joint."""
MIN_JOINTS_BESIDE_FEET: Final = 5
"""Joints besides the feet that a person with feet must have."""

_WEIGHT_OF_PEAKS: Final = 0.1
"""Weight of a peak's confidence in the order of pairs; their field has weight 1."""
_POINTS_PER_LENGTH: Final = 5
"""Square of the number of points on a limb's line over its longer side, in pixels of the map."""
_FEWEST_POINTS: Final = 5
"""Points on a limb's line at least."""
_MOST_POINTS: Final = 25
"""Points on a limb's line at most."""
_NEAR_SHARE: Final = 1 / 150
"""Two peaks nearer than this share of the map's side may be joined without a field."""
_MIN_PAIR_SCORE: Final = 1e-6
"""Score above which two peaks may be joined."""


@dataclass(eq=False)
class _Person:
    """A person's joints as far as they were joined."""

    joints: dict[int, int] = field(default_factory=dict)
    """Joint to index of its peak among the joint's peaks."""
    score: float = 0.0
    """Sum of the scores of the peaks and of the connections."""


def assemble_people(maps: F32, topology: JointTopology, offset: float = 0.0) -> list[F32]:
    """Find everybody in a network's output: of each, joints x 3 (x, y, confidence; else zeros).

    ``maps`` is channels x H x W, the network's output enlarged to the size of its input; ``offset``
    is added to the places of peaks. The order is that in which they were found.
    """
    found = [peaks.find_peaks(maps[joint], THRESHOLD, offset) for joint in range(topology.joints)]
    fields = maps[topology.joints + 1 :]
    result = []
    for person in _assemble(_rank_connections(found, fields, topology), found, topology):
        if _is_person(person, topology):
            points = np.zeros((topology.joints, 3), np.float32)
            for joint, index in person.joints.items():
                points[joint] = found[joint][index]
            result.append(points)
    return result


def _is_person(person: _Person, topology: JointTopology) -> bool:
    joints = len(person.joints.keys() - topology.feet)
    enough = MIN_JOINTS_BESIDE_FEET if joints < len(person.joints) else MIN_JOINTS
    return joints >= enough and person.score / joints >= MIN_SCORE_PER_JOINT


def agreement(starts: F32, ends: F32, along_x: F32, along_y: F32) -> NDArray[np.float64]:
    """How well a limb's field follows the lines from N starts to M ends (x, y, ...): N x M.

    The mean of the field along the line over the points where it agrees, 0 where too few do.
    """
    height, width = along_x.shape
    vectors = (ends[None, :, :2] - starts[:, None, :2]).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=2)
    longest = np.abs(vectors).max(axis=2)
    wanted = (np.sqrt(_POINTS_PER_LENGTH * longest) + 0.5).astype(int)
    counts = np.clip(wanted, _FEWEST_POINTS, _MOST_POINTS)
    steps = np.arange(_MOST_POINTS)
    used = steps < counts[..., None]
    places = starts[:, None, None, :2] + (vectors / counts[..., None])[:, :, None] * steps[:, None]
    columns = np.clip((places[..., 0] + 0.5).astype(int), 0, width - 1)
    rows = np.clip((places[..., 1] + 0.5).astype(int), 0, height - 1)
    unit = vectors / np.maximum(lengths, _MIN_PAIR_SCORE)[..., None]
    follows = unit[..., :1] * along_x[rows, columns] + unit[..., 1:] * along_y[rows, columns]
    agrees = used & (follows > THRESHOLD)
    agreeing = agrees.sum(axis=2)
    means = np.where(agrees, follows, 0).sum(axis=2) / np.maximum(agreeing, 1)
    near = lengths < np.sqrt(height * width) * _NEAR_SHARE
    otherwise = np.where(near, THRESHOLD + _MIN_PAIR_SCORE, 0.0)
    scores = np.where(agreeing > MIN_AGREEING_SHARE * counts, means, otherwise)
    return np.where(lengths > _MIN_PAIR_SCORE, scores, 0.0)


def _rank_connections(
    found: Sequence[F32], fields: F32, topology: JointTopology
) -> list[tuple[float, float, int, int, int]]:
    """List the pairs that a limb may join, best first: order, score, limb and the two peaks."""
    pairs = []
    for limb, ((first, second), x) in enumerate(zip(topology.limbs, topology.fields, strict=True)):
        starts, ends = found[first], found[second]
        scores = agreement(starts, ends, fields[x], fields[x + 1])
        order = scores + _WEIGHT_OF_PEAKS * (starts[:, None, 2] + ends[None, :, 2])
        pairs += [
            (float(order[a, b]), float(scores[a, b]), limb, int(a), int(b))
            for a, b in np.argwhere(scores > _MIN_PAIR_SCORE)
        ]
    return sorted(pairs, reverse=True)


def _assemble(
    pairs: Sequence[tuple[float, float, int, int, int]],
    found: Sequence[F32],
    topology: JointTopology,
) -> list[_Person]:
    everybody: list[_Person] = []
    whose: dict[tuple[int, int], _Person] = {}
    for _, score, limb, *indices in pairs:
        ends = list(zip(topology.limbs[limb], indices, strict=True))
        known = [whose[end] for end in ends if end in whose]
        if len(known) == 2 and known[0] is not known[1]:
            if known[0].joints.keys() & known[1].joints.keys():
                continue
            kept, gone = sorted(known, key=everybody.index)
            kept.joints |= gone.joints
            kept.score += gone.score + score
            whose |= dict.fromkeys(gone.joints.items(), kept)
            everybody.remove(gone)
            continue
        new = [end for end in ends if end not in whose]
        if not known:
            everybody.append(_Person())
            known = everybody[-1:]
        person = known[0]
        if any(joint in person.joints for joint, _ in new):
            continue
        for joint, index in new:
            person.joints[joint] = index
            person.score += float(found[joint][index, 2])
            whose[joint, index] = person
        person.score += score
    return everybody
