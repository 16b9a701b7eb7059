"""The stack on a swarm of one node: what runs, repair, scaling and updates under load."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import docker
import httpx
import numpy as np
import pytest
import yaml
from docker.models.containers import Container

from gateway import __version__
from gateway.backends.contracts import CONTRACTS
from services.kit.pictures import images as pictures
from services.kit.settings import get_settings
from services.kit.types import Image
from tests.e2e.conftest import Server
from tests.e2e.docker.compose import ROOT, Compose
from tests.ports import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.docker,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("engine"),
]

STACK_FILE: Final = ROOT / "deploy" / "swarm" / "stack.yml"
SECONDS: Final = 300.0
"""How long anything may take; nothing here is a test of speed."""

PARALLEL: Final = 2
HOSTS: Final = {contract.host for contract in CONTRACTS}
OURS: Final = "tryon.test"
"""Label of a swarm that these tests made."""

BRIDGE: Final = "docker_gwbridge"
"""The network a swarm makes beside the stack's; it stays when the swarm is left."""

DENSEPOSE_CALLS: Final = """
import asyncio
import numpy as np
from services.densepose.contract import ESTIMATE_SURFACE, EstimateSurfaceRequest
from services.kit.wire import channels
from services.kit.settings import Settings

async def main():
    grey = np.zeros((1024, 768), np.uint8)
    person = np.zeros((1024, 768, 3), np.uint8)
    request = EstimateSurfaceRequest(person, np.zeros((25, 3), np.float32), grey)
    async with channels.connect("tasks.nginx:50052", Settings()) as channel:
        for _ in range(20):
            await channels.call(channel, ESTIMATE_SURFACE, request)

asyncio.run(main())
"""

Found = TypeVar("Found")


class Swarm:
    """A stack of this checkout's images, set by ``environment`` and not by that of the tests."""

    def __init__(self, name: str, **environment: str) -> None:
        self.name = name
        ours = ("TRYON_", "NGINX_")
        kept = {each: value for each, value in os.environ.items() if not each.startswith(ours)}
        self._environment = kept | environment
        self.client = docker.from_env()

    def __call__(self, *arguments: str) -> str:
        """Run a docker command and give what it prints; an AssertionError if it fails."""
        done = subprocess.run(  # noqa: S603 - our own command line
            ["docker", *arguments],  # noqa: S607
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def url(self) -> str:
        """Where the system is served, without a slash at the end."""
        return f"http://127.0.0.1:{self._environment['TRYON_PORT']}"

    def config(self) -> dict[str, Any]:
        """Give the stack file as the engine's command line understands it."""
        config: dict[str, Any] = yaml.safe_load(self("stack", "config", "-c", str(STACK_FILE)))
        return config

    def containers(self, service: str | None = None, *, ended: bool = False) -> list[Container]:
        """List the containers of a service or of the whole stack."""
        label = (
            f"com.docker.swarm.service.name={self.name}_{service}"
            if service
            else f"com.docker.stack.namespace={self.name}"
        )
        return self.client.containers.list(all=ended, filters={"label": label}, ignore_removed=True)

    def healthy(self, service: str) -> set[str | None]:
        """Give the ids of the containers that are in DNS."""
        return {
            each.id
            for each in self.containers(service)
            if each.attrs["State"].get("Health", {}).get("Status") == "healthy"
        }

    def told(self) -> str:
        """Give what went wrong by the tasks and by the containers that are still there."""
        lines = [self("stack", "ps", "--no-trunc", self.name)]
        for container in self.containers(ended=True):
            logged = container.logs(timestamps=True).decode().splitlines()
            odd = [line for line in logged if '"info"' not in line and '"status":200' not in line]
            lines += [str(container.name), *odd[-20:], *logged[-5:]]
        return "\n".join(lines)

    def remove(self) -> None:
        """Remove the stack and wait until nothing of it is left."""
        self("stack", "rm", self.name)
        until(lambda: not self.containers(ended=True))
        until(lambda: not self.client.networks.list(names=[f"{self.name}_"]))
        label = {"label": f"com.docker.stack.namespace={self.name}"}
        for volume in self.client.volumes.list(filters=label):
            volume.remove()
        self.client.close()


def until(found: Callable[[], Found]) -> Found:
    """Wait for something true and give it, but not for ever."""
    ends = time.monotonic() + SECONDS
    while not (it := found()):
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.1)
    return it


def leave_forgotten(client: docker.DockerClient) -> None:
    """Leave the swarm of a run that was killed before it could; containers go with it."""
    swarm = client.info()["Swarm"]
    if swarm["LocalNodeState"] == "active" and swarm["ControlAvailable"]:
        client.swarm.reload()
        if OURS in (client.swarm.attrs["Spec"].get("Labels") or {}):
            client.swarm.leave(force=True)


