"""Spans: what they cover, how they are blended."""

import numpy as np
import pytest

from services.super_resolution.tiles import cut_spans, find_range

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("places", "length", "bounds"),
    [([], 9, (0, 0)), ([0], 9, (0, 2)), ([8], 9, (6, 9)), ([3, 6], 20, (2, 8)), ([4], 20, (2, 6))],
)
def test_a_range_is_even_and_has_a_pixel_more(
    places: list[int], length: int, bounds: tuple[int, int]
) -> None:
    wanted = np.zeros(length, bool)
    wanted[places] = True
    assert find_range(wanted) == bounds


@pytest.mark.parametrize(
    ("first", "last", "length"), [(0, 300, 300), (40, 290, 300), (0, 64, 64), (2, 4, 5), (0, 1, 1)]
)
def test_weights_add_up_to_one_where_wanted_and_are_zero_elsewhere(
    first: int, last: int, length: int
) -> None:
    total = np.zeros(length * 4)
    for span in cut_spans(first, last, length, longest=64, margin=12, scale=4):
        assert 0 <= span.start < span.stop <= length
        assert span.start % 2 == 0
        total[span.start * 4 : span.stop * 4] += span.weights
    wanted = np.zeros(length * 4)
    wanted[first * 4 : last * 4] = 1
    assert np.allclose(total, wanted, atol=1e-6)


def test_what_counts_has_the_margin_around_it_that_the_network_needs() -> None:
    for span in cut_spans(40, 290, 400, longest=64, margin=12, scale=1):
        counted = np.flatnonzero(span.weights)
        assert counted[0] >= 6
        assert counted[-1] < span.weights.size - 6


def test_nothing_is_cut_of_nothing() -> None:
    assert not cut_spans(0, 0, 300, longest=64, margin=12, scale=4)
