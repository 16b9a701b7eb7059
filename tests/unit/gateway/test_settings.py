from typing import Any

import pydantic
import pytest

from gateway.run_mode import RunMode
from gateway.settings import GatewaySettings
from services.kit.contract import Contract

pytestmark = pytest.mark.unit

DENSEPOSE = Contract("densepose", "tryon.v1.DensePose", 50052, ())
OPENPOSE = Contract("openpose", "tryon.v1.OpenPose", 50055, ())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_PORT", "9000")
    monkeypatch.setenv("TRYON_MAX_CONCURRENT_TRY_ONS", "3")
    settings = GatewaySettings()
    assert (settings.port, settings.max_concurrent_try_ons) == (9000, 3)


def test_settings_do_not_change() -> None:
    settings = GatewaySettings()
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRYON_PORT", "70000"),
        ("TRYON_MAX_CONCURRENT_TRY_ONS", "0"),
        ("TRYON_DEADLINE", "-1"),
        ("TRYON_BACKEND", "magic"),
        ("TRYON_UPLOAD_TIMEOUT", "soon"),
    ],
)
def test_values_out_of_bounds_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(pydantic.ValidationError):
        GatewaySettings()


@pytest.mark.parametrize(
    ("former", "name", "value"),
    [
        ("TRYON_PATIENCE", "stage_deadline_factor", 4.0),
        ("TRYON_MAX_RUNNING", "max_concurrent_try_ons", 3),
        ("TRYON_MAX_WAITING", "max_queued_try_ons", 7),
        ("TRYON_MAX_UPLOADS", "max_concurrent_uploads", 9),
    ],
)
def test_former_names_of_variables_are_accepted(
    monkeypatch: pytest.MonkeyPatch, former: str, name: str, value: float
) -> None:
    monkeypatch.setenv(former, str(value))
    # Compose files pass on every name; those that nobody set are empty.
    monkeypatch.setenv(f"TRYON_{name.upper()}", "")
    assert getattr(GatewaySettings(), name) == value
    monkeypatch.setenv(f"TRYON_{name.upper()}", "2")
    assert getattr(GatewaySettings(), name) == 2
    given: dict[str, Any] = {name: 5}
    assert getattr(GatewaySettings(**given), name) == 5


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        *((mode.value, mode) for mode in RunMode),
        ("in_process", RunMode.EMBEDDED),
        ("grpc", RunMode.REMOTE),
        ("docker", RunMode.ORCHESTRATED),
    ],
)
def test_former_names_of_run_modes_are_accepted(
    monkeypatch: pytest.MonkeyPatch, value: str, mode: RunMode
) -> None:
    monkeypatch.setenv("TRYON_BACKEND", value)
    assert GatewaySettings().backend is mode


def test_services_are_neighbours_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GatewaySettings().address(OPENPOSE) == "127.0.0.1:50055"
    monkeypatch.setenv("TRYON_SERVICE_ADDRESS", "{name}:{port}")
    monkeypatch.setenv("TRYON_ADDRESSES", '{"densepose": "nginx:50052"}')
    settings = GatewaySettings()
    assert settings.address(OPENPOSE) == "openpose:50055"
    assert settings.address(DENSEPOSE) == "nginx:50052"
