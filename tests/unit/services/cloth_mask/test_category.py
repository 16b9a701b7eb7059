import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.cloth_mask.category import length_in_chest_widths, resolve_category
from services.kit.categories import GARMENT_CATEGORIES, REQUEST_CATEGORIES, check_category
from services.kit.errors import InvalidRequest
from tests.unit.services.viton.drawings import SHAPE, bottoms, garment, gown

pytestmark = pytest.mark.unit


def shortened(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask at two thirds of its height: a top as wide as it is long."""
    low = cv2.resize(mask, (SHAPE[1], 2 * SHAPE[0] // 3), interpolation=cv2.INTER_NEAREST)
    return np.pad(low, ((0, SHAPE[0] - len(low)), (0, 0)))


MASKS = {
    "top": shortened(garment("short").mask),
    "long sleeves": shortened(garment("long").mask),
    "trousers": bottoms("trousers").mask,
    "skirt": bottoms("skirt").mask,
    "dress": gown(sleeves=True).mask,
}


def classes(mask: NDArray[np.uint8], *shares: float) -> NDArray[np.float32]:
    """Upper, lower and full-body probabilities on the garment, at half the size."""
    inside = cv2.resize(mask, (SHAPE[1] // 2, SHAPE[0] // 2))[..., None] > 127
    there = np.array([1 - sum(shares), *shares], np.float32)
    return np.where(inside, there, np.array([1, 0, 0, 0], np.float32)).astype(np.float32)


@pytest.mark.parametrize(
    ("drawn", "shares", "expected"),
    [
        ("top", (0.9, 0.0, 0.1), "upper"),
        ("top", (0.1, 0.0, 0.9), "upper"),  # a blouse that the network takes for a dress
        ("long sleeves", (0.4, 0.0, 0.6), "upper"),
        ("trousers", (0.1, 0.8, 0.1), "lower"),
        ("skirt", (0.2, 0.7, 0.1), "lower"),
        ("dress", (0.1, 0.0, 0.9), "dress"),
        ("dress", (0.7, 0.0, 0.3), "dress"),  # and the other way round
    ],
)
def test_the_photo_decides(drawn: str, shares: tuple[float, ...], expected: str) -> None:
    mask = MASKS[drawn]
    assert resolve_category("auto", classes(mask, *shares), mask) == expected


@pytest.mark.parametrize("asked", GARMENT_CATEGORIES)
def test_what_is_asked_for_goes_first(asked: str) -> None:
    mask = MASKS["trousers"]
    assert resolve_category(asked, classes(mask, 0.0, 1.0, 0.0), mask) == asked


def test_a_halter_neck_is_no_waistband() -> None:
    mask = np.zeros(SHAPE, np.uint8)
    ring = [(372, 150), (396, 150), (500, 330), (520, 700), (248, 700), (268, 330)]
    cv2.fillPoly(mask, [np.array(ring)], 255)
    assert resolve_category("auto", classes(mask, 0.2, 0.7, 0.1), mask) == "upper"


def test_the_length_is_measured_without_sleeves() -> None:
    assert length_in_chest_widths(MASKS["dress"]) > 2.75
    assert length_in_chest_widths(MASKS["long sleeves"]) < 2
    assert length_in_chest_widths(MASKS["top"]) < 2
    assert length_in_chest_widths(np.zeros(SHAPE, np.uint8)) == 0


def test_nothing_at_all_counts_as_a_top() -> None:
    empty = np.zeros(SHAPE, np.uint8)
    assert resolve_category("auto", classes(empty, 0.0, 1.0, 0.0), empty) == "upper"


def test_other_words_are_refused() -> None:
    check_category("dress", REQUEST_CATEGORIES)
    with pytest.raises(InvalidRequest, match=r"'hat' is not known; send auto, upper"):
        check_category("hat", REQUEST_CATEGORIES)
