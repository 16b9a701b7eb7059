"""The module that the weights image runs."""

import runpy
import sys
from pathlib import Path

import pytest

DOCKERFILE = Path(__file__).parents[5] / "services" / "Dockerfile"


def test_the_weights_image_runs_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert '"-m", "services.kit.model_commands", "fetch"' in DOCKERFILE.read_text()
    monkeypatch.setattr(sys, "argv", ["models", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("services.kit.model_commands", run_name="__main__")
    assert ended.value.code == 0
    assert "fetch" in capsys.readouterr().out
