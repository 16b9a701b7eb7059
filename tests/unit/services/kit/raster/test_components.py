import numpy as np
import pytest

from services.kit.raster.components import label_components, largest_component, locate_components

pytestmark = pytest.mark.unit

MASK = np.array(
    [
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 0, 1],
    ],
    bool,
)
"""Three pixels in a diagonal row, and two beside them."""


def test_located_components_are_the_labelled_ones() -> None:
    found, located = label_components(MASK), locate_components(MASK)
    assert sorted(found.areas.tolist()) == [2, 3, 15]
    assert np.array_equal(found.labels, located.labels)
    assert np.array_equal(found.areas, located.areas)


def test_a_lone_component_is_a_mask_of_its_own() -> None:
    alone = MASK & (np.arange(5) > 3)
    kept = largest_component(alone)
    assert np.array_equal(kept, alone)
    assert not np.shares_memory(kept, alone)
    assert largest_component(np.ones((3, 3), bool)).all()


def test_the_window_of_a_component_holds_it_with_its_margin() -> None:
    located = locate_components(MASK)
    for part in range(1, located.count):
        where = located.labels == part
        assert np.count_nonzero(where[located.window(part)]) == located.areas[part]
    column = int(located.labels[3, 4])
    assert MASK[located.window(column)].shape == (2, 1)
    assert MASK[located.window(column, 1)].shape == (3, 2)
    assert MASK[located.window(int(located.labels[0, 0]), 9)].shape == MASK.shape
