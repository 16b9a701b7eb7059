"""Shared by every test: the services that exist, the example photos, fresh settings."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import services
from services.kit.contract import Contract
from services.kit.settings import get_settings

ROOT = Path(__file__).resolve().parents[1]


def contracts() -> list[Contract]:
    """Every service's contract, found by its folder, so that a new service is tested unasked."""
    folders = sorted(Path(services.__file__).parent.glob("*/contract.py"))
    modules = [importlib.import_module(f"services.{file.parent.name}.contract") for file in folders]
    return [module.CONTRACT for module in modules if hasattr(module, "CONTRACT")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``contract`` or ``method`` runs once for each there is."""
    if "contract" in metafunc.fixturenames:
        metafunc.parametrize("contract", contracts(), ids=lambda contract: contract.name)
    if "method" in metafunc.fixturenames:
        methods = [method for contract in contracts() for method in contract.methods]
        ids = [f"{method.service}.{method.rpc}" for method in methods]
        metafunc.parametrize("method", methods, ids=ids)


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder with the sample photos ``person.jpg`` and ``garment.jpg``."""
    return ROOT / "examples"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Set ``TRYON_*`` variables here: the settings are read anew, before and after."""
    get_settings.cache_clear()
    yield monkeypatch
    get_settings.cache_clear()
