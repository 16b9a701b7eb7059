"""Which address the health check of a container asks."""

import pytest

from services.kit.wire import probe
from services.resize.contract import CONTRACT


def test_the_services_own_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE", "resize")
    monkeypatch.delenv("TRYON_PORT", raising=False)
    assert probe.own_address() == f"127.0.0.1:{CONTRACT.port}"
    monkeypatch.setenv("TRYON_PORT", "7000")
    assert probe.own_address() == "127.0.0.1:7000"


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("", "Name an address, as HOST:PORT, or a service"),
        ("shadow", r"SERVICE=shadow names no service: there is no services/shadow/contract\.py"),
    ],
)
def test_a_service_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, service: str, message: str
) -> None:
    monkeypatch.setenv("SERVICE", service)
    with pytest.raises(SystemExit, match=message):
        probe.own_address()
