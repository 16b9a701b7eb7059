"""Run every check and test: ``python -m tests.run [PYTEST ARGUMENTS]``.

Without arguments the tests run in two lanes at the same time, two processes of pytest: the tests on
a Docker engine, which wait more than they work, and all others. Output of the first is shown when
the second has ended. The exit status is 0 if all is well.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = ROOT / ".run" / "tests"
"""Where each lane's counts and output are kept until the next run."""

CONTAINERS: Final = "tests/e2e/docker"
"""The folder of the tests that need a Docker engine."""

TOOLS: Final = Path(sys.executable).parent
CHECKS: Final = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("lint-imports",),
)


def main(arguments: Sequence[str]) -> int:
    """Run the checks, then pytest with these arguments, or both lanes if there are none."""
    os.chdir(ROOT)
    # Started in the background this would be deaf to interrupts, and so would its children.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return run_part(arguments) if arguments else run_all()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def run_part(arguments: Sequence[str]) -> int:
    """Run the checks, and pytest with arguments if they pass."""
    return run_checks() or subprocess.call([TOOLS / "pytest", *arguments])  # noqa: S603


def run_all() -> int:
    """Run the checks and both lanes, show what each prints, and count their tests."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    output = FOLDER / "containers.log"
    with output.open("wb") as log, started("containers", CONTAINERS, output=log) as containers:
        say(f"The tests of the containers run beside the others; they write to {output}.")
        if failed := run_checks():
            return failed
        with started("others", f"--ignore={CONTAINERS}") as others:
            others.process.wait()
        say("Waiting for the tests of the containers ...")
        containers.process.wait()
    print(output.read_text(errors="replace"), flush=True)
    lanes = (others, containers)
    counts = [lane.counts() for lane in lanes]
    passed, failed, skipped = (sum(numbers) for numbers in zip(*counts, strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return next((lane.process.returncode for lane in lanes if lane.process.returncode), 0)


def run_checks() -> int:
    """Check style, types and architecture; give the exit status of the first that fails."""
    say("Checking style, types and architecture ...")
    for tool, *options in CHECKS:
        if status := subprocess.call([TOOLS / tool, *options]):  # noqa: S603 - our own tools
            return status
    return 0


@dataclass(frozen=True)
class Lane:
    """A process of pytest that runs some of the tests."""

    process: subprocess.Popen[bytes]
    report: Path
    """JUnit's XML, which pytest writes at its end."""

    def counts(self) -> tuple[int, int, int]:
        """Count the tests that passed, that failed, and that were skipped.

        A lane that wrote no report counts as one failure.
        """
        if not self.report.is_file():
            return 0, 1, 0
        suites = ET.parse(self.report).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it
        totals = [
            [int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")]
            for suite in suites
        ]
        tests, failures, errors, skipped = (sum(numbers) for numbers in zip(*totals, strict=True))
        return tests - failures - errors - skipped, failures + errors, skipped


@contextlib.contextmanager
def started(name: str, choice: str, *, output: IO[bytes] | None = None) -> Iterator[Lane]:
    """Start a lane with the tests of a choice; interrupt it if it still runs at the end.

    It cleans up then. It is a session of its own, so that an interrupt at the terminal reaches it
    through this process, once.
    """
    report = FOLDER / f"{name}.xml"
    process = subprocess.Popen(  # noqa: S603 - our own tool
        [TOOLS / "pytest", choice, f"--junit-xml={report}"],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )
    try:
        yield Lane(process, report)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()


def say(text: str) -> None:
    """Tell the user how far this is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
