"""What can be set from outside, and within which bounds."""

import ast
import inspect
import os
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.kit import settings
from services.kit.settings import Settings, get_settings

pytestmark = pytest.mark.unit


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_MAX_PIXELS", "4000000")
    assert get_settings().max_pixels == 4_000_000
    monkeypatch.setenv("TRYON_MAX_PIXELS", "5000000")
    assert get_settings().max_pixels == 4_000_000


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_THREADS", "")
    assert Settings().threads >= 1


def test_the_models_folder_may_be_under_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", "~/weights")
    assert Settings().models_dir == Path.home() / "weights"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRYON_THREADS", "0"),
        ("TRYON_PORT", "65536"),
        ("TRYON_WORKERS", "none"),
        ("TRYON_QUEUE_SIZE", "-1"),
        ("TRYON_LOG_FORMAT", "xml"),
        ("TRYON_SHUTDOWN_GRACE", "-1"),
    ],
)
def test_values_outside_their_bounds_are_refused(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_message_limit_too_small_for_a_picture_is_refused() -> None:
    assert Settings(max_pixels=1_000_000, max_message_bytes=8_000_000)
    with pytest.raises(ValidationError, match="max_message_bytes must be at least"):
        Settings(max_pixels=2_000_000, max_message_bytes=8_000_000)


def test_nobody_can_change_them() -> None:
    with pytest.raises(ValidationError):
        Settings().threads = 3


def test_every_field_says_what_it_means() -> None:
    (definition,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(definition, ast.ClassDef)
    undocumented = [
        ast.unparse(statement.target)
        for statement, following in pairwise(definition.body)
        if isinstance(statement, ast.AnnAssign)
        and not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant))
    ]
    assert undocumented == []


@pytest.mark.parametrize(
    ("content", "most"),
    [("max 100000", None), ("150000 100000", 2), ("20000 100000", 1), ("nonsense", None)],
)
def test_threads_respect_a_container_quota(tmp_path: Path, content: str, most: int | None) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(content)
    cores = settings.usable_cores(file)
    everything = settings.usable_cores(tmp_path / "absent")
    assert everything <= (os.cpu_count() or 1)
    assert cores == (everything if most is None else min(everything, most))
