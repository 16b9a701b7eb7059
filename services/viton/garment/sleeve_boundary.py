"""The line between a sleeve and the torso below the armpit."""

import numpy as np

from services.viton.garment.priors import SidePrior
from services.viton.garment.silhouette import Ints, SilhouetteProfiles
from services.viton.geometry import Points


def trace_sleeve_torso_boundary(
    profiles: SilhouetteProfiles, prior: SidePrior, armpit: Points
) -> Ints:
    """Return the column (H) that separates sleeve and torso in each row below the armpit.

    It is the gap of background between them. Where they touch, it is the predicted inner edge of
    the sleeve.
    """
    seam = profiles.inner_columns.copy()
    names = ("elbow_inner", "cuff_inner")
    path = [armpit, *(prior.points[name] for name in names if name in prior.points)]
    down = [path[0]]
    for place in path[1:]:
        if place[1] > down[-1][1] + 1:
            down.append(place)
    last = min(int(down[-1][1]), profiles.hem_row)
    rows = np.arange(int(armpit[1]), last + 1)
    if len(rows) < 2:
        return seam
    edge = np.interp(rows, [p[1] for p in down], [p[0] for p in down]).astype(np.int64)
    touching = profiles.inner_columns[rows] < edge
    seam[rows] = np.where(touching, edge, profiles.inner_columns[rows])
    return seam
