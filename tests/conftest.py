"""Shared by every test: the services that exist, the example photos, fresh settings."""

import importlib
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import services
from gateway.orchestrator.settings import get_orchestrator_settings
from gateway.settings import get_gateway_settings
from services.kit.contract import Contract
from services.kit.settings import get_settings

pytest_plugins = ["tests.skips"]

ROOT = Path(__file__).resolve().parents[1]

# Other tests and containers run on the same cores: how long an example takes says nothing.
hypothesis.settings.register_profile(
    "tests", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tests")

SETTINGS_READERS = (get_settings, get_gateway_settings, get_orchestrator_settings)
"""The functions that keep what they once read from the environment."""


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


def forget_settings() -> None:
    """Make the next reader of any settings read the environment again."""
    for reader in SETTINGS_READERS:
        reader.cache_clear()


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """Read settings anew in every test; leave none behind.

    It is set up first among the fixtures of function scope and taken down last, after
    ``monkeypatch`` has restored the environment. Fixtures of session and module scope come before
    it. A test that changes settings after it has read them calls ``forget_settings()``.
    """
    forget_settings()
    yield
    forget_settings()