@pytest.fixture(scope="module")
def node(engine: None) -> Iterator[None]:  # noqa: ARG001
    """A swarm of this one node, reached on the loopback only."""
    client = docker.from_env()
    leave_forgotten(client)
    if client.info()["Swarm"]["LocalNodeState"] != "inactive":
        pytest.skip("this machine is in a swarm that is not the test's; leave it to run this")
    bridged = bool(client.networks.list(names=[BRIDGE]))
    client.swarm.init(
        advertise_addr="127.0.0.1",
        listen_addr="127.0.0.1:2377",
        data_path_addr="127.0.0.1",
        labels={OURS: "yes"},
    )
    yield
    client.swarm.leave(force=True)
    if not bridged:
        for network in client.networks.list(names=[BRIDGE]):
            network.remove()
    client.close()


@pytest.fixture(scope="module")
def swarm(images: None, node: None) -> Iterator[Swarm]:  # noqa: ARG001
    """The stack as README.md deploys it, ready. Whoever changes it puts it back."""
    made = Swarm(
        f"t3-swarm-{os.getpid()}",
        TRYON_PORT=str(free_port()),
        TRYON_MODELS_DIR=str(get_settings().models_dir),
        TRYON_STAGE_DEADLINE_FACTOR="4",
        TRYON_MEMO_MB="0",
        NGINX_RATE="6000",
        NGINX_BURST="1000",
    )
    try:
        made("stack", "deploy", "--resolve-image=never", "-c", str(STACK_FILE), made.name)
        until(lambda: ready(made))
        for service, config in made.config()["services"].items():
            replicas = config["deploy"].get("replicas", 0)
            until(lambda: len(made.healthy(service)) >= replicas)  # noqa: B023 - at once
        yield made
    finally:
        made.remove()


def ready(swarm: Swarm) -> bool:
    try:
        return httpx.get(f"{swarm.url}/readyz", timeout=10).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def files(person: bytes, garment: bytes) -> dict[str, tuple[str, bytes]]:
    return {"image": ("person.jpg", person), "cloth": ("garment.jpg", garment)}


def picture(url: str, files: dict[str, tuple[str, bytes]]) -> Image:
    response = httpx.post(f"{url}/vitons", files=files, timeout=SECONDS)
    assert response.status_code == 200, response.text
    return pictures.decode(response.content)


@pytest.fixture(scope="module")
def expected(server: Server, files: dict[str, tuple[str, bytes]]) -> Image:
    """The picture that one process makes."""
    return picture(server.url, files)


