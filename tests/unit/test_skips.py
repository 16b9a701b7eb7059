"""A skip is declared, or it fails a strict run; either way it is reported by its reason."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.unit

UNDECLARED: Final = {
    "test": 'def test_skipped(): pytest.skip("no wish to")',
    "module": 'pytest.skip("no wish to", allow_module_level=True)',
    "failure": '@pytest.mark.xfail(reason="no wish to")\ndef test_fails(): assert False',
    "empty": '@pytest.mark.parametrize("x", [])\ndef test_nothing(x): pass',
}
"""Each way not to run a test, or not to mind its failure."""

DEVELOPERS: Final = 'def test_skipped(): pytest.skip("the networks need PyTorch")'
DECLARED: Final = 'def test_skipped(): pytest.skip("PyTorch finds no NVIDIA GPU here")'
PASSES: Final = "def test_passes(): pass"


def run(folder: Path, *options: str, **tests: str) -> tuple[int, str]:
    """Run pytest over files with these tests; give its exit status and what it prints."""
    for name, code in tests.items():
        (folder / f"test_{name}.py").write_text(f"import pytest\n{code}\n")
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "pytest", "-p", "tests.skips", "-p", "no:cacheprovider",
         "-c", os.devnull, "--rootdir", str(folder), *options, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_an_undeclared_skip_fails_a_strict_run(tmp_path: Path) -> None:
    status, told = run(tmp_path, "--strict-skips", passes=PASSES, **UNDECLARED)
    assert status == pytest.ExitCode.TESTS_FAILED, told
    assert "= 4 skipped =" in told
    assert (
        "   2 no wish to\n     (NOT DECLARED in tests/skips.py) test_module.py, test_test" in told
    )
    assert "   1 expected failure: no wish to\n     (NOT DECLARED" in told
    assert "   1 got empty parameter set" in told
    assert told.count("NOT DECLARED") == 3


@pytest.mark.parametrize("way", UNDECLARED)
def test_each_way_to_skip_is_enough_to_fail(tmp_path: Path, way: str) -> None:
    status, told = run(tmp_path, "--strict-skips", passes=PASSES, **{way: UNDECLARED[way]})
    assert status == pytest.ExitCode.TESTS_FAILED, told


def test_what_a_developer_may_lack_ci_may_not(tmp_path: Path) -> None:
    status, told = run(tmp_path, "--strict-skips", lacks=DEVELOPERS)
    assert status == pytest.ExitCode.TESTS_FAILED, told
    assert "(NOT ALLOWED IN CI) test_lacks.py" in told
    status, told = run(tmp_path)
    assert status == pytest.ExitCode.OK, told
    assert "   1 the networks need PyTorch\n" in told
    assert "NOT" not in told


def test_what_is_declared_for_ci_may_be_skipped_there(tmp_path: Path) -> None:
    status, told = run(tmp_path, "--strict-skips", declared=DECLARED)
    assert status == pytest.ExitCode.OK, told
    assert "(these tests compare a GPU's answers with a CPU's) test_declared.py" in told
