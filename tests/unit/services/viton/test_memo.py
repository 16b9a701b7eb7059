"""What the try-on remembers of photos: bounded, never stale, computed once."""

import threading
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.cancellation import Cancelled, CancelToken, set_current_token
from services.kit.categories import DRESS, LOWER, UPPER
from services.viton.core import try_on
from services.viton.memo import VALUE_BYTES, Memo, MemoLimits
from tests.unit.services.viton.drawings import bottoms, figure, garment, gown, standing

pytestmark = pytest.mark.unit

SECONDS = 60.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Pair:
    first: NDArray[np.uint8]
    second: tuple[NDArray[np.uint8], ...]


def remember(max_bytes: int = 10_000_000, clock: Clock | None = None) -> Memo:
    return Memo(MemoLimits(max_bytes=max_bytes, max_seconds=SECONDS), clock or Clock())


def plane(size: int = 1_000) -> NDArray[np.uint8]:
    return np.zeros(size, np.uint8)


def never() -> NDArray[np.uint8]:
    raise AssertionError("this is remembered")


def test_a_remembered_value_is_not_computed_again() -> None:
    memo = remember()
    first = memo.recall("key", plane)
    assert memo.recall("key", never) is first
    assert memo.recall("other key", plane) is not first


def test_what_is_remembered_cannot_be_changed() -> None:
    found = remember().recall("key", lambda: Pair(plane(), (plane()[3:],)))
    for array in (found.first, *found.second):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_shared_array_counts_once_and_a_view_as_the_whole() -> None:
    memo = remember()

    def compute() -> Pair:
        whole = plane()
        return Pair(whole, (whole[:10], whole[10:]))

    memo.recall("key", compute)
    assert memo.size == 1_000 + VALUE_BYTES


def test_bytes_are_bounded_and_the_last_used_stay() -> None:
    memo = remember(max_bytes=2 * (1_000 + VALUE_BYTES))
    memo.recall("first", plane)
    memo.recall("second", plane)
    memo.recall("first", never)
    memo.recall("third", plane)
    assert memo.size == 2 * (1_000 + VALUE_BYTES)
    memo.recall("first", never)
    memo.recall("third", never)
    with pytest.raises(AssertionError):
        memo.recall("second", never)


def test_what_has_no_room_is_computed_every_time() -> None:
    memo = remember(max_bytes=1_000 + VALUE_BYTES)
    kept = memo.recall("small", plane)
    memo.recall("large", lambda: plane(1_001))
    assert memo.recall("small", never) is kept
    with pytest.raises(AssertionError):
        memo.recall("large", never)


def test_no_bytes_remember_nothing() -> None:
    memo = remember(max_bytes=0)
    first = memo.recall("key", plane)
    assert memo.recall("key", plane) is not first
    assert first.flags.writeable
    assert memo.size == 0


def test_age_is_bounded_whether_used_or_not() -> None:
    clock = Clock()
    memo = remember(clock=clock)
    memo.recall("key", plane)
    clock.now = SECONDS - 1
    memo.recall("key", never)
    clock.now = SECONDS
    with pytest.raises(AssertionError):
        memo.recall("key", never)
    assert memo.size == 0


def test_a_sweep_drops_what_is_too_old() -> None:
    clock = Clock()
    memo = remember(clock=clock)
    memo.recall("old", plane)
    clock.now = SECONDS / 2
    memo.recall("young", plane)
    clock.now = SECONDS
    memo.sweep()
    assert memo.size == 1_000 + VALUE_BYTES
    memo.recall("young", never)


def test_what_nobody_asks_for_again_is_dropped() -> None:
    dropped = threading.Event()

    class Watched(Memo):
        def sweep(self) -> None:
            super().sweep()
            if not self.size:
                dropped.set()

    memo = Watched(MemoLimits(max_bytes=10_000, max_seconds=0.01))
    memo.recall("key", plane)
    assert dropped.wait(30)


def test_a_cleared_memo_is_empty() -> None:
    memo = remember()
    memo.recall("key", plane)
    memo.clear()
    assert memo.size == 0
    with pytest.raises(AssertionError):
        memo.recall("key", never)


class Race:
    """A computation that begins and then waits until the test lets it end."""

    def __init__(self, memo: Memo) -> None:
        self.memo = memo
        self.begun, self.end = threading.Event(), threading.Event()
        self.fails = False
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.memo.recall("key", self._compute)
        except Cancelled:
            assert self.fails

    def _compute(self) -> NDArray[np.uint8]:
        self.begun.set()
        assert self.end.wait(30)
        if self.fails:
            raise Cancelled
        return plane()

    def __enter__(self) -> "Race":
        self.thread.start()
        assert self.begun.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()
        self.thread.join(30)


def test_two_threads_at_once_compute_once() -> None:
    memo = remember()
    found: list[NDArray[np.uint8]] = []
    with Race(memo) as race:
        second = threading.Thread(target=lambda: found.append(memo.recall("key", never)))
        second.start()
        race.end.set()
        second.join(30)
    assert found == [memo.recall("key", never)]


def test_another_key_does_not_wait() -> None:
    memo = remember()
    with Race(memo):
        assert memo.recall("other key", plane).size == 1_000


def test_a_failure_is_not_remembered_and_fails_nobody_else() -> None:
    memo = remember()
    found: list[NDArray[np.uint8]] = []
    with Race(memo) as race:
        race.fails = True
        second = threading.Thread(target=lambda: found.append(memo.recall("key", plane)))
        second.start()
        race.end.set()
        second.join(30)
    assert len(found) == 1
    assert memo.recall("key", never) is found[0]


def test_who_waits_can_be_cancelled() -> None:
    memo = remember()
    cancelled = threading.Event()

    def wait() -> None:
        token = CancelToken()
        set_current_token(token)
        token.cancel()
        try:
            memo.recall("key", never)
        except Cancelled:
            cancelled.set()

    with Race(memo):
        second = threading.Thread(target=wait)
        second.start()
        assert cancelled.wait(30)
        second.join(30)


def test_every_garment_and_person_is_made_as_without_a_memo() -> None:
    memo = remember(max_bytes=64_000_000)
    red, blue = garment(), garment(colour=(30, 60, 200))
    cut = replace(red, mask=red.mask.copy())
    cut.mask[800:] = 0
    people = figure(), figure(sleeves="long")
    for person in people:
        for drawn in (red, cut, blue, red):
            alone = try_on(person.photo, drawn.photo)
            shared = try_on(replace(person.photo, memo=memo), replace(drawn.photo, memo=memo))
            assert (shared.image == alone.image).all()
    used = memo.size
    assert 0 < used <= 64_000_000


def test_a_person_is_dressed_in_every_category_as_without_a_memo() -> None:
    memo = remember(max_bytes=200_000_000)
    person = standing()
    for drawn, category in ((garment(), UPPER), (gown(), DRESS), (bottoms("skirt"), LOWER)) * 2:
        alone = try_on(person.photo, drawn.photo, category)
        shared = try_on(replace(person.photo, memo=memo), replace(drawn.photo, memo=memo), category)
        assert (shared.image == alone.image).all()
        assert (shared.edit_mask == alone.edit_mask).all()
