"""``docker compose up`` as a user runs it: the same picture, only one door, and bounded."""

import asyncio
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest
from docker.models.containers import Container

from gateway import __version__
from gateway.backends.contracts import CONTRACTS
from services.kit.pictures import images as pictures
from services.kit.settings import Settings
from services.kit.wire import channels
from tests.e2e.conftest import Server
from tests.e2e.docker.compose import Compose
from tests.e2e.docker.test_nginx import Load, calls, until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.docker,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("engine"),
]

ONCE: Final = "weights"
"""The service that has ended before the others start."""

HOSTS: Final = {contract.host for contract in CONTRACTS}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return Compose("tryon-config").config()


def test_every_service_of_the_pipeline_is_there_and_nothing_else(config: dict[str, Any]) -> None:
    assert set(config["services"]) == {*HOSTS, "gateway", "nginx", ONCE}


def test_images_carry_this_version(config: dict[str, Any]) -> None:
    wanted = {name: f"tryon/{name}:{__version__}" for name in config["services"]}
    assert {name: each["image"] for name, each in config["services"].items()} == wanted


def test_every_container_is_shut_in(config: dict[str, Any]) -> None:
    for name, service in config["services"].items():
        assert service["user"] == "10001:10001", name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name
        assert service["deploy"]["resources"]["limits"]["pids"], name
        assert "docker.sock" not in json.dumps(service), name
        networks = {"nginx": {"inside", "outside"}, ONCE: {"outside"}}.get(name, {"inside"})
        assert set(service["networks"]) == networks, name
        assert bool(service.get("ports")) == (name == "nginx"), name
        for volume in service.get("volumes", []):
            assert volume["target"] == "/weights", name
            assert volume.get("read_only", False) == (name != ONCE), name
    assert config["networks"]["inside"]["internal"]


def test_containers_run_as_they_are_described(stack: Compose) -> None:
    for name in (*HOSTS, "gateway", "nginx"):
        for container in stack.containers(name):
            assert container.attrs["State"]["Health"]["Status"] == "healthy"
            assert run(container, "id -u") == "10001"
            refused = container.exec_run(["sh", "-c", "touch /opt/x 2>&1"])
            assert refused.exit_code != 0
            assert b"Read-only file system" in refused.output
            assert run(container, "grep CapEff /proc/self/status").split()[-1] == "0" * 16
    assert len(stack.containers("densepose")) == 3


def test_an_image_holds_its_own_service_only(stack: Compose) -> None:
    for contract in CONTRACTS:
        (container, *_) = stack.containers(contract.host)
        held = run(
            container,
            "cd /opt/venv/lib/python3*/site-packages && ls services && ls",
        ).split()
        others = {other.name for other in CONTRACTS} - {contract.name}
        assert contract.name in held
        assert not others & set(held)
        assert not {"gateway", "fastapi", "docker", "pip"} & set(held)
    for name, absent in (("agnostic", "cv2|scipy|onnxruntime"), ("resize", "scipy|onnxruntime")):
        (container, *_) = stack.containers(name)
        packages = run(container, "ls /opt/venv/lib/python3*/site-packages")
        assert not re.search(rf"^({absent}|ai_edge_litert)$", packages, re.MULTILINE)


def test_no_way_out_of_a_service(stack: Compose) -> None:
    (viton, *_) = stack.containers("viton")
    script = "import socket; socket.create_connection(('192.0.2.1', 80), 3)"
    tried = viton.exec_run(["python", "-c", script])
    assert tried.exit_code != 0
    assert b"Network is unreachable" in tried.output


def test_the_picture_is_that_of_one_process(
    stack: Compose, server: Server, person: bytes, garment: bytes
) -> None:
    files = {"image": ("person.jpg", person), "cloth": ("garment.jpg", garment)}
    answers = [
        httpx.post(f"{url}/vitons", files=files, timeout=180) for url in (stack.url, server.url)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    in_containers, in_one_process = (pictures.decode(answer.content) for answer in answers)
    np.testing.assert_array_equal(in_containers, in_one_process)


def test_the_page_has_its_examples(stack: Compose) -> None:
    assert httpx.get(f"{stack.url}/index").status_code == 200
    assert httpx.get(f"{stack.url}/examples/person.jpg").status_code == 200


def test_three_replicas_are_told(stack: Compose) -> None:
    services = httpx.get(f"{stack.url}/v1/services", timeout=10).json()["services"]
    told = {service["name"]: service for service in services}
    assert set(told) == {contract.name for contract in CONTRACTS}
    assert {service["health"] for service in services} == {"serving"}
    assert len(told["densepose"]["replicas"]) == 3
    assert all(replica["memory"] for replica in told["densepose"]["replicas"])


async def test_scaling_is_picked_up_without_a_restart(
    stack: Compose, capsys: pytest.CaptureFixture[str]
) -> None:
    (nginx,) = stack.containers("nginx")
    networks = nginx.attrs["NetworkSettings"]["Networks"]
    caller = channels.RetryingClient(
        f"{networks[f'{stack.project}_inside']['IPAddress']}:50052", Settings()
    )
    started = nginx.attrs["State"]["StartedAt"]
    scale = ("up", "--detach", "--no-recreate", "--no-deps", "--wait", "--scale")
    try:
        async with Load(caller).around():
            await asyncio.to_thread(stack, *scale, "densepose=5", "densepose")
            returned = time.monotonic()
            added = stack.containers("densepose")[3:]
            assert len(added) == 2
            await asyncio.to_thread(until, lambda: all(calls(each.name or "") for each in added))
            waited = time.monotonic() - returned
    finally:
        await asyncio.to_thread(stack, *scale, "densepose=3", "densepose")
        await caller.close()
    nginx.reload()
    assert nginx.attrs["State"]["StartedAt"] == started
    with capsys.disabled():
        print(f"\nboth new replicas used {waited:.1f} s after the command had returned")


@pytest.mark.usefixtures("images")
def test_the_weights_are_fetched_into_an_empty_volume(tmp_path: Path) -> None:
    compose = Compose(f"tryon-weights-{tmp_path.name}")
    try:
        compose("run", "--rm", "--no-TTY", "weights", seconds=600)
        listed = compose(
            "run", "--rm", "--no-TTY", "weights",
            "python", "-m", "services.kit.model_commands", "list", "--json",
        )  # fmt: skip
        states = {each["file"]: each["state"] for each in json.loads(listed) if each["default"]}
        assert states
        assert set(states.values()) == {"present"}
    finally:
        compose("down", "--volumes")


@pytest.mark.usefixtures("images")
def test_an_unknown_service_is_refused_with_its_name() -> None:
    done = subprocess.run(
        ["docker", "build", "--file", "services/Dockerfile", "--build-arg", "SERVICE=vitton", "."],  # noqa: S607
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "vitton" in done.stderr


def run(container: Container, script: str) -> str:
    done = container.exec_run(["sh", "-c", script])
    assert isinstance(done.output, bytes)
    assert done.exit_code == 0, done.output
    return done.output.decode().strip()
