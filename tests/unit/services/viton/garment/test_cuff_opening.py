"""The inside that a sleeve's opening shows in the garment's photo is not worn."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.viton.garment.cuff_opening import trim_cuff_inside
from services.viton.garment.landmarks import SLEEVE_SAMPLES, Sleeve

pytestmark = pytest.mark.unit

CUFF = 60
END = 350


def photo() -> NDArray[np.uint8]:
    """A light sleeve with a grey stripe every 40 rows, hanging from row 50 to END."""
    plane = np.full((420, 260), 240, np.uint8)
    plane[50:END, 100 : 100 + CUFF] = 180
    for row in range(60, END, 40):
        plane[row : row + 12, 100 : 100 + CUFF] = 90
    return plane


def hanging(plane: NDArray[np.uint8]) -> Sleeve:
    rows = np.linspace(50, END, SLEEVE_SAMPLES)
    outer, inner = (
        np.stack([np.full_like(rows, column), rows], axis=1) for column in (100, 100 + CUFF)
    )
    return Sleeve(outer, inner, plane < 235)


def with_opening(tilt: float) -> NDArray[np.uint8]:
    """Show the sleeve's inside, 24 rows tall about row 330, turned by ``tilt`` degrees."""
    plane = photo()
    cv2.ellipse(plane, (130, 330), (24, 12), tilt, 0, 360, 20, -1)
    return plane


def test_a_sleeve_ends_at_the_front_rim_of_its_opening() -> None:
    plane = with_opening(0)
    worn = trim_cuff_inside(plane, hanging(plane))
    for edge in (worn.outer_edge, worn.inner_edge):
        assert edge[0, 1] == 50
        assert edge[-1, 1] == pytest.approx(318, abs=4)
        assert len(edge) == SLEEVE_SAMPLES


@pytest.mark.parametrize("tilt", [-25, 25])
def test_the_end_follows_a_slanted_opening(tilt: float) -> None:
    plane = with_opening(tilt)
    worn = trim_cuff_inside(plane, hanging(plane))
    slant = worn.inner_edge[-1, 1] - worn.outer_edge[-1, 1]
    assert np.sign(slant) == np.sign(tilt)
    assert 10 < abs(slant) < 40
    shown = np.zeros_like(plane)
    corners = [worn.outer_edge[0], worn.inner_edge[0], worn.inner_edge[-1], worn.outer_edge[-1]]
    cv2.fillPoly(shown, [np.array(corners).astype(np.int32)], 1)
    assert (plane[shown > 0] > 60).all()


def band(plane: NDArray[np.uint8]) -> None:
    plane[320:END, 100 : 100 + CUFF] = 20


def button(plane: NDArray[np.uint8]) -> None:
    cv2.circle(plane, (130, 335), 6, 20, -1)


def logo_far_up(plane: NDArray[np.uint8]) -> None:
    plane[230:255, 110:150] = 20


def stripes_as_dark(plane: NDArray[np.uint8]) -> None:
    plane[plane == 90] = 20
    cv2.ellipse(plane, (130, 330), (24, 12), 0, 0, 360, 20, -1)


@pytest.mark.parametrize("drawn", [band, button, logo_far_up, stripes_as_dark])
def test_dark_parts_that_are_no_inside_stay(drawn: Callable[[NDArray[np.uint8]], None]) -> None:
    plane = photo()
    drawn(plane)
    sleeve = hanging(plane)
    assert trim_cuff_inside(plane, sleeve) is sleeve


def test_a_short_wide_sleeve_is_left_alone() -> None:
    plane = with_opening(0)
    sleeve = hanging(plane)
    short = Sleeve(sleeve.outer_edge[-8:], sleeve.inner_edge[-8:], sleeve.mask)
    assert trim_cuff_inside(plane, short) is short
