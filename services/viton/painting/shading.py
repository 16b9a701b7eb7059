"""Shading of the new garment: the body's roundness, existing shading and synthetic creases."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.geometry import Points, point, unit_vector
from services.viton.painting.existing_shading import (
    TOP_SHADING_OPTIONS,
    PlainFabricShadingOptions,
    estimate_top_shading,
)
from services.viton.person.body import Body, BodySide
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.sleeve import PlacedSleeve
from services.viton.raster.layers import Window

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class RoundTorsoOptions:
    """How the light falls off to the sides of the trunk; half widths are those of the trunk."""

    shoulder_blend: float = 0.15
    """Height around the armpits over which the trunk widens upwards, in shoulder widths."""
    shoulder_half_width: float = 0.55
    """Least half width above the armpits, in distances between the tips of the shoulders."""
    max_across: float = 1.1
    """Distance from the middle from which on it grows no darker, in half widths."""
    wide_loss: float = 0.045
    """Fraction of the light lost at the flank that grows with the third power of the distance."""
    rim_loss: float = 0.10
    """Fraction of the light lost at the flank that grows with the seventh power."""
    light_direction_gain: float = 0.025
    """Fraction of the light gained at the flank towards a light from that side."""


ROUND_TORSO_OPTIONS: Final = RoundTorsoOptions()


@dataclass(frozen=True, kw_only=True)
class ChestShadingOptions:
    """How the chest is lit above its highest row and shaded below it."""

    below_armpits: float = 0.10
    """Depth of that row below the armpits, in shoulder widths."""
    half_height: float = 0.13
    """Distance from that row to the brightest and to the darkest one, in shoulder widths."""
    half_width: float = 0.75
    """Distance from the middle at which 1/e of it is left, in half widths of the trunk."""
    depth: float = 0.022
    """Largest fraction of the light gained above and lost below."""


CHEST_SHADING_OPTIONS: Final = ChestShadingOptions()


@dataclass(frozen=True, kw_only=True)
class ArmpitFold:
    """A fold from an armpit over the chest."""

    angle_degrees: float
    """Direction: 0 level towards the other armpit, positive downwards."""
    length: float
    """Length, in shoulder widths."""
    depth: float
    """Fraction of the light that the dark side loses."""


@dataclass(frozen=True, kw_only=True)
class ArmpitCreasesOptions:
    """The folds from every armpit; lengths in shoulder widths."""

    folds: tuple[ArmpitFold, ...] = (
        ArmpitFold(angle_degrees=-20.0, length=0.24, depth=0.030),
        ArmpitFold(angle_degrees=10.0, length=0.30, depth=0.040),
        ArmpitFold(angle_degrees=42.0, length=0.24, depth=0.030),
    )
    """From the highest to the lowest."""
    start: float = 0.05
    """Distance from the armpit at which a fold begins."""
    half_width: float = 0.020
    """Half the distance from the lit side to the dark one."""


ARMPIT_CREASES_OPTIONS: Final = ArmpitCreasesOptions()


@dataclass(frozen=True, kw_only=True)
class WaistbandGathersOptions:
    """The folds above a waistband; pairs are the ends of a range from which is drawn evenly."""

    seed: int = 5
    """Seed of the random numbers, so that the folds are the same ones every time."""
    count: int = 9
    """Number of folds."""
    first_place: float = 0.08
    """Place of the first fold, from the left flank 0 to the right one 1."""
    last_place: float = 0.92
    """Place of the last fold, from the left flank 0 to the right one 1."""
    shift: tuple[float, float] = (-0.035, 0.035)
    """How far a fold lies off its even place, in widths of the waist."""
    height: tuple[float, float] = (0.10, 0.30)
    """Height of a fold, in shoulder widths."""
    fan: float = 0.25
    """Difference of the lean between the flanks, in columns per row: the folds spread upwards."""
    lean: tuple[float, float] = (-0.12, 0.12)
    """Further lean of a fold to the right, in columns per row."""
    below_hem: float = 0.04
    """Depth below the top's hem at which the folds begin, in shoulder widths."""
    half_width: tuple[float, float] = (0.012, 0.022)
    """Half the distance from the lit side to the dark one, in shoulder widths."""
    depth: tuple[float, float] = (0.025, 0.05)
    """Fraction of the light that the dark side loses."""


WAISTBAND_GATHERS_OPTIONS: Final = WaistbandGathersOptions()


