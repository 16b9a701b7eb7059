"""Shading of the new garment: the body's roundness, existing shading and synthetic creases."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points, point, unit_vector
from services.viton.painting.existing_shading import estimate_top_shading
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.sleeve import PlacedSleeve
from services.viton.raster.layers import Window

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


def shade_torso(image: Floats, parts: PersonSegmentation, body: Body, slant: float) -> Floats:
    """Return the light on the torso: roundness, creases, and the existing shading of a plain top.

    ``slant``: where the light comes from, -1 left to 1 right.
    """
    height, width = parts.upper_garment.shape
    left, right = body.left.flank_x[:height], body.right.flank_x[:height]
    half = np.maximum((right - left) / 2, 1.0)
    # Above the armpits the trunk goes over into the shoulders.
    armpit = (body.left.armpit[1] + body.right.armpit[1]) / 2
    above = np.clip((armpit - np.arange(height)) / (0.15 * body.shoulder_width) + 0.5, 0, 1)
    wide = max(0.55 * float(np.hypot(*(body.right.shoulder_tip - body.left.shoulder_tip))), 1.0)
    half = (half + above * (np.maximum(half, wide) - half)).astype(np.float32)
    centre = ((left + right) / 2).astype(np.float32)
    across = (np.arange(width, dtype=np.float32)[None, :] - centre[:, None]) / half[:, None]
    away = np.clip(np.abs(across), 0, 1.1)
    cubed = away * away * away
    light = 1 - 0.045 * cubed - 0.10 * cubed * cubed * away + 0.025 * slant * np.clip(across, -1, 1)
    light = light * _bust_shading(body, across) * synthesise_creases((height, width), body)
    return np.asarray(light * estimate_top_shading(image, parts), np.float32)


def _bust_shading(body: Body, across: Floats) -> Floats:
    """Return the chest's slope towards the light above, and away from it below."""
    rows = np.arange(across.shape[0], dtype=np.float32)[:, None]
    level = (body.left.armpit[1] + body.right.armpit[1]) / 2 + 0.10 * body.shoulder_width
    down = (rows - np.float32(level)) / np.float32(0.13 * body.shoulder_width)
    slope = -down * np.exp(0.5 - 0.5 * down * down)
    squared = (across / np.float32(0.75)) ** 2
    return np.asarray(1 + 0.022 * slope * np.exp(-squared * squared), np.float32)


def synthesise_creases(shape: tuple[int, int], body: Body) -> Floats:
    """Return faint folds: from the armpits over the chest, and above a waist that is tucked in."""
    light = np.ones(shape, np.float32)
    gathers = _waistband_gathers(shape[0], body) if body.existing_top_tucked else []
    for crease in (*_armpit_creases(body), *gathers):
        window, factor = _shade_crease(crease, shape)
        light[window] *= factor
    return light


@dataclass(frozen=True, kw_only=True)
class _Crease:
    """A fold along a line on the canvas."""

    start: Points
    end: Points
    width: float
    """Half the distance from the lit side to the dark one, in pixels."""
    depth: float
    """Share of the light that the dark side loses."""


def _armpit_creases(body: Body) -> list[_Crease]:
    creases = []
    scale = body.shoulder_width
    for side in body.sides:
        for angle, reach, depth in ((-20.0, 0.24, 0.030), (10.0, 0.30, 0.040), (42.0, 0.24, 0.030)):
            turn = np.radians(angle)
            ahead = point(-side.sign * float(np.cos(turn)), float(np.sin(turn)))
            start = side.armpit + 0.05 * scale * ahead
            end = start + reach * scale * ahead
            creases.append(_Crease(start=start, end=end, width=0.020 * scale, depth=depth))
    return creases


