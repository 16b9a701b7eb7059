"""How often work asks whether it was cancelled, and what it does when it was."""

import contextvars
import math
from collections.abc import Callable

import pytest

from services.kit.cancellation import Cancelled, CancelToken, set_current_token


class CancelCounter(CancelToken):
    """Is cancelled from the ask ``last`` on."""

    def __init__(self, last: float) -> None:
        super().__init__()
        self.asked = 0
        self._last = last

    @property
    def cancelled(self) -> bool:
        self.asked += 1
        return self.asked >= self._last


def count_asks(work: Callable[[], object]) -> int:
    """Do the work to its end; return how often it asked."""
    token = CancelCounter(math.inf)
    _run(token, work)
    return token.asked


def end_at(ask: int, work: Callable[[], object]) -> None:
    """Check that work that is cancelled at an ask ends there."""
    token = CancelCounter(ask)
    with pytest.raises(Cancelled):
        _run(token, work)
    assert token.asked == ask


def _run(token: CancelToken, work: Callable[[], object]) -> None:
    context = contextvars.copy_context()
    context.run(set_current_token, token)
    context.run(work)
