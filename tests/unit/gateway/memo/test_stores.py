import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
import structlog

from gateway.memo.stores import ENTRY_BYTES, FolderStore, Limits, MemoryStore, Store
from services.human_parse.contract import PARSE, ParseResponse

pytestmark = pytest.mark.unit

SIDE = 100
SIZE = SIDE * SIDE
KEYS = [f"{number:064x}" for number in range(8)]


def response(value: int) -> ParseResponse:
    return ParseResponse(np.full((SIDE, SIDE), value, np.uint8))


def value_of(store: Store, key: str) -> int | None:
    found = store.get(key, PARSE)
    if found is None:
        return None
    assert isinstance(found.response, ParseResponse)
    return int(found.response.labels[0, 0])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def memory(entries: float, clock: Clock | None = None) -> MemoryStore:
    limits = Limits(max_bytes=int(entries * (SIZE + ENTRY_BYTES)), max_seconds=60)
    return MemoryStore(limits, clock or Clock())


def folder_store(folder: Path, entries: float, max_seconds: float = 60) -> FolderStore:
    return FolderStore(
        folder, Limits(max_bytes=int(entries * (SIZE + 100)), max_seconds=max_seconds)
    )


def test_a_response_is_kept_in_memory_and_cannot_be_changed() -> None:
    store = memory(2)
    store.put(KEYS[0], PARSE, response(7))
    found = store.get(KEYS[0], PARSE)
    assert found
    assert isinstance(found.response, ParseResponse)
    with pytest.raises(ValueError, match="read-only"):
        found.response.labels[0, 0] = 1
    assert value_of(store, KEYS[1]) is None


def test_memory_is_bounded_and_drops_what_was_not_used_for_longest() -> None:
    store = memory(2)
    store.put(KEYS[0], PARSE, response(0))
    store.put(KEYS[1], PARSE, response(1))
    assert value_of(store, KEYS[0]) == 0
    store.put(KEYS[2], PARSE, response(2))
    assert [value_of(store, key) for key in KEYS[:3]] == [0, None, 2]
    assert store.size == 2 * (SIZE + ENTRY_BYTES)


def test_a_response_put_twice_counts_once() -> None:
    store = memory(2)
    for value in (1, 2, 3):
        store.put(KEYS[0], PARSE, response(value))
    assert value_of(store, KEYS[0]) == 3
    assert store.size == SIZE + ENTRY_BYTES


def test_a_response_larger_than_the_memory_is_not_kept_and_drops_nothing() -> None:
    store = memory(1)
    store.put(KEYS[0], PARSE, response(0))
    store.put(KEYS[1], PARSE, ParseResponse(np.zeros((2 * SIDE, SIDE), np.uint8)))
    assert [value_of(store, key) for key in KEYS[:2]] == [0, None]


def test_a_view_counts_with_all_that_it_keeps_in_memory() -> None:
    store = memory(4)
    store.put(KEYS[0], PARSE, ParseResponse(np.zeros((2 * SIDE, SIDE), np.uint8)[:1]))
    assert store.size == 2 * SIZE + ENTRY_BYTES


def test_memory_forgets_by_age() -> None:
    clock = Clock()
    store = memory(3, clock)
    store.put(KEYS[0], PARSE, response(0))
    clock.now = 59
    store.put(KEYS[1], PARSE, response(1))
    assert value_of(store, KEYS[0]) == 0
    clock.now = 60
    # Its use does not make it younger.
    assert [value_of(store, key) for key in KEYS[:2]] == [None, 1]
    clock.now = 119
    store.sweep()
    assert store.size == 0


def test_a_folder_keeps_responses_for_another_gateway(tmp_path: Path) -> None:
    folder_store(tmp_path / "memo", 3).put(KEYS[0], PARSE, response(7))
    other = folder_store(tmp_path / "memo", 3)
    assert value_of(other, KEYS[0]) == 7
    assert value_of(other, KEYS[1]) is None
    [file] = (tmp_path / "memo").iterdir()
    assert (file.stat().st_mode & 0o777, (tmp_path / "memo").stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )


def test_a_folder_is_bounded_and_drops_what_was_not_used_for_longest(tmp_path: Path) -> None:
    store = folder_store(tmp_path, 2)
    now = time.time()
    for age, key in ((30, KEYS[0]), (20, KEYS[1])):
        store.put(key, PARSE, response(0))
        os.utime(tmp_path / f"{key}.response", (now - age, now - age))
    assert value_of(store, KEYS[0]) == 0
    store.put(KEYS[2], PARSE, response(2))
    assert [value_of(store, key) for key in KEYS[:3]] == [0, None, 2]
    store.put(KEYS[3], PARSE, ParseResponse(np.zeros((3 * SIDE, SIDE), np.uint8)))
    assert value_of(store, KEYS[3]) is None


