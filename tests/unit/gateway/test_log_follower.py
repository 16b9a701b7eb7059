"""``tryon logs``: following the files of the run folder."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.log_follower import BLOCK_BYTES, LogFollower

pytestmark = pytest.mark.unit


Follow = Callable[[int], LogFollower]


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Follow]:
    """Follow the test's folder; the files are closed at the end."""
    with ExitStack() as stack:
        yield lambda lines: stack.enter_context(LogFollower(tmp_path, tail_lines=lines))


def texts(follower: LogFollower) -> list[str]:
    return [f"{line.log}: {line.text}" for line in follower.poll()]


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize("ending", ["\n", ""])
@pytest.mark.parametrize("lines", [0, 1, 3, 2000])
def test_it_begins_with_the_last_lines(
    tmp_path: Path, follow: Follow, lines: int, ending: str
) -> None:
    written = [f"{n} {'x' * (n % 300)}" for n in range(1000)]
    (tmp_path / "a.log").write_text("\n".join(written) + ending)
    assert (tmp_path / "a.log").stat().st_size > 2 * BLOCK_BYTES
    follower = follow(lines)
    shown = [line.text for line in (*follower.poll(), *follower.finish())]
    assert shown == (written[-lines:] if lines else [])


def test_added_lines_are_shown_once_and_whole(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n")
    follower = follow(20)
    assert texts(follower) == ["a: one"]
    assert texts(follower) == []
    add(path, "two\nthr")
    assert texts(follower) == ["a: two"]
    add(path, "ee\nfour")
    assert texts(follower) == ["a: three"]
    assert [line.text for line in follower.finish()] == ["four"]
    assert not follower.has_files


def test_files_that_appear_later_are_shown_from_their_start(tmp_path: Path, follow: Follow) -> None:
    follower = follow(1)
    assert not texts(follower)
    (tmp_path / "b.log").write_text("one\ntwo\n")
    assert texts(follower) == ["b: one", "b: two"]


def test_a_rotated_file_is_read_to_its_end_and_then_its_successor(
    tmp_path: Path, follow: Follow
) -> None:
    path = tmp_path / "gateway.log"
    path.write_text("one\n")
    follower = follow(20)
    assert texts(follower) == ["gateway: one"]
    add(path, "last\n")
    path.rename(tmp_path / "gateway.log.1")
    path.write_text("a first line that is longer than all before\n")
    shown = texts(follower)
    assert shown == ["gateway: last", "gateway: a first line that is longer than all before"]
    add(path, "next\n")
    assert texts(follower) == ["gateway: next"]


def test_a_truncated_file_is_read_from_its_start(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / "a.log"
    path.write_text("a long first line\nan incomplete one")
    follower = follow(20)
    assert texts(follower) == ["a: a long first line"]
    path.write_text("new\n")
    assert texts(follower) == ["a: new"]


def test_a_removed_file_is_read_to_its_end(tmp_path: Path, follow: Follow) -> None:
    path = tmp_path / "a.log"
    path.write_text("one\n")
    follower = follow(20)
    assert texts(follower) == ["a: one"]
    add(path, "two")
    path.unlink()
    assert texts(follower) == ["a: two"]
    assert not follower.has_files


def test_bytes_that_are_no_text_do_not_end_it(tmp_path: Path, follow: Follow) -> None:
    (tmp_path / "a.log").write_bytes(b"caf\xe9\r\n")
    assert texts(follow(20)) == ["a: caf\N{REPLACEMENT CHARACTER}"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the bytes of a process")
def test_following_a_large_file_reads_only_what_is_added(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("a line of a large log\n" * 2_000_000)
    command = [sys.executable, "-m", "gateway.cli", "logs", "--lines", "1"]
    environment = {**os.environ, "TRYON_RUN_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own command line
        try:
            assert process.stdout
            assert process.stdout.readline() == b"a                | a line of a large log\n"
            before = bytes_read(process.pid)
            add(path, "added\n")
            assert process.stdout.readline() == b"a                | added\n"
            assert bytes_read(process.pid) - before < 1_000_000
        finally:
            process.kill()


def bytes_read(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/io").read_text().splitlines() if "rchar" in line]
    return int(line.split()[1])