@dataclass(frozen=True, kw_only=True)
class CreaseProfileOptions:
    """The light across a fold and along it."""

    reach: float = 3.0
    """Distance from the line up to which a fold is drawn, in half widths of the fold."""
    bow: float = 0.10
    """Bend towards the lit side: four times the height of the arc, in lengths of the fold."""
    fade_in: float = 0.2
    """Fraction of the length over which a fold grows from its start."""
    fade_out: float = 0.7
    """Fraction of the length over which a fold fades to its end."""
    groove: float = 0.25
    """Further loss of light on the line itself, in depths of the fold."""


CREASE_PROFILE_OPTIONS: Final = CreaseProfileOptions()


@dataclass(frozen=True, kw_only=True)
class ElbowFold:
    """A fold across a sleeve at the elbow, in lengths of the arm."""

    place: float
    """Distance of its inner end from the shoulder."""
    lean: float
    """How much farther from the shoulder its outer end lies."""


@dataclass(frozen=True, kw_only=True)
class ElbowCreasesOptions:
    """The folds of a sleeve at the elbow: the deeper the more it is bent, and at its inner edge."""

    folds: tuple[ElbowFold, ...] = (
        ElbowFold(place=0.43, lean=0.05),
        ElbowFold(place=0.50, lean=0.01),
        ElbowFold(place=0.565, lean=-0.04),
    )
    """From the shoulder to the wrist."""
    min_cuff_fraction: float = 0.55
    """Position of the cuff, from shoulder 0 to wrist 1, beyond which a sleeve has these folds."""
    straight_depth: float = 0.02
    """Fraction of the light that a fold takes on a straight arm."""
    bent_depth: float = 0.06
    """Fraction of the light that it takes in addition on a bent one."""
    min_bend_degrees: float = 8.0
    """Bend of the elbow from which on the folds deepen."""
    bend_range_degrees: float = 50.0
    """Further bend at which they are the deepest."""
    outer_start: float = 0.15
    """Added to the position from outer edge 0 to inner edge 1: folds reach the outer edge too."""
    inner_power: float = 1.5
    """Power of that position with which the folds deepen."""
    half_width: float = 0.017
    """Half the distance from the lit side to the dark one, in lengths of the arm."""


ELBOW_CREASES_OPTIONS: Final = ElbowCreasesOptions()


@dataclass(frozen=True, kw_only=True)
class RoundSleeveOptions:
    """How the light falls off to both edges of a sleeve."""

    shoulder_fraction: float = 0.4
    """Fraction of the sleeve over which the torso's light goes over into the sleeve's."""
    max_across: float = 1.3
    """Distance from the middle from which on it grows no darker, in half widths."""
    light_direction_shift: float = 0.12
    """How far a light from the side moves the brightest line towards it, in half widths."""
    edge_loss: float = 0.20
    """Fraction of the light lost at an edge."""
    edge_power: float = 2.5
    """Power of the distance from the brightest line with which the loss grows."""
    elbow: ElbowCreasesOptions = ELBOW_CREASES_OPTIONS
    """The folds at the elbow."""


ROUND_SLEEVE_OPTIONS: Final = RoundSleeveOptions()


@dataclass(frozen=True, kw_only=True)
class TorsoShadingOptions:
    """The light on the torso of a garment."""

    roundness: RoundTorsoOptions = ROUND_TORSO_OPTIONS
    """How the light falls off to the sides."""
    chest: ChestShadingOptions = CHEST_SHADING_OPTIONS
    """Light above the chest's highest row and shade below it."""
    armpit_creases: ArmpitCreasesOptions = ARMPIT_CREASES_OPTIONS
    """Folds from the armpits."""
    waistband_gathers: WaistbandGathersOptions = WAISTBAND_GATHERS_OPTIONS
    """Folds above a waistband."""
    crease_profile: CreaseProfileOptions = CREASE_PROFILE_OPTIONS
    """The light across a fold and along it."""
    existing: PlainFabricShadingOptions = TOP_SHADING_OPTIONS
    """How the shading of the existing top is estimated."""


TORSO_SHADING_OPTIONS: Final = TorsoShadingOptions()