def test_a_folder_forgets_by_age_whether_used_or_not(tmp_path: Path) -> None:
    store = folder_store(tmp_path, 3)
    for key in KEYS[:2]:
        store.put(key, PARSE, response(1))
    old = time.time() - 61
    os.utime(tmp_path / f"{KEYS[0]}.response", (time.time(), old))
    assert [value_of(store, key) for key in KEYS[:2]] == [None, 1]
    left = f"{KEYS[2]}.abc_1234.part"
    others = {"somebody.txt", "download.part", "my.response"}
    for name in {left, *others}:
        (tmp_path / name).write_bytes(b"of a gateway that was killed, or of somebody else")
        os.utime(tmp_path / name, (old, old))
    store.sweep()
    assert {file.name for file in tmp_path.iterdir()} == {f"{KEYS[1]}.response", *others}


@pytest.mark.parametrize("damage", ["short", "flipped", "foreign", "no message"])
def test_a_damaged_file_is_no_answer_and_is_deleted(tmp_path: Path, damage: str) -> None:
    store = folder_store(tmp_path, 3)
    store.put(KEYS[0], PARSE, response(7))
    [file] = tmp_path.iterdir()
    content = file.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    no_message = b"\xff\xff"
    damaged = {
        "short": content[:20],
        "flipped": flipped,
        "foreign": bytes(64),
        "no message": hashlib.sha256(KEYS[0].encode() + no_message).digest() + no_message,
    }
    file.write_bytes(damaged[damage])
    assert value_of(store, KEYS[0]) is None
    assert not file.exists()


def test_a_folder_that_fails_costs_speed_only(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    store = folder_store(blocked / "memo", 3)
    with structlog.testing.capture_logs() as logs:
        store.put(KEYS[0], PARSE, response(7))
        assert value_of(store, KEYS[0]) is None
        store.sweep()
    assert {line["event"] for line in logs} == {"memo folder failed"}


def test_the_age_of_a_file_is_that_of_its_response(tmp_path: Path) -> None:
    store = folder_store(tmp_path, 3)
    store.put(KEYS[0], PARSE, response(7))
    os.utime(tmp_path / f"{KEYS[0]}.response", (time.time(), time.time() - 50))
    found = store.get(KEYS[0], PARSE)
    assert found
    assert 50 <= found.age_seconds < 60


def test_a_response_of_some_age_is_forgotten_that_much_earlier() -> None:
    clock = Clock()
    store = memory(3, clock)
    store.put(KEYS[0], PARSE, response(7), age_seconds=50)
    clock.now = 9
    assert value_of(store, KEYS[0]) == 7
    clock.now = 10
    assert value_of(store, KEYS[0]) is None


def test_a_file_under_the_name_of_another_is_no_answer(tmp_path: Path) -> None:
    """Whoever may write to the folder could exchange the responses of two people."""
    store = folder_store(tmp_path, 3)
    store.put(KEYS[0], PARSE, response(7))
    (tmp_path / f"{KEYS[0]}.response").rename(tmp_path / f"{KEYS[1]}.response")
    assert value_of(store, KEYS[1]) is None


@pytest.mark.parametrize("kind", ["link", "endless link", "pipe", "huge"])
def test_what_is_no_file_of_the_store_is_not_read_and_does_not_block(
    tmp_path: Path, kind: str
) -> None:
    store = folder_store(tmp_path / "memo", 3)
    store.put(KEYS[0], PARSE, response(7))
    written, planted = (tmp_path / "memo" / f"{key}.response" for key in KEYS[:2])
    if kind == "link":
        valid = folder_store(tmp_path / "other", 3)
        valid.put(KEYS[1], PARSE, response(7))
        planted.symlink_to(tmp_path / "other" / planted.name)
    elif kind == "endless link":
        planted.symlink_to(planted)
    elif kind == "pipe":
        os.mkfifo(planted)
    else:
        planted.touch()
        os.truncate(planted, 10 * SIZE)
    with structlog.testing.capture_logs() as logs:
        assert value_of(store, KEYS[1]) is None
    assert [line["event"] for line in logs] == ["memo folder failed"]
    store.sweep()
    store.put(KEYS[2], PARSE, response(2))
    assert value_of(store, KEYS[2]) == 2
    assert written.exists() == (kind != "huge")


def test_a_file_of_another_user_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder_store(tmp_path, 3)
    store.put(KEYS[0], PARSE, response(7))
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert value_of(store, KEYS[0]) is None
