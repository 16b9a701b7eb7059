"""A try-on ends between its steps when nobody waits for it."""

from typing import Final

import pytest

from services.viton.core import try_on
from tests.cancel_counter import count_asks, end_at
from tests.unit.services.viton.drawings import bottoms, figure, garment, gown, standing

pytestmark = pytest.mark.unit


CASES: Final = {
    "upper": (figure(), garment("short")),
    "lower": (standing(), bottoms("trousers")),
    "dress": (standing(), gown()),
}


@pytest.mark.parametrize("category", CASES)
def test_it_ends_between_its_steps(category: str) -> None:
    person, drawn = CASES[category]

    def work() -> None:
        try_on(person.photo, drawn.photo, category)

    # Before each of the parallel pairs, and at least once before the picture is put together.
    asked = count_asks(work)
    assert asked >= (2 if category == "lower" else 4)
    end_at(asked, work)
