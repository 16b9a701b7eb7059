"""Polygons drawn in their window, as on the whole canvas."""

import cv2
import numpy as np
import pytest

from services.viton.raster.polygon import rasterise_polygon, rasterise_polygon_in_window

pytestmark = pytest.mark.unit

SHAPE = (60, 40)


@pytest.mark.parametrize(
    "corners",
    [
        [(5.3, 8.7), (30.2, 12.1), (21.9, 50.4)],
        [(-7.5, 10.0), (20.25, -3.0), (20.25, 30.0)],
        [(30.0, 40.0), (55.0, 44.0), (38.0, 90.0)],
    ],
)
def test_the_window_holds_the_whole_polygon(corners: list[tuple[float, float]]) -> None:
    curve = np.array(corners)
    whole = np.zeros(SHAPE, np.uint8)
    cv2.fillPoly(whole, [np.round(curve * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    window, inside = rasterise_polygon_in_window(SHAPE, curve)
    assert inside.size < whole.size
    # Clipping at the canvas may round an edge otherwise.
    assert np.abs(inside * 255 - whole[window]).max() <= 1
    whole[window] = 0
    assert not whole.any()
    drawn = rasterise_polygon(SHAPE, curve)
    assert (drawn[window] == inside).all()
    assert drawn.sum() == pytest.approx(inside.sum())


def test_a_polygon_outside_the_canvas_covers_nothing() -> None:
    curve = np.array([(-40.0, 3.0), (-20.0, 9.0), (-25.0, 20.0)])
    window, inside = rasterise_polygon_in_window(SHAPE, curve)
    assert np.zeros(SHAPE)[window].size == inside.size == 0
    assert not rasterise_polygon(SHAPE, curve).any()
