"""The identity of a service: whatever changes its answers changes it, and nothing else does."""

import os
from pathlib import Path

import pytest

from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.weights import identity, store
from tests.conftest import forget_settings

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings' models folder, with two networks of the user's own in it."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    for name in ("net.bin", "other.bin"):
        (tmp_path / name).write_bytes(b"some network")
    return tmp_path


def identify(engine: str = "test", *files: str, reproducible: bool = True) -> str:
    def load() -> Service:
        for file in files or ("net.bin",):
            store.find_weights(file)
        return Service(engine=engine, handlers={}, reproducible=reproducible)

    return identity.load_identified("resize", load).identity


def test_the_same_service_has_the_same_identity(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = identify()
    assert first
    assert identify() == first
    os.utime(folder / "net.bin", (1, 1))
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "net.bin").write_bytes(b"some network")
    monkeypatch.setenv("TRYON_MODELS_DIR", str(elsewhere))
    forget_settings()
    assert identify() == first


def test_another_engine_or_weight_file_is_another_identity(folder: Path) -> None:
    identities = [identify(), identify("other"), identify("test", "net.bin", "other.bin")]
    identities += [identify("test", "other.bin")]
    status = (folder / "net.bin").stat()
    # Of the same size and age.
    (folder / "net.bin").write_bytes(b"SOME network")
    os.utime(folder / "net.bin", ns=(status.st_atime_ns, status.st_mtime_ns))
    identities += [identify()]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TRYON_VITON_SEED", "1"), ("TRYON_PGN_SCALES", "1.0"), ("TRYON_ONNX_PROVIDER", "cuda")],
)
def test_a_setting_that_changes_responses_changes_the_identity(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identify()
    monkeypatch.setenv(variable, value)
    forget_settings()
    assert identify() != before


@pytest.mark.parametrize(
    ("variable", "value"), [("TRYON_THREADS", "7"), ("TRYON_PORT", "1"), ("TRYON_WORKERS", "3")]
)
def test_a_setting_that_changes_no_response_does_not(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identify()
    monkeypatch.setenv(variable, value)
    forget_settings()
    assert identify() == before


def test_neutral_settings_are_settings() -> None:
    assert Settings.model_fields.keys() >= identity.NEUTRAL_SETTINGS


def test_an_updated_package_changes_the_identity(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identify()
    packages = tmp_path_factory.mktemp("packages")
    (packages / "numpy-99.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(packages)
    identity.installed_packages.cache_clear()
    try:
        assert identify() != before
    finally:
        identity.installed_packages.cache_clear()


def test_changed_code_changes_the_identity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("services/resize", "services/kit"):
        (tmp_path / "code" / name).mkdir(parents=True)
        (tmp_path / "code" / name / "core.py").write_text("one = 1\n")
    monkeypatch.setattr(identity, "ROOT", tmp_path / "code")
    identities = []
    for file in ("services/resize/core.py", "services/kit/core.py", "services/resize/net.onnx"):
        (tmp_path / "code" / file).write_text("two = 2\n")
        identity.code_digest.cache_clear()
        identities.append(identify())
    identity.code_digest.cache_clear()
    assert len(set(identities)) == 3


def test_a_service_that_is_not_reproducible_has_none() -> None:
    assert identify(reproducible=False) == ""
