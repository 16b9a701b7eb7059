"""The front of a torso: its control points, and foreshortening at the sides."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import TopLandmarks
from services.viton.geometry import Points
from services.viton.placing.torso_rows import TorsoRowMap
from services.viton.side import PictureSide

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TorsoFrontOptions:
    """How fabric lies on the front of a torso, and where its control points are."""

    exponent_range: tuple[float, float] = (2.0, 7.0)
    """Bounds of the exponent with which fabric is foreshortened towards the flanks."""
    flank_exponent: float = 0.75
    """Exponent that ever wider fabric tends to, before the bounds."""
    max_width_ratio: float = 1.4
    """Largest width of the fabric, in visible body widths, whose excess goes around the sides."""
    min_excess: float = 1e-6
    """Least excess of the fabric that is divided by, in visible body widths."""
    lean_fraction: float = 0.4
    """Fraction of the slope of a leaning body that the fabric follows."""
    max_lean: float = 0.15
    """Largest slope of the body's midline that counts, in columns for each row."""
    front_start: float = 0.4
    """Where the control points of the front begin, as a fraction from shoulder tip to armpit."""
    front_end: float = 0.92
    """Where the control points of the front end, as a fraction from neckline to hem."""
    front_rows: int = 10
    """Rows of control points on the front."""
    front_fractions: tuple[float, ...] = (0.0, 0.32, 0.64)
    """Columns of control points on each half: 0 on the midline, 1 on the side seam."""
    neckline_clearance: float = 0.12
    """Least distance of a control point from the neckline, in half chest widths."""


TORSO_FRONT_OPTIONS: Final = TorsoFrontOptions()


@dataclass(frozen=True)
class PointPairs:
    """The same N points on the canvas and in the garment's photo."""

    canvas_points: Points
    """N x 2, (x, y) on the canvas."""
    photo_points: Points
    """N x 2, (x, y) in the garment's photo."""


def foreshorten_towards_flanks(
    fraction: Floats, ratio: Floats, options: TorsoFrontOptions = TORSO_FRONT_OPTIONS
) -> Floats:
    """Map positions across the garment to positions across the visible body.

    Both are 0 on the midline and 1 at the flank. ``ratio``: the fabric's width in visible
    body widths. The excess goes around the side, so fabric looks narrower near the flank.
    """
    width = np.clip(ratio, 1.0, options.max_width_ratio)
    excess = np.maximum(width - 1, options.min_excess)
    power = np.clip(options.flank_exponent * width / excess, *options.exponent_range)
    return np.asarray(width * fraction - (width - 1) * fraction**power)


def place_torso_front(
    top: TopLandmarks,
    torso_rows: TorsoRowMap,
    canvas_seams: tuple[Points, Points],
    midline_x: Floats,
    options: TorsoFrontOptions = TORSO_FRONT_OPTIONS,
) -> PointPairs:
    """Place control points on the front of the torso.

    ``canvas_seams``: left and right side seam on the canvas, from armpit to hem. ``midline_x``: x
    of the body's midline for every canvas row. No point lies above the neckline.
    """
    first = max(
        float(half.shoulder_tip[1] + options.front_start * (half.armpit[1] - half.shoulder_tip[1]))
        for half in top.halves
    )
    photo_rows = np.linspace(
        first,
        torso_rows.photo_neck_row
        + options.front_end * (torso_rows.photo_hem_row - torso_rows.photo_neck_row),
        options.front_rows,
    )
    canvas_rows = torso_rows.to_canvas_rows(photo_rows)
    centre = np.interp(canvas_rows, np.arange(len(midline_x)), midline_x)
    # On a leaning body the fabric turns with the body and is not sheared.
    slope = (midline_x[-1] - midline_x[0]) / len(midline_x)
    lean = options.lean_fraction * float(np.clip(slope, -options.max_lean, options.max_lean))
    neckline = top.neckline.curve
    all_photo_points, all_canvas_points = [], []
    for side, half, canvas_seam in zip(PictureSide, top.halves, canvas_seams, strict=True):
        sign = side.sign
        garment_half_width = np.maximum(
            sign * (np.interp(photo_rows, *half.side_seam.T[::-1]) - top.midline_x), 1.0
        )
        body_half_width = np.maximum(
            sign * (np.interp(canvas_rows, *canvas_seam.T[::-1]) - centre), 1.0
        )
        ratio = torso_rows.scale * garment_half_width / body_half_width
        # The midline belongs to the right half.
        first_column = 0 if side is PictureSide.RIGHT else 1
        for fraction in options.front_fractions[first_column:]:
            across = np.full(options.front_rows, fraction)
            photo_points = np.stack(
                [top.midline_x + sign * fraction * garment_half_width, photo_rows], axis=1
            )
            below_neckline = (
                np.interp(photo_points[:, 0], *neckline.T)
                + options.neckline_clearance * top.half_chest_width
                < photo_rows
            )
            away = sign * body_half_width * foreshorten_towards_flanks(across, ratio, options)
            canvas_points = np.stack([centre + away, canvas_rows - lean * away], axis=1)
            all_photo_points.append(photo_points[below_neckline])
            all_canvas_points.append(canvas_points[below_neckline])
    return PointPairs(np.concatenate(all_canvas_points), np.concatenate(all_photo_points))
