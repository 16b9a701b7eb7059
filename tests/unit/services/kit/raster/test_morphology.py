"""Morphology, components and easing that several services share."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from services.kit.raster.components import (
    label_components,
    largest_component,
    locate_components,
    remove_small_components,
)
from services.kit.raster.easing import smoothstep
from services.kit.raster.morphology import (
    Footprint,
    close_mask,
    close_plane,
    dilate,
    erode,
    footprint,
    open_mask,
)

pytestmark = pytest.mark.unit

Bool = NDArray[np.bool_]


@pytest.fixture
def mask() -> Bool:
    """Two blocks that touch at a corner, one at the frame, and a speck apart."""
    drawn = np.zeros((30, 40), bool)
    drawn[0:10, 0:12] = True
    drawn[10:16, 12:20] = True
    drawn[24, 30] = True
    return drawn


def neighbourhood(radius: int, shape: Footprint) -> Bool:
    """Compute a footprint without OpenCV."""
    rows, columns = np.indices((2 * radius + 1, 2 * radius + 1)) - radius
    if shape is Footprint.SQUARE:
        return np.ones(rows.shape, bool)
    return np.asarray(np.abs(columns) <= np.rint(np.sqrt(radius**2 - rows**2)))


@pytest.mark.parametrize("shape", Footprint)
@pytest.mark.parametrize("radius", [0, 1, 2, 5, 12])
def test_a_footprint_has_its_shape(radius: int, shape: Footprint) -> None:
    assert np.array_equal(footprint(radius, shape), neighbourhood(radius, shape))


def test_an_ellipse_of_radius_two_lacks_three_pixels_at_each_corner() -> None:
    assert footprint(2).tolist() == [
        [0, 0, 1, 0, 0],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [0, 0, 1, 0, 0],
    ]


@pytest.mark.parametrize("shape", Footprint)
@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize("density", [None, 0.03, 0.5, 0.97])
def test_masks_grow_and_shrink_as_scipys_do(
    mask: Bool, density: float | None, radius: int, shape: Footprint
) -> None:
    if density is not None:
        mask = np.random.default_rng(radius).random((37, 52)) < density
    structure = neighbourhood(radius, shape)
    grown = ndimage.binary_dilation(mask, structure, border_value=0)
    shrunk = ndimage.binary_erosion(mask, structure, border_value=1)
    assert np.array_equal(dilate(mask, radius, shape), grown)
    assert np.array_equal(erode(mask, radius, shape), shrunk)
    opened = ndimage.binary_dilation(shrunk, structure, border_value=0)
    assert np.array_equal(open_mask(mask, radius, shape), opened)
    closed = ndimage.binary_erosion(grown, structure, border_value=1)
    assert np.array_equal(close_mask(mask, radius, shape), closed)


def test_the_frame_erodes_nothing(mask: Bool) -> None:
    assert erode(mask, 2)[0, 0]


def test_a_dark_line_in_a_plane_is_filled() -> None:
    plane = np.full((20, 20), 90, np.float32)
    plane[:, 10] = 10
    assert (close_plane(plane, 2) == 90).all()


def test_corners_connect_unless_connectivity_is_four(mask: Bool) -> None:
    assert label_components(mask).count == 3
    apart = locate_components(mask, connectivity=4)
    assert apart.count == label_components(mask, connectivity=4).count == 4
    assert sorted(apart.areas[1:].tolist()) == [1, 48, 120]
    assert apart.boxes[apart.labels[12, 15]].tolist() == [12, 10, 8, 6]
    assert apart.centroids[apart.labels[24, 30]].tolist() == [30, 24]


def test_the_background_is_never_selected(mask: Bool) -> None:
    found = label_components(mask)
    assert np.array_equal(found.select(np.ones(found.count, bool)), mask)


def test_the_largest_component_and_those_of_some_size(mask: Bool) -> None:
    largest = mask.copy()
    largest[24, 30] = False
    assert np.array_equal(largest_component(mask), largest)
    assert np.array_equal(remove_small_components(mask, 2), largest)
    assert not largest_component(np.zeros((4, 4), bool)).any()


def test_smoothstep_is_level_at_both_ends() -> None:
    share = np.array([-1, 0, 0.5, 1, 3], np.float32)
    eased = smoothstep(share)
    assert eased.tolist() == [0, 0, 0.5, 1, 1]
    assert eased.dtype == np.float32