def shade_torso(
    image: Floats,
    segmentation: PersonSegmentation,
    body: Body,
    light_direction_x: float,
    options: TorsoShadingOptions = TORSO_SHADING_OPTIONS,
) -> Floats:
    """Return the light on the torso: roundness, creases, and the existing shading of a plain top.

    ``light_direction_x``: where the light comes from, -1 left to 1 right.
    """
    round_torso = options.roundness
    height, width = segmentation.upper_garment.shape
    left, right = body.left.flank_x[:height], body.right.flank_x[:height]
    half = np.maximum((right - left) / 2, 1.0)
    # Above the armpits the trunk goes over into the shoulders.
    armpit = (body.left.canvas_armpit[1] + body.right.canvas_armpit[1]) / 2
    blend = round_torso.shoulder_blend * body.shoulder_width
    above = np.clip((armpit - np.arange(height)) / blend + 0.5, 0, 1)
    shoulders = float(np.hypot(*(body.right.canvas_shoulder_tip - body.left.canvas_shoulder_tip)))
    wide = max(round_torso.shoulder_half_width * shoulders, 1.0)
    half = (half + above * (np.maximum(half, wide) - half)).astype(np.float32)
    centre = ((left + right) / 2).astype(np.float32)
    across = (np.arange(width, dtype=np.float32)[None, :] - centre[:, None]) / half[:, None]
    away = np.clip(np.abs(across), 0, round_torso.max_across)
    cubed = away * away * away
    light = 1 - round_torso.wide_loss * cubed - round_torso.rim_loss * cubed * cubed * away
    light = light + round_torso.light_direction_gain * light_direction_x * np.clip(across, -1, 1)
    light = (
        light
        * _bust_shading(body, across, options.chest)
        * synthesise_creases((height, width), body, options)
    )
    return np.asarray(
        light * estimate_top_shading(image, segmentation, options.existing), np.float32
    )


def _bust_shading(body: Body, across: Floats, options: ChestShadingOptions) -> Floats:
    """Return the light on the chest: it slopes towards the light above, and away from it below.

    ``across``: H x W, from the left flank -1 to the right one 1.
    """
    rows = np.arange(across.shape[0], dtype=np.float32)[:, None]
    armpit = (body.left.canvas_armpit[1] + body.right.canvas_armpit[1]) / 2
    level = armpit + options.below_armpits * body.shoulder_width
    down = (rows - np.float32(level)) / np.float32(options.half_height * body.shoulder_width)
    slope = -down * np.exp(0.5 - 0.5 * down * down)
    squared = (across / np.float32(options.half_width)) ** 2
    return np.asarray(1 + options.depth * slope * np.exp(-squared * squared), np.float32)


def synthesise_creases(
    shape: tuple[int, int], body: Body, options: TorsoShadingOptions = TORSO_SHADING_OPTIONS
) -> Floats:
    """Return faint folds: from the armpits over the chest, and above a waist that is tucked in."""
    light = np.ones(shape, np.float32)
    creases = _armpit_creases(body, options.armpit_creases)
    if body.existing_top_tucked:
        creases += _waistband_gathers(shape[0], body, options.waistband_gathers)
    for crease in creases:
        window, factor = _shade_crease(crease, shape, options.crease_profile)
        light[window] *= factor
    return light


@dataclass(frozen=True, kw_only=True)
class _Crease:
    """A fold along a line on the canvas."""

    start: Points
    """(x, y) on the canvas."""
    end: Points
    """(x, y) on the canvas."""
    width: float
    """Half the distance from the lit side to the dark one, in pixels."""
    depth: float
    """Fraction of the light that the dark side loses."""


def _armpit_creases(body: Body, options: ArmpitCreasesOptions) -> list[_Crease]:
    """Return the folds from both armpits over the chest."""
    creases = []
    scale = body.shoulder_width
    for side in body.sides:
        for fold in options.folds:
            turn = np.radians(fold.angle_degrees)
            ahead = point(-side.sign * float(np.cos(turn)), float(np.sin(turn)))
            start = side.canvas_armpit + options.start * scale * ahead
            end = start + fold.length * scale * ahead
            width = options.half_width * scale
            creases.append(_Crease(start=start, end=end, width=width, depth=fold.depth))
    return creases