class Load:
    """Pictures all the while, one after the other in each of a few threads."""

    def __init__(self, swarm: Swarm, files: dict[str, tuple[str, bytes]], expected: Image) -> None:
        self._swarm, self._files, self._expected = swarm, files, expected
        self.made = 0
        self.lost: list[str] = []

    @contextmanager
    def around(self) -> Iterator[None]:
        """Keep it up during the block and for a picture in each thread after it."""
        over = threading.Event()

        def client() -> None:
            last = False
            while not last:
                last = over.is_set()
                try:
                    made = picture(self._swarm.url, self._files)
                    np.testing.assert_array_equal(made, self._expected)
                    self.made += 1
                except (AssertionError, httpx.HTTPError) as error:
                    self.lost.append(f"{type(error).__name__}: {error}")

        threads = [threading.Thread(target=client) for _ in range(PARALLEL)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        print(f"{self.made} pictures, lost: {self.lost}")
        if self.lost:
            print(self._swarm.told())
        assert not self.lost
        assert self.made >= PARALLEL


@pytest.fixture
def load(swarm: Swarm, files: dict[str, tuple[str, bytes]], expected: Image) -> Load:
    return Load(swarm, files, expected)


def test_the_stack_has_all_that_compose_has() -> None:
    stack, compose = Swarm("tryon").config(), Compose("tryon-config").config()
    assert (
        set(stack["services"])
        == set(compose["services"])
        == {*HOSTS, "gateway", "nginx", "weights"}
    )
    assert stack["networks"]["inside"]["internal"]
    for name, service in stack["services"].items():
        other = compose["services"][name]
        assert service["image"] == other["image"] == f"tryon/{name}:{__version__}"
        assert set(service["networks"]) == set(other["networks"]), name
        assert bool(service.get("ports")) == (name == "nginx"), name
        for key in ("user", "read_only", "cap_drop", "logging"):
            assert service[key] == other[key], (name, key)
        bounds = [each["deploy"]["resources"]["limits"] for each in (service, other)]
        cores, memory, processes = (
            {float(bound[key]) for bound in bounds} for key in ("cpus", "memory", "pids")
        )
        assert (len(cores), len(memory), len(processes)) == (1, 1, 1), name


def test_images_come_from_the_registry_that_is_named() -> None:
    config = Swarm("tryon", TRYON_REGISTRY="registry.example.com/team/").config()
    for name, service in config["services"].items():
        assert service["image"] == f"registry.example.com/team/tryon/{name}:{__version__}"


def test_every_task_is_shut_in_and_bounded(swarm: Swarm) -> None:
    for container in swarm.containers():
        host, config = container.attrs["HostConfig"], container.attrs["Config"]
        assert config["User"] == "10001:10001"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["Memory"]
        assert host["NanoCpus"]
        assert host["PidsLimit"]
        assert host["LogConfig"]["Config"] == {"max-file": "3", "max-size": "10m"}
        mounts = {mount["Target"]: mount for mount in host["Mounts"]}
        assert set(mounts) <= {"/tmp", "/weights"}  # noqa: S108 - in the container
        assert mounts.get("/weights", {"ReadOnly": True})["ReadOnly"]
        capabilities = output(container, "grep", "-E", "^Cap(Eff|Bnd)", "/proc/1/status")
        assert set(capabilities.split()[1::2]) == {b"0" * 16}


def output(container: Container, *command: str) -> bytes:
    """Run a command in a container and give what it prints."""
    done = container.exec_run(list(command))
    assert isinstance(done.output, bytes)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_picture_is_that_of_one_process(
    swarm: Swarm, files: dict[str, tuple[str, bytes]], expected: Image
) -> None:
    np.testing.assert_array_equal(picture(swarm.url, files), expected)


def test_a_task_killed_in_its_stage_loses_no_picture_and_is_replaced(
    swarm: Swarm, load: Load
) -> None:
    before = swarm.healthy("cloth-mask")
    assert len(before) == 2
    addresses = {address_of(each, swarm): each for each in swarm.containers("cloth-mask")}
    with load.around():
        victim = addresses[until(lambda: at_work(swarm, "cloth_mask"))]
        victim.kill()
        killed = time.monotonic()
        until(lambda: len(swarm.healthy("cloth-mask") - {victim.id}) == 2)
        print(f"replaced within {time.monotonic() - killed:.1f} s")
    assert victim.id in before - swarm.healthy("cloth-mask")


def address_of(container: Container, swarm: Swarm) -> str:
    networks = container.attrs["NetworkSettings"]["Networks"]
    address: str = networks[f"{swarm.name}_inside"]["IPAddress"]
    return address


def at_work(swarm: Swarm, service: str) -> str:
    """Give the address of a replica that works on a call."""
    told = httpx.get(f"{swarm.url}/v1/services", timeout=30).json()["services"]
    (state,) = (each for each in told if each["name"] == service)
    for replica in state["replicas"]:
        if replica["running"]:
            return str(replica["address"]).rpartition(":")[0]
    return ""


def test_new_densepose_replicas_are_used(swarm: Swarm) -> None:
    before = swarm.healthy("densepose")
    assert len(before) == 3
    scale = ("service", "scale", "--detach")
    swarm(*scale, f"{swarm.name}_densepose=5")
    try:
        until(lambda: len(swarm.healthy("densepose")) == 5)
        (gateway, *_) = swarm.containers("gateway")

        def used() -> bool:
            output(gateway, "python", "-c", DENSEPOSE_CALLS)
            return all(calls(each) for each in swarm.containers("densepose"))

        until(used)
    finally:
        swarm(*scale, f"{swarm.name}_densepose=3")
        until(lambda: len(swarm.containers("densepose")) == 3)


def calls(container: Container) -> int:
    """Count the calls that a replica answered well, by its own log."""
    return sum(
        b"/EstimateSurface" in line and b'"OK"' in line for line in container.logs().splitlines()
    )


@pytest.mark.parametrize("service", ["viton", "gateway"])
def test_a_rolling_update_loses_no_picture(swarm: Swarm, load: Load, service: str) -> None:
    before = swarm.healthy(service)
    with load.around():
        swarm("service", "update", "--force", "--detach", f"{swarm.name}_{service}")
        until(lambda: update_state(swarm, service) == "completed")
    after = swarm.healthy(service)
    assert len(after) == len(before) == 2
    assert not after & before


def test_an_update_that_does_not_start_is_taken_back(swarm: Swarm, load: Load) -> None:
    before = swarm.healthy("viton")
    bad = ("--env-add", "TRYON_VITON_ENGINE=none-of-that-name")
    with load.around():
        swarm("service", "update", "--detach", *bad, f"{swarm.name}_viton")
        until(lambda: update_state(swarm, "viton") == "rollback_completed")
    # The replicas that served were never touched: the new one had to serve first.
    assert len(before) == 2
    assert before & swarm.healthy("viton")


def update_state(swarm: Swarm, service: str) -> str:
    how = "--format={{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}"
    return swarm("service", "inspect", how, f"{swarm.name}_{service}").strip()
