import numpy as np
import pytest
from scipy import ndimage

from services.kit.raster.label_fill import fill_from_nearest

pytestmark = pytest.mark.unit


def test_a_gap_has_the_nearest_label() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(1, 20, (60, 50), dtype=np.uint8)
    keep = random.random(labels.shape) < 0.05
    filled = fill_from_nearest(labels, keep)
    np.testing.assert_array_equal(filled[keep], labels[keep])
    away, nearest = ndimage.distance_transform_edt(~keep, return_indices=True)
    # OpenCV's distance is approximate: where two labels are about as near, either may be taken.
    same = filled == labels[tuple(nearest)]
    assert same.mean() > 0.95
    for row, column in np.argwhere(~same):
        rows, columns = np.nonzero(keep & (labels == filled[row, column]))
        distance = np.hypot(rows - row, columns - column).min()
        assert distance <= 1.05 * away[row, column]


@pytest.mark.parametrize("kept", [False, True])
def test_nothing_changes_if_none_or_all_is_kept(kept: bool) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    keep = np.full(labels.shape, kept)
    np.testing.assert_array_equal(fill_from_nearest(labels, keep), labels)
