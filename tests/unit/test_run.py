"""``python -m tests.run`` over a small project: checks, two lanes, one count, one exit status."""

from pathlib import Path
from typing import Final

import pytest

from tests import run
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

CONFIGURATION: Final = """
[pytest]
addopts = -p no:cacheprovider
"""
CONTAINERS: Final = "def test_in_a_container(): pass\n"
TESTS: Final = """
import pytest

def test_passes(): pass

def test_is_skipped(): pytest.skip("no wish to")
"""
FAILS: Final = """
import pytest

def test_fails(): assert False

@pytest.fixture
def broken(): raise OSError

def test_errs(broken): pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three tests, with checks that pass."""
    (tmp_path / "pytest.ini").write_text(CONFIGURATION)
    (tmp_path / "test_two.py").write_text(TESTS)
    containers = tmp_path / run.CONTAINERS
    containers.mkdir(parents=True)
    (containers / "test_container.py").write_text(CONTAINERS)
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
    assert told.index("1 passed, 1 skipped") < told.index("1 passed in")
    assert told.endswith("\n2 passed, 0 failed, 1 skipped\n")
    assert (project / "kept" / "containers.log").read_text() in told


@pytest.mark.parametrize("folder", ["", run.CONTAINERS])
def test_a_failure_in_either_lane_fails_the_run(
    project: Path, capfd: pytest.CaptureFixture[str], folder: str
) -> None:
    (project / folder / "test_more.py").write_text(FAILS)
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


def test_all_that_needs_an_engine_is_in_the_lane_of_the_containers() -> None:
    marked = {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "tests").rglob("test_*.py")
        if "pytest.mark.docker" in file.read_text() and file != Path(__file__)
    }
    folder = ROOT / run.CONTAINERS
    assert marked == {file.relative_to(ROOT).as_posix() for file in folder.glob("test_*.py")}
