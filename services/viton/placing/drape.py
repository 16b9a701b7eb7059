"""How the cloth of a torso hangs: equally large both ways in front, foreshortened at the sides."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.landmarks import SleeveLength, TopLandmarks
from services.viton.geometry import Points, distance
from services.viton.person.body import Body

Floats: TypeAlias = NDArray[np.float64]

_FLAT: Final = (2.0, 7.0)
_EDGE: Final = 0.75
_WRAP: Final = 1.4
_CALM: Final = 0.3
_HIGH: Final = 0.4
_LEAN: Final = 0.4
_LOW: Final = 0.92
_CLEAR: Final = 0.12
_LINES: Final = 10
_SHARES: Final = (0.0, 0.32, 0.64)


@dataclass(frozen=True)
class Drape:
    """Rows of cloth on the canvas.

    ``scale``: canvas pixels per garment pixel; ``level`` in the garment's photo lies at ``row`` on
    the canvas, ``hem`` at ``bottom``. Between them the cloth keeps its scale as far down as it can:
    what it is too long or too short by is taken from the part above the hem.
    """

    scale: float
    level: float
    row: float
    hem: float
    bottom: float

    def rows(self, levels: Floats) -> Floats:
        """Canvas rows of the given rows of the garment's photo."""
        free = self.row + self.scale * (levels - self.level)
        start = self.level + _CALM * (self.hem - self.level)
        share = np.clip((levels - start) / max(self.hem - start, 1.0), 0, 1)
        excess = self.bottom - self.natural
        return np.asarray(free + excess * share**2)

    @property
    def natural(self) -> float:
        """The row at which the hem would lie if nothing held it."""
        return self.row + self.scale * (self.hem - self.level)


def worn_scale(garment: TopLandmarks, body: Body) -> float:
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


def wrapped(share: Floats, ratio: Floats) -> Floats:
    """Where cloth lies between the body's middle (0) and its edge (1).

    ``share``: the same on the garment; ``ratio``: the cloth's width in widths of the body as seen.
    Its excess goes around the side: the nearer the edge, the narrower it looks.
    """
    ratio = np.clip(ratio, 1.0, _WRAP)
    power = np.clip(_EDGE * ratio / np.maximum(ratio - 1, 1e-6), *_FLAT)
    return np.asarray(ratio * share - (ratio - 1) * share**power)


def core(
    garment: TopLandmarks, drape: Drape, seams: tuple[Points, Points], middle: Floats
) -> tuple[Points, Points]:
    """Return points on the front of the torso: on the canvas, and in the garment's photo.

    ``seams``: the torso's left and right edge on the canvas, from armpit to hem; ``middle``: the x
    of the body's axis for every row. The neckline and what is above it are left to themselves.
    """
    first = max(
        float(s.shoulder_tip[1] + _HIGH * (s.armpit[1] - s.shoulder_tip[1])) for s in garment.halves
    )
    levels = np.linspace(first, drape.level + _LOW * (drape.hem - drape.level), _LINES)
    rows = drape.rows(levels)
    centre = np.interp(rows, np.arange(len(middle)), middle)
    # Across a body that leans the cloth leans too: turned, not sheared.
    lean = _LEAN * float(np.clip((middle[-1] - middle[0]) / len(middle), -0.15, 0.15))
    opening = garment.neckline.curve
    source, target = [], []
    for sign, side, seam in zip((-1, 1), garment.halves, seams, strict=True):
        cloth = np.maximum(
            sign * (np.interp(levels, *side.side_seam.T[::-1]) - garment.midline_x), 1.0
        )
        body = np.maximum(sign * (np.interp(rows, *seam.T[::-1]) - centre), 1.0)
        ratio = drape.scale * cloth / body
        for share in _SHARES if sign > 0 else _SHARES[1:]:
            across = np.full(_LINES, share)
            at = np.stack([garment.midline_x + sign * share * cloth, levels], axis=1)
            free = np.interp(at[:, 0], *opening.T) + _CLEAR * garment.half_chest_width < levels
            away = sign * body * wrapped(across, ratio)
            worn = np.stack([centre + away, rows - lean * away], axis=1)
            source.append(at[free])
            target.append(worn[free])
    return np.concatenate(target), np.concatenate(source)
