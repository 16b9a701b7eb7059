"""``docker-compose.venuns.yml``: what it starts, and a try-on through it.

The ancestor's images cannot be had here; containers that run ``tests/fake_upstream.py`` take their
places, names and ports.
"""

import importlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest

from services.kit.pictures import images
from services.kit.settings import get_settings
from services.kit.wire import upstream_containers
from tests.e2e.docker.compose import Compose

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.docker,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("engine"),
]

ROOT: Final = Path(__file__).resolve().parents[3]
FILES: Final = ("docker-compose.yml", "docker-compose.venuns.yml")
ASKED: Final[dict[str, upstream_containers.Rpc[Any, Any]]] = {
    "cloth_mask": upstream_containers.CLOTH_MASK,
    "densepose": upstream_containers.DENSEPOSE,
    "human_parse": upstream_containers.HUMAN_PARSE,
    "agnostic": upstream_containers.AGNOSTIC,
    "viton": upstream_containers.VITON,
}
NGINX_WAITS: Final = 900
UP: Final = ("up", "--detach", "--no-build", "--pull", "never", "--wait")
START_SECONDS: Final = 900.0


def compose_project(*more: Path, **environment: str) -> Compose:
    """The compose files, and more laid over them, as one project of its own."""
    return Compose(f"t3-adapter-{os.getpid()}", *FILES, *more, **environment)


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    services: dict[str, Any] = compose_project().config()["services"]
    return services


@pytest.mark.parametrize("name", ASKED)
def test_a_service_asks_a_container_that_is_there(config: dict[str, Any], name: str) -> None:
    ours = config[name.replace("_", "-")]
    address = ours["environment"][f"TRYON_{name.upper()}_VENUNS_ADDRESS"]
    assert address == ASKED[name].address
    assert ours["environment"][f"TRYON_{name.upper()}_ENGINE"] == "venuns"
    assert "venuns" in importlib.import_module(f"services.{name}.service").ENGINES
    host, port = address.split(":")
    assert ours["depends_on"][host]["condition"] == "service_healthy"
    assert f", {port})" in config[host]["healthcheck"]["test"][-1]


def test_the_ancestors_containers_are_shut_in(config: dict[str, Any]) -> None:
    theirs = {name: each for name, each in config.items() if each["image"].startswith("venuns/")}
    assert {rpc.address.split(":")[0] for rpc in ASKED.values()} == set(theirs)
    for each in theirs.values():
        assert set(each["networks"]) == {"inside"}
        assert not each.get("ports")
        assert not each.get("volumes")
        assert each["cap_drop"] == ["ALL"]
        assert int(each["deploy"]["resources"]["limits"]["memory"]) > 0


def test_nobody_gives_up_before_the_one_behind(config: dict[str, Any]) -> None:
    gateway = config["gateway"]["environment"]
    whole = float(gateway["TRYON_DEADLINE"])
    assert whole < NGINX_WAITS
    assert f"proxy_read_timeout {NGINX_WAITS}s;" in (ROOT / "nginx" / "nginx.conf").read_text()
    for name in ASKED:
        contract = importlib.import_module(f"services.{name}.contract").CONTRACT
        assert (
            contract.methods[0].deadline_seconds * float(gateway["TRYON_STAGE_DEADLINE_FACTOR"])
            >= 500
        )
        seconds = float(config[name.replace("_", "-")]["environment"]["TRYON_VENUNS_DEADLINE"])
        assert seconds <= whole
    # nginx gives a DensePose replica up after seconds, so it is not between them here.
    assert json.loads(gateway["TRYON_ADDRESSES"])["densepose"] == "densepose:50052"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Compose, str]]:
    """Everything up, with stand-ins; and nginx's address."""
    places = {
        rpc.address.split(":")[0]: (name, rpc.address.split(":")[1]) for name, rpc in ASKED.items()
    }
    image = compose_project().config()["services"]["densepose"]["image"]
    stand_ins = {
        "services": {
            host: {
                "image": image,
                "command": ["python3", "fake_upstream.py", name, port],
                "working_dir": "/stand-in",
                "volumes": [f"{ROOT / 'tests' / 'fake_upstream.py'}:/stand-in/fake_upstream.py:ro"],
            }
            for host, (name, port) in places.items()
        }
    }
    file = tmp_path_factory.mktemp("venuns") / "stand-ins.yml"
    file.write_text(json.dumps(stand_ins))
    compose = compose_project(
        file,
        TRYON_PORT="0",
        TRYON_MODELS_DIR=str(get_settings().models_dir),
        TRYON_CPUS="1",
        TRYON_VENUNS_CPUS="1",
    )
    try:
        compose(*UP, seconds=START_SECONDS)
        yield compose, "http://" + compose("port", "nginx", "8888").strip()
    finally:
        compose("down", "--volumes", "--timeout", "2")


def post(url: str, examples: Path) -> httpx.Response:
    with (
        (examples / "person.jpg").open("rb") as image,
        (examples / "garment.jpg").open("rb") as cloth,
        httpx.Client(trust_env=False, timeout=600) as client,
    ):
        return client.post(f"{url}/vitons", files={"image": image, "cloth": cloth})


def test_a_try_on_goes_through_the_containers(running: tuple[Compose, str], examples: Path) -> None:
    compose, url = running
    answer = post(url, examples)
    assert answer.status_code == 200, answer.text
    picture = images.decode(answer.content)
    garment = images.decode((examples / "garment.jpg").read_bytes())
    # The stand-in paints the chest in the garment's mean colour.
    cloth = garment[garment.min(axis=2) < 150].mean(axis=0)
    np.testing.assert_allclose(picture[520:760, 350:550].mean(axis=(0, 1)), cloth, atol=8)

    compose("stop", "--timeout", "5", "venuns-vitons")
    refused = post(url, examples)
    assert (refused.status_code, refused.json()["stage"]) == (503, "try_on")
    assert "venuns-vitons:50059" in refused.json()["detail"]
    compose(*UP, "venuns-vitons", seconds=START_SECONDS)
    assert post(url, examples).status_code == 200
