"""``python -m tests.run`` over a small project: checks, two lanes, one count, one exit status."""

from pathlib import Path
from typing import Final

import pytest

from tests import run

pytestmark = pytest.mark.unit

CONFIGURATION: Final = """
[pytest]
markers =
    docker
addopts = -p no:cacheprovider
"""
TESTS: Final = """
import pytest

@pytest.mark.docker
def test_in_a_container(): print("seen in the container")

def test_passes(): pass

def test_is_skipped(): pytest.skip("no wish to")
"""
FAILS: Final = """
import pytest

{mark}
def test_fails(): assert False

@pytest.fixture
def broken(): raise OSError

{mark}
def test_errs(broken): pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three tests, with checks that pass."""
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    (tmp_path / "test_three.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(run, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(run, "CHECKS", (("python", "-c", ""),))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "")
    return tmp_path


def test_both_lanes_run_and_are_counted_together(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run.main([]) == 0
    told = capfd.readouterr().out
    assert told.index("1 passed, 1 skipped") < told.index("1 passed, 2 deselected")
    assert told.endswith("\n2 passed, 0 failed, 1 skipped\n")
    assert (project / "kept" / "containers.log").read_text() in told


@pytest.mark.parametrize("mark", ["", "@pytest.mark.docker"])
def test_a_failure_in_either_lane_fails_the_run(
    project: Path, capfd: pytest.CaptureFixture[str], mark: str
) -> None:
    (project / "test_more.py").write_text(FAILS.format(mark=mark))
    assert run.main([]) == pytest.ExitCode.TESTS_FAILED
    assert capfd.readouterr().out.endswith("\n2 passed, 2 failed, 1 skipped\n")


def test_a_lane_that_does_not_get_to_its_end_is_a_failure(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "test_dies.py").write_text("import os\ndef test_dies(): os._exit(9)\n")
    assert run.main([]) == 9
    assert capfd.readouterr().out.endswith("\n1 passed, 1 failed, 0 skipped\n")


@pytest.mark.usefixtures("project")
def test_a_check_that_fails_ends_the_run(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "CHECKS", (("python", "-c", "raise SystemExit(3)"), ("none",)))
    assert run.main([]) == 3
    assert run.main(["-q"]) == 3
    assert "passed" not in capfd.readouterr().out


@pytest.mark.usefixtures("project")
def test_arguments_go_to_one_process_of_pytest(capfd: pytest.CaptureFixture[str]) -> None:
    assert run.main(["-q", "-k", "passes or container"]) == 0
    assert "2 passed, 1 deselected" in capfd.readouterr().out
