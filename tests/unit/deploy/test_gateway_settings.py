"""Settings in containers: they reach the gateway and the services, and the memo has room."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gateway.settings import GatewaySettings
from services.kit.settings import Settings

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[3]
STACKS = ("docker-compose.yml", "docker-compose.orchestrator.yml", "deploy/swarm/stack.yml")
UNITS = {"M": 2**20, "G": 2**30}

TRY_ON_BYTES: Final = 1_060_000_000
"""Peak of a gateway that makes one picture of two photos of 25 megapixels while three wait.
Measured with services as processes."""


def services_of(file: str) -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / file).read_text())["services"]
    return services


def gateway_of(file: str) -> dict[str, Any]:
    found: dict[str, Any] = services_of(file)["gateway"]
    return found


def memory_of(gateway: dict[str, Any]) -> int:
    text: str = gateway["deploy"]["resources"]["limits"]["memory"]
    return int(text[:-1]) * UNITS[text[-1]]


def needed_bytes(memo_mb: int) -> int:
    files = 2 * GatewaySettings().max_concurrent_uploads * Settings().max_upload_bytes
    # What is remembered keeps some free memory between its parts.
    return TRY_ON_BYTES + files + memo_mb * 1_300_000


@pytest.mark.parametrize("file", STACKS)
@pytest.mark.parametrize("name", ["TRYON_MEMO_MB", "TRYON_MEMO_SECONDS"])
def test_the_memo_is_set_from_outside(file: str, name: str) -> None:
    environment = gateway_of(file)["environment"]
    assert name in environment
    assert environment[name] in (None, f"${{{name}:-}}")


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/swarm/stack.yml"])
@pytest.mark.parametrize("name", ["TRYON_MEMO_MB", "TRYON_MEMO_SECONDS"])
def test_the_try_on_remembers_as_the_gateway_does(file: str, name: str) -> None:
    services = yaml.safe_load((ROOT / file).read_text())["services"]
    assert services["viton"]["environment"][name] == services["gateway"]["environment"][name]


@pytest.mark.parametrize("file", STACKS)
def test_the_gateway_has_room_for_the_memo(file: str) -> None:
    assert memory_of(gateway_of(file)) >= needed_bytes(GatewaySettings().memo_mb)


def test_the_gateway_of_a_small_machine_has_room_for_a_smaller_memo() -> None:
    small = gateway_of("docker-compose.small.yml")
    default = small["environment"]["TRYON_MEMO_MB"]
    assert default == "${TRYON_MEMO_MB:-64}"
    assert memory_of(small) >= needed_bytes(64)


@pytest.mark.parametrize("file", STACKS)
def test_the_precision_is_set_from_outside_for_every_service(file: str) -> None:
    services = services_of(file)
    served = [
        each for each in services.values() if "TRYON_ENGINE_PRESET" in each.get("environment", {})
    ]
    assert served
    for service in served:
        assert service["environment"]["TRYON_PRECISION"] in (None, "${TRYON_PRECISION:-}")
