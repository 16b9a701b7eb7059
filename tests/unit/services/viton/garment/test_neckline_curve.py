"""The family of curves that necklines are fitted with."""

import numpy as np
import pytest

from services.viton.garment.neckline_curve import EXPONENTS, chord, curve_rows

pytestmark = pytest.mark.unit


def test_the_chord_joins_both_ends() -> None:
    assert chord(10.0, 30.0, np.array([-1.0, 0.0, 1.0])) == pytest.approx([10.0, 20.0, 30.0])


@pytest.mark.parametrize("exponent", EXPONENTS)
def test_a_curve_ends_on_the_chord_and_drops_most_in_the_middle(exponent: float) -> None:
    rows = curve_rows((10.0, 30.0), np.linspace(-1, 1, 5), drop=8.0, exponent=exponent)
    assert rows[[0, 2, 4]] == pytest.approx([10.0, 28.0, 30.0])
    below = rows - np.linspace(10, 30, 5)
    assert below[1] == pytest.approx(below[3])
    assert 0 < below[1] < below[2]


def test_exponent_one_is_a_v_and_a_larger_one_is_squarer() -> None:
    halfway = [
        float(curve_rows((0.0, 0.0), np.array([0.5]), drop=1.0, exponent=exponent)[0])
        for exponent in EXPONENTS
    ]
    assert halfway[0] == pytest.approx(0.5)
    assert halfway == sorted(halfway)


def test_arrays_of_drops_and_exponents_are_broadcast() -> None:
    position = np.linspace(-1, 1, 7)
    drops, exponents = np.array([1.0, 2.0]), np.array([1.0, 2.0, 5.0])
    rows = curve_rows(
        (0.0, 4.0), position, drop=drops[:, None, None], exponent=exponents[None, :, None]
    )
    assert rows.shape == (2, 3, 7)
    alone = curve_rows((0.0, 4.0), position, drop=2.0, exponent=5.0)
    assert rows[1, 2] == pytest.approx(alone)
