"""``bash run.sh`` with containers: start, look, stop; and what it says where it cannot."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from services.kit.settings import get_settings
from tests.e2e.docker.compose import ROOT, Compose
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(900)]


def run_sh(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own script
        ["bash", str(ROOT / "run.sh"), *arguments],  # noqa: S607
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.mark.usefixtures("images")
def test_it_starts_what_a_bare_run_would_and_stops_it() -> None:
    project, port = f"tryon-run-{os.getpid()}", free_port()
    environment = {
        "COMPOSE_PROJECT_NAME": project,
        "TRYON_MODELS_DIR": str(get_settings().models_dir),
    }
    try:
        started = run_sh(f"--port={port}", environment=environment)
        assert started.returncode == 0, started.stderr
        assert f"Ready: http://127.0.0.1:{port}/index" in started.stderr
        assert httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200
        stopped = run_sh("stop", environment=environment)
        assert stopped.returncode == 0, stopped.stderr
        assert "Stopped the containers" in stopped.stderr
        assert not Compose(project).containers("gateway")
    finally:
        Compose(project)("down", "--volumes", "--timeout", "5")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--docker", "--embedded"), "containers do not take '--embedded'"),
        (("--docker", "--port"), "--port needs a value"),
    ],
)
@pytest.mark.usefixtures("engine")
def test_a_wrong_command_line_is_told(arguments: tuple[str, ...], sentence: str) -> None:
    done = run_sh(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr


def test_no_engine_is_told_with_the_other_way(tmp_path: Path) -> None:
    for name in ("bash", "dirname", "sed"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    done = run_sh("--docker", environment={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "no Docker engine with compose answers" in done.stderr
    assert "bash run.sh --embedded" in done.stderr
