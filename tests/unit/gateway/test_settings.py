import pydantic
import pytest

from gateway.settings import GatewaySettings
from services.kit.contract import Contract

pytestmark = pytest.mark.unit

DENSEPOSE = Contract("densepose", "tryon.v1.DensePose", 50052, ())
OPENPOSE = Contract("openpose", "tryon.v1.OpenPose", 50055, ())


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_PORT", "9000")
    monkeypatch.setenv("TRYON_MAX_RUNNING", "3")
    settings = GatewaySettings()
    assert (settings.port, settings.max_running) == (9000, 3)


def test_settings_do_not_change() -> None:
    settings = GatewaySettings()
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        settings.port = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRYON_PORT", "70000"),
        ("TRYON_MAX_RUNNING", "0"),
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


def test_services_are_neighbours_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GatewaySettings().address(OPENPOSE) == "127.0.0.1:50055"
    monkeypatch.setenv("TRYON_SERVICE_ADDRESS", "{name}:{port}")
    monkeypatch.setenv("TRYON_ADDRESSES", '{"densepose": "nginx:50052"}')
    settings = GatewaySettings()
    assert settings.address(OPENPOSE) == "openpose:50055"
    assert settings.address(DENSEPOSE) == "nginx:50052"