def _waistband_gathers(height: int, body: Body, options: WaistbandGathersOptions) -> list[_Crease]:
    """Return short folds that rise from the waistband: the same ones every time.

    ``height``: that of the canvas, in pixels.
    """
    rng = np.random.default_rng(options.seed)
    row = int(np.clip(body.existing_hem_row, 0, height - 1))
    left, right = float(body.left.flank_x[row]), float(body.right.flank_x[row])
    creases = []
    for fraction in np.linspace(options.first_place, options.last_place, options.count):
        place = fraction + float(rng.uniform(*options.shift))
        x = left + place * (right - left)
        tall = float(rng.uniform(*options.height)) * body.shoulder_width
        lean = (place - 0.5) * options.fan + float(rng.uniform(*options.lean))
        start = point(x, body.existing_hem_row + options.below_hem * body.shoulder_width)
        end = start + point(lean * tall, -tall)
        width = float(rng.uniform(*options.half_width)) * body.shoulder_width
        depth = float(rng.uniform(*options.depth))
        creases.append(_Crease(start=start, end=end, width=width, depth=depth))
    return creases


def _shade_crease(
    crease: _Crease, shape: tuple[int, int], options: CreaseProfileOptions
) -> tuple[Window, Floats]:
    """Return the crease's window and the light in it: darker on one side, brighter on the other.

    It fades to both ends.
    """
    start, end, wide = crease.start, crease.end, crease.width
    reach = options.reach * wide
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
    bow = np.float32(options.bow * run) * (along - along * along)
    side = (xs * np.float32(up[0]) + ys * np.float32(up[1]) - bow) / np.float32(wide)
    fade = np.clip(along / options.fade_in, 0, 1) * np.clip((1 - along) / options.fade_out, 0, 1)
    slope = side * np.exp(0.5 - 0.5 * side * side)
    groove = options.groove * np.exp(-side * side)
    factor = 1 + np.float32(crease.depth) * fade * (slope - groove)
    return (rows, columns), np.asarray(factor, np.float32)


def shade_sleeve(
    sleeve: PlacedSleeve,
    side: BodySide,
    torso: Floats,
    light_direction_x: float,
    options: RoundSleeveOptions = ROUND_SLEEVE_OPTIONS,
) -> Floats:
    """Return the light on a sleeve, H x W: its roundness, its folds, the torso's light on top.

    ``torso``: the light on the torso, H x W. ``light_direction_x``: where the light comes from, -1
    left to 1 right. Without a sleeve all is 1.
    """
    surface, fit = sleeve.surface, sleeve.fit
    light = np.ones(surface.along.shape, np.float32)
    if fit.cuff_fraction == 0.0:
        return light
    part = surface.windowed
    ramp = np.clip(part.along / (options.shoulder_fraction * fit.cuff_fraction), 0, 1)
    limit = options.max_across
    across = np.clip((part.across - 0.5) * 2, -limit, limit) * -side.sign
    lit = np.clip(across - options.light_direction_shift * light_direction_x, -limit, limit)
    rounded = 1 - options.edge_loss * ramp * np.abs(lit) ** options.edge_power
    folds = np.ones(part.along.shape, np.float32)
    if fit.cuff_fraction > options.elbow.min_cuff_fraction:
        folds = _shade_elbow(part.along, part.across, _elbow_bend_degrees(side), options.elbow)
    light[part.window] = rounded * folds * (torso[part.window] * (1 - ramp) + ramp)
    return light


def _shade_elbow(
    along: Floats, across: Floats, bend_degrees: float, options: ElbowCreasesOptions
) -> Floats:
    """Return the light on a sleeve's folds at the elbow, of the shape of ``along``.

    ``along``: from shoulder 0 to wrist 1. ``across``: from outer edge 0 to inner edge 1.
    """
    bent = (bend_degrees - options.min_bend_degrees) / options.bend_range_degrees
    depth = options.straight_depth + options.bent_depth * float(np.clip(bent, 0, 1))
    inner = np.clip(across + options.outer_start, 0, 1) ** options.inner_power
    light = np.ones(along.shape, np.float32)
    for fold in options.folds:
        run = (along - fold.place - fold.lean * (1 - across)) / options.half_width
        light -= np.float32(depth) * inner * run * np.exp(0.5 - 0.5 * run * run)
    return light


def _elbow_bend_degrees(side: BodySide) -> float:
    """Return how far an elbow is bent, in degrees: 0 for a straight arm."""
    arm = side.arm
    upper, lower = unit_vector(arm.elbow - arm.shoulder), unit_vector(arm.wrist - arm.elbow)
    return float(np.degrees(np.arccos(np.clip(float(upper @ lower), -1.0, 1.0))))
