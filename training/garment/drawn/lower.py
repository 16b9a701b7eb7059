"""Outlines and landmarks of trousers, shorts and skirts."""

import numpy as np

from training.garment.drawn.shape import (
    SHARE,
    Points,
    Shape,
    Sleeve,
    at,
    bezier,
    hemline,
)
from training.garment.drawn.spec import Spec


def lower_shape(spec: Spec, rng: np.random.Generator) -> Shape:
    """Construct a lower garment; the origin is the middle of the waistband."""
    waist = at(-spec.half_neck, 0.0)
    front = np.stack(
        [
            SHARE * spec.half_neck,
            2 * spec.half_neck * spec.drop * (1 - np.abs(SHARE) ** spec.roundness),
        ],
        axis=1,
    )
    back = front.copy()
    if spec.inside:
        back[:, 1] = -spec.lift * (1 - np.abs(SHARE) ** 4)
    inside = np.concatenate([back, front[::-1]])
    if spec.style == "skirt":
        return _skirt(spec, waist, front, back, inside)
    hip = at(-spec.half_chest, 0.72 * spec.armpit)
    landmarks = {
        "left_waist": (-spec.half_neck, 0.0),
        "right_waist": (spec.half_neck, 0.0),
        "crotch": (0.0, spec.armpit),
    }
    legs = []
    for name, sign in (("left", -1.0), ("right", 1.0)):
        angle = spec.angle + float(rng.normal(0, spec.uneven))
        if spec.pose == "touching":
            angle = float(rng.uniform(0.0, 0.03))
        flip = np.array([-sign, 1.0])
        leg = _leg(spec, hip, angle, front)
        legs.append(Sleeve(leg.outline * flip, leg.along * flip, leg.seam * flip, leg.cuff * flip))
        outer, inner = leg.cuff[0] * flip, leg.cuff[-1] * flip
        landmarks[f"{name}_hem"] = (float(outer[0]), float(outer[1]))
        landmarks[f"{name}_leg_inner"] = (float(inner[0]), float(inner[1]))
    side = _flank(spec, hip)
    crotch = np.array([at(0.0, spec.armpit)])
    torso = np.concatenate([front[::-1], side, crotch, (side * (-1, 1))[::-1]])
    hem = np.linspace(landmarks["left_hem"], landmarks["right_hem"], 41)
    return Shape(
        torso=torso,
        inside=inside,
        front=front,
        back=back,
        hem=hem,
        gap=np.zeros((0, 2)),
        sleeves=tuple(legs),
        collars=(),
        landmarks=landmarks,
    )


def _flank(spec: Spec, hip: Points) -> Points:
    waist = at(-spec.half_neck, 0.0)
    return bezier(waist, waist + at(-0.5, 4), hip - at(0, 6), hip)


def _leg(spec: Spec, hip: Points, angle: float, front: Points) -> Sleeve:
    """Return the left half with its leg, from the waistband to the leg's hem."""
    along = at(-np.sin(angle), np.cos(angle))
    crotch = at(0.0, spec.armpit)
    top = at((hip[0] + crotch[0]) / 2, spec.armpit)
    end = top + spec.reach * along
    across = at(np.cos(angle), np.sin(angle))
    outer_end, inner_end = end - 0.5 * spec.cuff * across, end + 0.5 * spec.cuff * across
    if spec.pose == "touching":
        shift = at(max(-0.3 - inner_end[0], -6.0), 0)
        inner_end, outer_end = inner_end + shift, outer_end + shift
    else:
        inner_end = at(min(inner_end[0], -0.4), float(inner_end[1]))
    bow = spec.bow * across
    reach = max(spec.reach, 4.0)
    outer = bezier(hip, hip + at(0, 0.25 * reach), outer_end - 0.4 * reach * along + bow, outer_end)
    inner = bezier(
        crotch, crotch + at(-0.2, 0.2 * reach), inner_end - 0.4 * reach * along + bow, inner_end
    )
    cuff = np.linspace(outer_end, inner_end, 7)
    side = _flank(spec, hip)
    outline = np.concatenate([front[20::-1], side, outer, cuff[1:-1], inner[::-1]])
    seam = np.linspace(at(0, 0.45 * spec.armpit), crotch, 8)
    return Sleeve(outline, along, seam, cuff)


def _skirt(spec: Spec, waist: Points, front: Points, back: Points, inside: Points) -> Shape:
    row = min(0.72 * spec.armpit, 0.6 * spec.length)
    hip = at(-spec.half_chest, row)
    corner = at(-spec.half_chest * spec.flare, spec.length)
    upper = bezier(waist, waist + at(-0.6, 0.3 * row), hip - at(0, 0.4 * row), hip)
    drop = spec.length - row
    lower = bezier(hip, hip + at(0, 0.3 * drop), corner - 0.4 * (corner - hip), corner)
    if spec.flare > 1.3:
        lower = bezier(hip, hip + 0.3 * (corner - hip), corner - 0.3 * (corner - hip), corner)
    edge = np.concatenate([upper, lower[1:]])
    mirrored = edge * (-1.0, 1.0)
    hem = hemline(spec, edge[-1], mirrored[-1])
    torso = np.concatenate([front[::-1], edge, hem[1:-1], mirrored[::-1]])
    landmarks = {
        "left_waist": (float(waist[0]), 0.0),
        "right_waist": (-float(waist[0]), 0.0),
        "left_hem": (float(corner[0]), float(corner[1])),
        "right_hem": (-float(corner[0]), float(corner[1])),
    }
    return Shape(
        torso=torso,
        inside=inside,
        front=front,
        back=back,
        hem=hem,
        gap=np.zeros((0, 2)),
        sleeves=(),
        collars=(),
        landmarks=landmarks,
    )
