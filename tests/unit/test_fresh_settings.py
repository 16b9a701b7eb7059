"""No test sees settings that another one has read."""

import ast
from pathlib import Path
from typing import Final

import pytest

from gateway.orchestrator.settings import OrchestratorSettings, get_orchestrator_settings
from gateway.settings import GatewaySettings, get_gateway_settings
from services.kit.settings import Settings, get_settings
from tests.conftest import ROOT, SETTINGS_READERS, forget_settings

pytestmark = pytest.mark.unit

PACKAGES: Final = ("bench", "gateway", "networks", "services", "training")
CACHES: Final = ("cache", "cached_property")
"""What the name of a decorator ends with that keeps a function's answer."""

ENVIRONMENT: Final = ("settings", "environ")
"""Words in the code of a function that reads the environment, whatever their case."""


@pytest.mark.parametrize("run", ["one", "other"])
def test_what_one_test_leaves_behind_the_next_does_not_see(
    run: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert get_settings() == Settings()
    assert get_gateway_settings() == GatewaySettings()
    assert get_orchestrator_settings() == OrchestratorSettings()
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("TRYON_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("TRYON_DOCKER_PREFIX", run)
    forget_settings()
    # Read, and kept: nothing here forgets them.
    assert get_settings().models_dir == tmp_path
    assert get_gateway_settings().run_dir == tmp_path
    assert get_orchestrator_settings().prefix == run


def cached_readers(file: Path) -> set[str]:
    """Name a module's functions that keep what they have read from the environment."""
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
        and any(
            ast.unparse(each).partition("(")[0].endswith(CACHES) for each in node.decorator_list
        )
        and any(word in ast.unparse(node).lower() for word in ENVIRONMENT)
    }


def test_everything_that_keeps_settings_is_made_to_forget_them() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    found = {name for file in files for name in cached_readers(file)}
    assert found == {reader.__name__ for reader in SETTINGS_READERS}, (
        "add the function to SETTINGS_READERS in tests/conftest.py"
    )
