"""The reasons for which a test may be skipped, and the report of what was.

With ``--strict-skips``, as continuous integration runs, a skip fails the run if its reason is not
declared here for CI, and so does an expected failure. A developer's machine may lack more.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import pytest


@dataclass(frozen=True, kw_only=True)
class DeclaredSkip:
    """A reason for which tests may be skipped."""

    reason: str
    """Regular expression that is found in the reason that the test gives."""

    because: str
    """Why it is right not to run these tests."""

    in_ci: bool
    """Whether CI may skip for it; else a developer's machine only."""


DECLARED: Final = (
    DeclaredSkip(
        reason=r"PyTorch finds no NVIDIA GPU|ONNX Runtime's build for NVIDIA GPUs",
        because="these tests compare a GPU's answers with a CPU's",
        in_ci=True,
    ),
    DeclaredSkip(
        reason=r"PyTorch has a GPU here|this ONNX Runtime knows (CUDA|TensorRT)",
        because="these tests are of the message that a machine without a GPU gives",
        in_ci=True,
    ),
    DeclaredSkip(
        reason=r"TRYON_PARITY_FULL=1",
        because="the same check runs at a smaller size",
        in_ci=True,
    ),
    DeclaredSkip(
        reason=r"building deploy/kubernetes needs kubectl",
        because="Debian 12 has no kubectl that is recent enough",
        in_ci=True,
    ),
    DeclaredSkip(
        reason=r"\.\./shared/cases",
        because="the recorded cases are not published",
        in_ci=True,
    ),
    DeclaredSkip(
        reason=r"no Docker engine with compose answers|the engine's socket is not at",
        because="the containers need an engine",
        in_ci=False,
    ),
    DeclaredSkip(
        reason=r"machine is in a swarm that is not the test's",
        because="the tests would change that swarm",
        in_ci=False,
    ),
    DeclaredSkip(
        reason=r"needs? (PyTorch|safetensors)",
        because="PyTorch is for conversion only: pip install 'tryon[convert]'",
        in_ci=False,
    ),
    DeclaredSkip(
        reason=r"run `bash run\.sh models",
        because="`bash run.sh test` fetches the weights; pytest alone does not",
        in_ci=False,
    ),
    DeclaredSkip(
        reason=r"no network:",
        because="the package registries cannot be reached",
        in_ci=False,
    ),
    DeclaredSkip(
        reason=r"no Chromium here|curl is not installed",
        because="a tool of the machine is missing",
        in_ci=False,
    ),
    DeclaredSkip(
        reason=r"this system does not listen on|one loopback address only|only glibc|only Linux",
        because="another operating system, or one without IPv6",
        in_ci=False,
    ),
)


def find_declaration(reason: str) -> DeclaredSkip | None:
    """Find the entry that declares a reason, if there is one."""
    return next((each for each in DECLARED if re.search(each.reason, reason)), None)


class SkipReport:
    """Collects the skips of a run, reports them by reason, and holds them against the list."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._skipped: dict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reason of a test that was skipped or has failed as expected."""
        self._keep(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep the reason of a module that was skipped as a whole."""
        self._keep(report)

    def _keep(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped:
            return
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
        else:
            reason = "expected failure: " + getattr(report, "wasxfail", "").removeprefix("reason: ")
        self._skipped[reason].append(report.nodeid)

    def _refused(self, reason: str) -> bool:
        declared = find_declaration(reason)
        return self._strict and not (declared and declared.in_ci)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run that is green but for a skip that is not declared."""
        if any(map(self._refused, self._skipped)) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print how many tests were skipped, by reason, and which of them should not be."""
        if not self._skipped:
            return
        terminalreporter.section(f"{sum(map(len, self._skipped.values()))} skipped")
        for reason, tests in sorted(self._skipped.items(), key=lambda each: -len(each[1])):
            declared = find_declaration(reason)
            if self._refused(reason):
                verdict = "NOT ALLOWED IN CI" if declared else "NOT DECLARED in tests/skips.py"
            else:
                verdict = declared.because if declared else "not declared in tests/skips.py"
            terminalreporter.line(f"{len(tests):4} {reason}")
            terminalreporter.line(f"     ({verdict}) {', '.join(files_of(tests))}")


def files_of(tests: Iterable[str]) -> list[str]:
    """Name the files of tests, each once."""
    return sorted({test.partition("::")[0] for test in tests})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-skips",
        action="store_true",
        help="fail for a skip whose reason tests/skips.py does not declare for CI",
    )


def pytest_configure(config: pytest.Config) -> None:
    strict: bool = config.getoption("strict_skips")
    config.pluginmanager.register(SkipReport(strict=strict), "skip-report")