def _waistband_gathers(height: int, body: Body) -> list[_Crease]:
    """Return short folds that rise from the waistband: the same ones every time."""
    rng = np.random.default_rng(5)
    row = int(np.clip(body.existing_hem_row, 0, height - 1))
    left, right = float(body.left.flank_x[row]), float(body.right.flank_x[row])
    creases = []
    for share in np.linspace(0.08, 0.92, 9):
        place = share + float(rng.uniform(-0.035, 0.035))
        x = left + place * (right - left)
        tall = float(rng.uniform(0.10, 0.30)) * body.shoulder_width
        lean = (place - 0.5) * 0.25 + float(rng.uniform(-0.12, 0.12))
        start = point(x, body.existing_hem_row + 0.04 * body.shoulder_width)
        end = start + point(lean * tall, -tall)
        width = float(rng.uniform(0.012, 0.022)) * body.shoulder_width
        depth = float(rng.uniform(0.025, 0.05))
        creases.append(_Crease(start=start, end=end, width=width, depth=depth))
    return creases


def _shade_crease(crease: _Crease, shape: tuple[int, int]) -> tuple[Window, Floats]:
    """Return the crease's window and the light in it: darker on one side, brighter on the other.

    It fades to both ends.
    """
    start, end, wide = crease.start, crease.end, crease.width
    reach = 3.0 * wide
    low, high = np.minimum(start, end) - reach, np.maximum(start, end) + reach
    rows = slice(max(int(low[1]), 0), max(min(int(high[1]) + 1, shape[0]), 0))
    columns = slice(max(int(low[0]), 0), max(min(int(high[0]) + 1, shape[1]), 0))
    run = max(float(np.hypot(*(end - start))), 1.0)
    ahead = unit_vector(end - start)
    # The side that is nearer to the top of the picture catches the light.
    up = point(ahead[1], -ahead[0]) if ahead[0] >= 0 else point(-ahead[1], ahead[0])
    ys = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] - np.float32(start[1])
    xs = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] - np.float32(start[0])
    along = (xs * np.float32(ahead[0]) + ys * np.float32(ahead[1])) / np.float32(run)
    bow = np.float32(0.10 * run) * (along - along * along)
    side = (xs * np.float32(up[0]) + ys * np.float32(up[1]) - bow) / np.float32(wide)
    fade = np.clip(along / 0.2, 0, 1) * np.clip((1 - along) / 0.7, 0, 1)
    slope = side * np.exp(0.5 - 0.5 * side * side)
    factor = 1 + np.float32(crease.depth) * fade * (slope - 0.25 * np.exp(-side * side))
    return (rows, columns), np.asarray(factor, np.float32)


def shade_sleeve(sleeve: PlacedSleeve, side: BodySide, torso: Floats, slant: float) -> Floats:
    """Return a sleeve's roundness and its folds at the elbow; the torso's light at the shoulder."""
    strip, fit = sleeve.surface, sleeve.fit
    light = np.ones(strip.along.shape, np.float32)
    if fit.cuff_fraction == 0.0:
        return light
    part = strip.windowed
    ramp = np.clip(part.along / (0.4 * fit.cuff_fraction), 0, 1)
    across = np.clip((part.across - 0.5) * 2, -1.3, 1.3) * -side.sign
    lit = np.clip(across - 0.12 * slant, -1.3, 1.3)
    rounded = 1 - 0.20 * ramp * np.abs(lit) ** 2.5
    folds = np.ones(part.along.shape, np.float32)
    if fit.cuff_fraction > 0.55:
        depth = 0.02 + 0.06 * float(np.clip((_elbow_bend_degrees(side) - 8.0) / 50.0, 0, 1))
        inner = np.clip(part.across + 0.15, 0, 1) ** 1.5
        for place, lean in ((0.43, 0.05), (0.50, 0.01), (0.565, -0.04)):
            run = (part.along - place - lean * (1 - part.across)) / 0.017
            folds -= np.float32(depth) * inner * run * np.exp(0.5 - 0.5 * run * run)
    light[part.window] = rounded * folds * (torso[part.window] * (1 - ramp) + ramp)
    return light


def _elbow_bend_degrees(side: BodySide) -> float:
    """Return how far an elbow is bent, in degrees: 0 for a straight arm."""
    arm = side.arm
    upper, lower = unit_vector(arm.elbow - arm.shoulder), unit_vector(arm.wrist - arm.elbow)
    return float(np.degrees(np.arccos(np.clip(float(upper @ lower), -1.0, 1.0))))
