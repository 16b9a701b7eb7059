"""Pictures of servers in turns; checkouts and machines. The servers answer at once."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.runs.machine import describe_run, read_commit, read_machine
from bench.runs.ports import find_free_port
from bench.runs.server_timing import FORMER_NAMES, parse_server_timing
from bench.runs.servers import (
    MeasurementFailed,
    ProcessUsage,
    Server,
    make_in_turns,
    open_checkout,
    start_server,
)
from bench.runs.uploads import Upload
from gateway.pipeline import TRY_ON_PIPELINE

pytestmark = pytest.mark.unit

UPLOADS = [Upload(b"person", str(number).encode()) for number in range(3)]


@contextmanager
def answering(status: int, kind: str, seen: list[str], name: str) -> Iterator[Server[ProcessUsage]]:
    """Serve the same answer to every request, and note in ``seen`` who was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            seen.append(name)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("server-timing", "cloth_mask;dur=1500.0")
            self.end_headers()
            self.wfile.write(b"answer")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{http.server_port}"
        try:
            yield Server(name, url, ProcessUsage(os.getpid()), 0.0)
        finally:
            http.shutdown()
            thread.join()


def test_two_servers_take_turns_at_being_first() -> None:
    seen: list[str] = []
    with (
        answering(200, "image/png", seen, "A") as first,
        answering(200, "image/png", seen, "B") as second,
    ):
        samples = make_in_turns([first, second], UPLOADS)
    assert seen == ["A", "B", "B", "A", "A", "B"]
    assert [len(made) for made in samples] == [3, 3]
    sample = samples[1][2]
    assert sample.stages == {"cloth_mask": 1.5}
    assert sample.seconds > 0
    assert sample.cpu >= 0


@pytest.mark.parametrize(
    ("status", "kind"), [(503, "application/problem+json"), (200, "text/html")]
)
def test_an_answer_without_a_picture_is_a_failure(status: int, kind: str) -> None:
    with (
        answering(status, kind, [], "abc1234") as server,
        pytest.raises(MeasurementFailed, match=f"abc1234: HTTP {status}: answer"),
    ):
        make_in_turns([server], UPLOADS)


def test_no_answer_is_a_failure() -> None:
    port = find_free_port()
    server = Server("abc1234", f"http://127.0.0.1:{port}", ProcessUsage(os.getpid()), 0.0)
    with pytest.raises(MeasurementFailed, match="abc1234: no answer"):
        server.make_picture(UPLOADS[0])


def test_what_a_process_uses_is_told_with_its_children() -> None:
    usage = ProcessUsage(os.getpid())
    alone = usage.resident_mib()
    with subprocess.Popen(["sleep", "60"]) as child:  # noqa: S607 - found on PATH
        try:
            assert usage.resident_mib() > alone / 2
            assert usage.peak_mib() >= usage.resident_mib() / 2
            assert usage.cpu_seconds() > 0
        finally:
            child.kill()


def make_checkout(folder: Path, program: str) -> Path:
    """Make a folder that looks like a checkout and runs ``program``."""
    (folder / "gateway").mkdir()
    (folder / "gateway" / "__init__.py").touch()
    (folder / "gateway" / "cli.py").write_text(program)
    (folder / "generated" / "tryon").mkdir(parents=True)
    return folder


def test_a_folder_without_the_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasurementFailed, match="is not a checkout"):
        open_checkout(tmp_path)


def test_a_checkout_without_generated_code_is_refused(tmp_path: Path) -> None:
    (make_checkout(tmp_path, "") / "generated" / "tryon").rmdir()
    with pytest.raises(MeasurementFailed, match=r"bash run\.sh models"):
        open_checkout(tmp_path)


def test_a_server_runs_the_code_of_its_own_checkout(tmp_path: Path) -> None:
    program = "import sys; sys.exit(' '.join([__file__, *sys.argv[1:]]))"
    checkout = open_checkout(make_checkout(tmp_path, program))
    with (
        pytest.raises(MeasurementFailed, match=r"did not start") as failure,
        start_server(checkout, {}),
    ):
        pytest.fail("the server has ended")
    assert f"{tmp_path / 'gateway' / 'cli.py'} serve --port" in str(failure.value)


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603


def test_a_checkout_is_named_by_its_commit(tmp_path: Path) -> None:
    assert read_commit(tmp_path) == tmp_path.name
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("first")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    commit = read_commit(tmp_path)
    assert len(commit) == 7
    (tmp_path / "file").write_text("second")
    assert read_commit(tmp_path) == f"{commit}+"


def test_the_machine_is_read_from_linux(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: A Processor\nflags\t\t: fpu avx2 avx512_vnni sse\n")
    machine = read_machine(cpuinfo)
    assert machine.model == "A Processor"
    assert machine.flags == ("avx2", "avx512_vnni")
    assert machine.cores >= 1
    assert read_machine(tmp_path / "missing").model


def test_a_run_is_described_in_one_sentence() -> None:
    sentence = describe_run("bench/speed.py", "new against old", (0.25, 1.75))
    assert sentence.startswith("`bench/speed.py`, ")
    assert "new against old" in sentence
    assert sentence.endswith("load 0.2 before and 1.8 after.")


def test_the_header_is_read_in_seconds() -> None:
    header = "decode;dur=12.5, cloth_mask;desc=mask;dur=1500.0, cached, total;dur=2000"
    assert parse_server_timing(header) == {"decode": 0.0125, "cloth_mask": 1.5, "total": 2.0}
    assert parse_server_timing("") == {}


def test_stages_of_an_older_server_have_the_names_of_today() -> None:
    steps = {step.name for step in TRY_ON_PIPELINE.steps}
    assert set(FORMER_NAMES.values()) <= steps
    assert not steps & FORMER_NAMES.keys()
    assert parse_server_timing("viton;dur=500, wearer;dur=20") == {
        "try_on": 0.5,
        "find_wearer": 0.02,
    }
