"""Statistics of repeated measurements."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median and the quartiles of some values."""

    median: float
    """Half of the values are at most this."""
    lower: float
    """The first quartile."""
    upper: float
    """The third quartile."""


def summarize(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of one value or more."""
    if len(values) == 1:
        return Spread(median=values[0], lower=values[0], upper=values[0])
    lower, median, upper = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median=median, lower=lower, upper=upper)


def summarize_ratios(before: Sequence[float], after: Sequence[float]) -> Spread | None:
    """Return the spread of ``after / before``, pair by pair.

    None if a value of ``before`` is 0. Raises ValueError if the lengths differ.
    """
    if not all(before):
        return None
    return summarize([new / old for old, new in zip(before, after, strict=True)])


def estimate_slope(values: Sequence[float]) -> float:
    """Return the slope of the least-squares line through equally spaced values, per value."""
    if len(values) < 2:
        return 0.0
    return statistics.linear_regression(range(len(values)), values).slope
