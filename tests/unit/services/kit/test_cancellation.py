"""Tokens: who is told, when, and how waiting for a lock ends."""

import contextvars
import threading
from collections.abc import Iterator

import pytest

from services.kit import cancellation
from services.kit.cancellation import Cancelled, CancelToken, check_cancelled, hold_lock

pytestmark = pytest.mark.unit

LONG = 30.0


@pytest.fixture
def token() -> Iterator[CancelToken]:
    """The current token of the test."""
    token = CancelToken()
    before = cancellation._current.set(token)
    yield token
    cancellation._current.reset(before)


def test_without_a_token_nothing_is_cancelled() -> None:
    check_cancelled()
    assert not cancellation.current_token().cancelled


def test_work_is_told_when_it_asks(token: CancelToken) -> None:
    check_cancelled()
    token.cancel()
    assert token.cancelled
    with pytest.raises(Cancelled):
        check_cancelled()


def test_a_token_belongs_to_its_context() -> None:
    token = CancelToken()
    context = contextvars.copy_context()
    context.run(cancellation.set_current_token, token)
    token.cancel()
    check_cancelled()
    with pytest.raises(Cancelled):
        context.run(check_cancelled)


def test_what_is_registered_is_called_once() -> None:
    token, calls = CancelToken(), list[str]()
    with token.on_cancel(lambda: calls.append("first")), token.on_cancel(lambda: calls.append("2")):
        assert calls == []
        token.cancel()
        token.cancel()
        assert calls == ["first", "2"]


def test_what_registers_late_is_called_at_once() -> None:
    token, calls = CancelToken(), list[str]()
    token.cancel()
    with token.on_cancel(lambda: calls.append("late")):
        assert calls == ["late"]


def test_what_has_ended_is_not_called() -> None:
    token, calls = CancelToken(), list[str]()
    with token.on_cancel(lambda: calls.append("ended")):
        pass
    with pytest.raises(ZeroDivisionError), token.on_cancel(lambda: calls.append("failed")):
        raise ZeroDivisionError
    token.cancel()
    assert calls == []


def test_waiting_for_a_lock_ends(token: CancelToken) -> None:
    lock, ended = threading.Lock(), threading.Event()

    def wait() -> None:
        with pytest.raises(Cancelled), hold_lock(lock):
            pytest.fail("another holds the lock")
        ended.set()

    with lock:
        waiting = threading.Thread(target=contextvars.copy_context().run, args=[wait])
        waiting.start()
        assert not ended.wait(2 * cancellation.LOCK_POLL_SECONDS)
        token.cancel()
        assert ended.wait(LONG)
    waiting.join()


def test_a_lock_is_held_and_given_back(token: CancelToken) -> None:
    lock = threading.Lock()
    with hold_lock(lock):
        assert lock.locked()
    with pytest.raises(ZeroDivisionError), hold_lock(lock):
        raise ZeroDivisionError
    assert not lock.locked()
    token.cancel()
    with pytest.raises(Cancelled), hold_lock(lock):
        pytest.fail("it is cancelled")
    assert not lock.locked()
