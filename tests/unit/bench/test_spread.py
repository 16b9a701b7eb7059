"""Statistics of repeated measurements."""

import pytest

from bench.measures.spread import (
    Spread,
    estimate_slope,
    summarize,
    summarize_ratios,
)

pytestmark = pytest.mark.unit


def test_a_spread_is_the_median_and_the_quartiles() -> None:
    assert summarize([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(median=3.0, lower=2.0, upper=4.0)
    assert summarize([2.0]) == Spread(median=2.0, lower=2.0, upper=2.0)


def test_ratios_are_those_of_the_pairs() -> None:
    # The machine was busy during the second pair: both took long, and the ratio stays.
    assert summarize_ratios([4.0, 40.0, 4.0], [1.0, 10.0, 1.0]) == Spread(
        median=0.25, lower=0.25, upper=0.25
    )


def test_nothing_has_a_ratio_to_zero() -> None:
    assert summarize_ratios([0.0, 1.0], [1.0, 1.0]) is None


def test_values_without_a_partner_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        summarize_ratios([1.0, 1.0], [1.0])


@pytest.mark.parametrize(
    ("values", "slope"), [([1.0, 3.0, 5.0], 2.0), ([7.0, 7.0, 7.0], 0.0), ([7.0], 0.0), ([], 0.0)]
)
def test_the_slope_is_a_value_s_growth(values: list[float], slope: float) -> None:
    assert estimate_slope(values) == pytest.approx(slope)
