"""What ``run.sh`` does for ``models add`` and ``test``; Python and pip are stand-ins."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PYTHON = """#!/usr/bin/env bash
here=$(cd -- "$(dirname -- "$0")/../.." && pwd)
case "$*" in
  *find_spec*) [[ -e $here/torch ]] ;;
  *install*torch==*) echo "pip install torch" >>"$here/log" && touch "$here/torch" ;;
  *install*) echo "pip install" >>"$here/log" ;;
  *tests.run*) echo "python $*" >>"$here/log" ;;
esac
"""
TRYON = """#!/usr/bin/env bash
here=$(cd -- "$(dirname -- "$0")/../.." && pwd)
echo "tryon $*" >>"$here/log"
[[ $* != *broken* ]] || exit 1
[[ $* != *add* || $* == *onnx* || -e $here/torch ]] || exit 4
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose .venv holds stand-ins that write down how they were called."""
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (tmp_path / "protos").mkdir()
    for name in ("run.sh", "pyproject.toml", "hatch_build.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements.lock").write_text("numpy==2.4.6\n")
    stand_ins = {"python": PYTHON, "tryon": TRYON}
    for name, text in stand_ins.items():
        (bin_folder / name).write_text(text)
        (bin_folder / name).chmod(0o755)
    (tmp_path / "chromium").write_text("#!/bin/sh\n")
    (tmp_path / "chromium").chmod(0o755)
    return tmp_path


def run(checkout: Path, *arguments: str, ci: str = "") -> tuple[int, list[str], str]:
    done = subprocess.run(  # noqa: S603 - our own script
        ["bash", str(checkout / "run.sh"), *arguments],  # noqa: S607
        env={**os.environ, "CI": ci, "PATH": f"{checkout}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    log = (checkout / "log").read_text().splitlines()
    return done.returncode, [line for line in log if line != "pip install"], done.stderr


def test_pytorch_is_installed_when_a_network_wants_it(checkout: Path) -> None:
    status, log, said = run(checkout, "models", "add", "my file.pth", "--as", "net")
    assert status == 0
    add = "tryon models add my file.pth --as net"
    assert log == [add, "pip install torch", add]
    assert "Installing PyTorch into .venv (once; 0.2 GB to download for the CPU" in said


def test_it_is_not_installed_twice_nor_without_need(checkout: Path) -> None:
    (checkout / "torch").touch()
    assert run(checkout, "models", "add", "a.pth", "--as", "net")[1] == [
        "tryon models add a.pth --as net"
    ]
    (checkout / "torch").unlink()
    status, log, _ = run(checkout, "models", "add", "a.onnx", "--as", "net")
    assert (status, log[1:]) == (0, ["tryon models add a.onnx --as net"])


def test_what_went_wrong_is_the_exit_status(checkout: Path) -> None:
    status, log, _ = run(checkout, "models", "add", "broken.pth", "--as", "net")
    assert (status, log) == (1, ["tryon models add broken.pth --as net"])


def test_other_commands_of_models_pass_through(checkout: Path) -> None:
    assert run(checkout, "models", "list", "--json")[1] == ["tryon models list --json"]


@pytest.mark.parametrize("ci", ["true", ""])
def test_the_tests_run_alike_with_and_without_ci(checkout: Path, ci: str) -> None:
    """What CI needs besides stands in ``.ci/run``."""
    status, log, _ = run(checkout, "test", "tests/unit", ci=ci)
    assert (status, log[1:]) == (0, ["python -m tests.run tests/unit"])


def test_pytorch_has_one_version() -> None:
    run_sh, convert = (
        (ROOT / file).read_text(encoding="utf-8") for file in ("run.sh", "networks/convert.py")
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pin,) = [each for each in project["optional-dependencies"]["convert"] if "torch" in each]
    (installed,) = re.findall(r"^TORCH=\((\S+) ", run_sh, re.MULTILINE)
    (tested,) = re.findall(r'^TESTED: Final = "(.+)"$', convert, re.MULTILINE)
    assert installed == pin, "TORCH of run.sh and the extra 'convert' of pyproject.toml differ"
    assert pin.startswith(f"torch=={tested}."), "TESTED of networks/convert.py is another release"
