import numpy as np
import pytest

from services.kit.raster.pixel_box import PixelBox, bounding_box

pytestmark = pytest.mark.unit


def test_the_box_holds_all_that_is_marked() -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[4, 7] = mask[9, 3] = True
    assert bounding_box(mask) == PixelBox(3, 4, 8, 10)
    assert bounding_box(mask, 2) == PixelBox(1, 2, 10, 12)


def test_the_margin_ends_at_the_masks_sides() -> None:
    mask = np.zeros((20, 30), np.bool_)
    mask[1, 28] = True
    assert bounding_box(mask, 5) == PixelBox(23, 0, 30, 7)


def test_the_box_of_nothing_is_empty() -> None:
    box = bounding_box(np.zeros((20, 30), np.bool_), 5)
    assert (box.width, box.height) == (0, 0)
