"""Ruled surfaces drawn on the canvas."""

import numpy as np
import pytest

from services.viton.placing.sleeve import POSITIONS_ACROSS
from services.viton.raster.ruled_warp import rasterise_ruled_surface

pytestmark = pytest.mark.unit


def test_where_a_strip_lies_over_itself_its_beginning_is_seen() -> None:
    rows = np.concatenate([np.linspace(100, 300, 51), np.linspace(296, 200, 50)])
    xs = 150 + 60 * (POSITIONS_ACROSS - 0.5)
    canvas_points = np.stack(np.broadcast_arrays(xs[None, :], rows[:, None]), axis=-1)
    along = np.linspace(0, 1, 101)
    photo_points = np.stack(np.broadcast_arrays(POSITIONS_ACROSS[None, :], along[:, None]), axis=-1)
    laid = rasterise_ruled_surface(canvas_points, photo_points, POSITIONS_ACROSS, (400, 300))
    assert laid.along[250, 150] == pytest.approx(0.375, abs=0.02)
    assert laid.along[150, 150] == pytest.approx(0.125, abs=0.02)
