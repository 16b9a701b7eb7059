"""Two stages at the same time."""

import contextvars
import threading

import pytest

from services.kit import cancellation
from services.kit.cancellation import Cancelled, CancelToken, check_cancelled
from services.viton.parallel import run_both

pytestmark = pytest.mark.unit

LONG = 30.0


def test_both_run_at_the_same_time() -> None:
    both = threading.Barrier(2)

    def meet() -> str:
        both.wait(LONG)
        return threading.current_thread().name

    first, second = run_both(meet, meet)
    assert first != second == threading.current_thread().name


def test_both_see_that_they_are_cancelled() -> None:
    token = CancelToken()
    both = threading.Barrier(2, token.cancel)
    seen: list[str] = []

    def ask() -> None:
        both.wait(LONG)
        try:
            check_cancelled()
        except Cancelled:
            seen.append(threading.current_thread().name)
            raise

    def work() -> None:
        cancellation.set_current_token(token)
        with pytest.raises(Cancelled):
            run_both(ask, ask)
        assert len(set(seen)) == 2
        # Neither of the next two begins.
        with pytest.raises(Cancelled):
            run_both(ask, ask)

    contextvars.copy_context().run(work)
