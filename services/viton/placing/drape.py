"""How the cloth of a torso hangs: equally large both ways in front, foreshortened at the sides."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import SleeveLength, TopLandmarks
from services.viton.geometry import Points, distance
from services.viton.person.body import Body

Floats: TypeAlias = NDArray[np.float64]

_EXPONENT_RANGE: Final = (2.0, 7.0)
_FLANK_EXPONENT: Final = 0.75
_MAX_WIDTH_RATIO: Final = 1.4
_UNSTRETCHED_FRACTION: Final = 0.3
_FRONT_START: Final = 0.4
_LEAN_FRACTION: Final = 0.4
_FRONT_END: Final = 0.92
_NECKLINE_CLEARANCE: Final = 0.12
_FRONT_ROWS: Final = 10
_FRONT_FRACTIONS: Final = (0.0, 0.32, 0.64)


@dataclass(frozen=True)
class Drape:
    """Rows of cloth on the canvas.

    ``scale``: canvas pixels per garment pixel; ``level`` in the garment's photo lies at ``row`` on
    the canvas, ``hem`` at ``bottom``. Between them the cloth keeps its scale as far down as it can:
    what it is too long or too short by is taken from the part above the hem.
    """

    scale: float
    photo_neck_row: float
    canvas_neck_row: float
    photo_hem_row: float
    canvas_hem_row: float

    def to_canvas_rows(self, levels: Floats) -> Floats:
        """Canvas rows of the given rows of the garment's photo."""
        free = self.canvas_neck_row + self.scale * (levels - self.photo_neck_row)
        start = self.photo_neck_row + _UNSTRETCHED_FRACTION * (
            self.photo_hem_row - self.photo_neck_row
        )
        share = np.clip((levels - start) / max(self.photo_hem_row - start, 1.0), 0, 1)
        excess = self.canvas_hem_row - self.free_canvas_hem_row
        return np.asarray(free + excess * share**2)

    @property
    def free_canvas_hem_row(self) -> float:
        """The row at which the hem would lie if nothing held it."""
        return self.canvas_neck_row + self.scale * (self.photo_hem_row - self.photo_neck_row)


def canvas_scale(garment: TopLandmarks, body: Body) -> float:
    """Return canvas pixels per garment pixel, by the chest and, with sleeves, the shoulders."""
    rows = [
        int(np.clip(s.armpit[1] + 0.05 * body.shoulder_width, 0, len(s.flank_x) - 1))
        for s in body.sides
    ]
    chest = sum(
        abs(float(s.flank_x[r] - body.midline_x[r])) for s, r in zip(body.sides, rows, strict=True)
    )
    by_chest = chest / (2 * garment.half_chest_width)
    if garment.sleeve_length is SleeveLength.NONE:
        return by_chest
    shoulders = distance(body.left.shoulder_tip, body.right.shoulder_tip)
    by_shoulders = shoulders / max(
        distance(garment.left.shoulder_tip, garment.right.shoulder_tip), 1.0
    )
    return 0.5 * by_chest + 0.5 * by_shoulders


def foreshorten(share: Floats, ratio: Floats) -> Floats:
    """Where cloth lies between the body's middle (0) and its edge (1).

    ``share``: the same on the garment; ``ratio``: the cloth's width in widths of the body as seen.
    Its excess goes around the side: the nearer the edge, the narrower it looks.
    """
    ratio = np.clip(ratio, 1.0, _MAX_WIDTH_RATIO)
    power = np.clip(_FLANK_EXPONENT * ratio / np.maximum(ratio - 1, 1e-6), *_EXPONENT_RANGE)
    return np.asarray(ratio * share - (ratio - 1) * share**power)


def place_torso_front(
    garment: TopLandmarks, drape: Drape, seams: tuple[Points, Points], middle: Floats
) -> tuple[Points, Points]:
    """Return points on the front of the torso: on the canvas, and in the garment's photo.

    ``seams``: the torso's left and right edge on the canvas, from armpit to hem; ``middle``: the x
    of the body's axis for every row. The neckline and what is above it are left to themselves.
    """
    first = max(
        float(s.shoulder_tip[1] + _FRONT_START * (s.armpit[1] - s.shoulder_tip[1]))
        for s in garment.halves
    )
    levels = np.linspace(
        first,
        drape.photo_neck_row + _FRONT_END * (drape.photo_hem_row - drape.photo_neck_row),
        _FRONT_ROWS,
    )
    rows = drape.to_canvas_rows(levels)
    centre = np.interp(rows, np.arange(len(middle)), middle)
    # Across a body that leans the cloth leans too: turned, not sheared.
    lean = _LEAN_FRACTION * float(np.clip((middle[-1] - middle[0]) / len(middle), -0.15, 0.15))
    opening = garment.neckline.curve
    source, target = [], []
    for sign, side, seam in zip((-1, 1), garment.halves, seams, strict=True):
        cloth = np.maximum(
            sign * (np.interp(levels, *side.side_seam.T[::-1]) - garment.midline_x), 1.0
        )
        body = np.maximum(sign * (np.interp(rows, *seam.T[::-1]) - centre), 1.0)
        ratio = drape.scale * cloth / body
        for share in _FRONT_FRACTIONS if sign > 0 else _FRONT_FRACTIONS[1:]:
            across = np.full(_FRONT_ROWS, share)
            at = np.stack([garment.midline_x + sign * share * cloth, levels], axis=1)
            free = (
                np.interp(at[:, 0], *opening.T) + _NECKLINE_CLEARANCE * garment.half_chest_width
                < levels
            )
            away = sign * body * foreshorten(across, ratio)
            worn = np.stack([centre + away, rows - lean * away], axis=1)
            source.append(at[free])
            target.append(worn[free])
    return np.concatenate(target), np.concatenate(source)
