"""The orchestrator on the real engine: real services, real deaths."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol, cast

import docker
import httpx
import numpy as np
import pytest
from docker.models.containers import Container

from gateway.backends.contracts import CONTRACTS
from gateway.inventory import Health, ServiceState, StartPolicy
from gateway.orchestrator.backend import OrchestratedBackend
from gateway.orchestrator.container_spec import OWNER, SERVICE
from gateway.orchestrator.settings import OrchestratorSettings
from services.agnostic.contract import REMOVE_GARMENT, RemoveGarmentRequest
from services.densepose.contract import ESTIMATE_SURFACE, EstimateSurfaceRequest
from services.kit.errors import (
    ContainersUnavailable,
    DeadlineExceeded,
    ServiceUnavailable,
    WeightsMissing,
)
from services.kit.settings import Settings
from services.resize.contract import FIT, FitRequest, FitResponse
from tests.e2e.docker.compose import Compose
from tests.ports import free_port

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.docker,
    pytest.mark.timeout(120),
    pytest.mark.usefixtures("engine", "images"),
]

SECONDS: Final = 60.0
SMALL: Final = FitRequest(np.zeros((400, 300, 3), np.uint8))

JOINTS: Final = np.zeros((25, 3), np.float32)
PERSON: Final = np.zeros((1024, 768, 3), np.uint8)
SURFACE: Final = EstimateSurfaceRequest(PERSON, JOINTS, np.zeros((1024, 768), np.uint8))
AGNOSTIC: Final = RemoveGarmentRequest(PERSON, np.zeros((1024, 768), np.uint8), JOINTS)


class Orchestrate(Protocol):
    """Makes an orchestrator with a prefix of its own; closed with the test."""

    def __call__(
        self, *services: str, settings: Settings | None = None, **docker: Any
    ) -> OrchestratedBackend: ...


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


@pytest.fixture
def prefix() -> str:
    return f"tryon-test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
async def orchestrate(
    tmp_path: Path, prefix: str, client: docker.DockerClient
) -> AsyncIterator[Orchestrate]:
    made: list[OrchestratedBackend] = []

    def make(*services: str, settings: Settings | None = None, **told: Any) -> OrchestratedBackend:
        chosen = OrchestratorSettings(**{"prefix": prefix, "resident": (), **told})
        contracts = [contract for contract in CONTRACTS if contract.name in services]
        made.append(
            OrchestratedBackend(
                settings or Settings(models_dir=tmp_path), chosen, tmp_path / "run", contracts
            )
        )
        return made[-1]

    yield make
    for each in made:
        await each.close()
    assert not ours(client, prefix)


def ours(client: docker.DockerClient, prefix: str, service: str = "") -> list[Container]:
    """List the test's containers, dead ones too."""
    named = f"{prefix}-{service.replace('_', '-')}"
    found = client.containers.list(all=True, filters={"name": named}, ignore_removed=True)
    return sorted(found, key=lambda container: str(container.name))


async def until(condition: Callable[[], Awaitable[Any] | Any]) -> None:
    """Wait for something that happens elsewhere; the test's time limit ends it."""
    while True:
        told = condition()
        if await told if isinstance(told, Awaitable) else told:
            return
        await asyncio.sleep(0.05)


async def state(backend: OrchestratedBackend, name: str) -> ServiceState:
    return next(each for each in await backend.services() if each.name == name)


async def fit(
    backend: OrchestratedBackend, request: FitRequest = SMALL, seconds: float = SECONDS
) -> None:
    answer = await backend.call(FIT, request, seconds, "test")
    assert cast("FitResponse", answer.response).image.shape == (1024, 768, 3)


async def surface(backend: OrchestratedBackend) -> None:
    await backend.call(ESTIMATE_SURFACE, SURFACE, SECONDS, "test")


async def agnostic(backend: OrchestratedBackend, seconds: float = SECONDS) -> None:
    await backend.call(REMOVE_GARMENT, AGNOSTIC, seconds, "test")


async def test_residents_run_from_the_start_and_are_hardened(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    backend = orchestrate("densepose", "resize", resident=("densepose",))
    assert not any((await backend.ready()).values())
    await backend.start()
    assert await backend.ready() == {"densepose": True, "resize": True}
    told = await state(backend, "densepose")
    assert (told.start_policy, told.health, told.engine) == (
        StartPolicy.RESIDENT,
        Health.SERVING,
        "geometric",
    )
    assert len(told.replicas) == 3
    assert all(replica.memory for replica in told.replicas)
    assert not ours(client, prefix, "resize")
    for container in ours(client, prefix, "densepose"):
        host, config = container.attrs["HostConfig"], container.attrs["Config"]
        assert config["User"] == "10001:10001"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Memory"] == host["MemorySwap"] == 512 * 2**20
        assert 0 < host["NanoCpus"] <= client.info()["NCPU"] * 10**9
        assert host["PidsLimit"] == 256
        assert host["RestartPolicy"]["Name"] in ("", "no")
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "3"}
        assert [(mount["Destination"], mount["RW"]) for mount in container.attrs["Mounts"]] == [
            ("/weights", False)
        ]
        (published,) = container.attrs["NetworkSettings"]["Ports"]["50052/tcp"]
        assert published["HostIp"] == "127.0.0.1"
    await surface(backend)


async def test_calls_spread_evenly_over_the_replicas(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    backend = orchestrate("densepose", resident=("densepose",))
    await backend.start()
    # In rounds: on a busy machine a replica that is slower would else get fewer.
    for _ in range(30):
        await asyncio.gather(*(surface(backend) for _ in range(3)))
    took = [
        container.logs().count(b'"rpc": "EstimateSurface"')
        or container.logs().count(b"/EstimateSurface")
        for container in ours(client, prefix, "densepose")
    ]
    assert sum(took) == 90
    assert min(took) >= 25


async def test_on_demand_starts_once_for_all_callers_and_stops_when_idle(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    backend = orchestrate("resize", idle_seconds=1.0)
    await backend.start()
    told = await state(backend, "resize")
    assert (told.start_policy, told.health, told.replicas) == (
        StartPolicy.ON_DEMAND,
        Health.STOPPED,
        (),
    )
    for _ in range(2):
        await asyncio.gather(*(fit(backend) for _ in range(5)))
        assert len(ours(client, prefix, "resize")) == 1
        assert (await state(backend, "resize")).health is Health.SERVING
        await until(lambda: not ours(client, prefix))
        assert (await backend.ready())["resize"]


@pytest.mark.parametrize("replicas", [1, 3])
async def test_a_killed_container_is_replaced_and_no_call_is_lost(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str, replicas: int
) -> None:
    backend = orchestrate("densepose", resident=("densepose",), replicas={"densepose": replicas})
    await backend.start()
    before = {container.name for container in ours(client, prefix)}
    done: Counter[str] = Counter()
    enough = asyncio.Event()

    async def work() -> None:
        while not enough.is_set():
            await surface(backend)
            done["calls"] += 1

    workers = [asyncio.create_task(work()) for _ in range(4)]
    await until(lambda: done["calls"] >= 8)
    victim = ours(client, prefix)[0]
    await asyncio.to_thread(victim.kill)

    async def is_whole() -> bool:
        serving = (await state(backend, "densepose")).replicas
        names = {container.name for container in ours(client, prefix)}
        return victim.name not in names and len(serving) == replicas

    await until(is_whole)
    calls = done["calls"]
    await until(lambda: done["calls"] >= calls + 8)
    enough.set()
    await asyncio.gather(*workers)
    after = {container.name for container in ours(client, prefix)}
    assert len(after & before) == replicas - 1
    told = await state(backend, "densepose")
    assert told.health is Health.SERVING
    assert "killed" in (told.last_error or "")


async def test_a_paused_container_is_replaced_and_its_calls_are_made_again(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    backend = orchestrate(
        "densepose",
        resident=("densepose",),
        replicas={"densepose": 2},
        unhealthy_seconds=3.0,
    )
    await backend.start()
    victim = ours(client, prefix)[0]
    victim.pause()
    await asyncio.gather(*(surface(backend) for _ in range(6)))

    async def is_whole() -> bool:
        healths = [each.health for each in (await state(backend, "densepose")).replicas]
        names = {container.name for container in ours(client, prefix)}
        return victim.name not in names and healths == [Health.SERVING] * 2

    await until(is_whole)
    assert "health check" in ((await state(backend, "densepose")).last_error or "")


async def test_out_of_memory_is_told_and_the_service_comes_back(
    orchestrate: Orchestrate,
) -> None:
    backend = orchestrate("resize", resident=("resize",), memory_mib={"resize": 160})
    await backend.start()
    large = FitRequest(np.zeros((5000, 5000, 3), np.uint8))
    with pytest.raises(ServiceUnavailable):
        await fit(backend, large)

    async def is_told() -> bool:
        return "out of memory" in ((await state(backend, "resize")).last_error or "")

    await until(is_told)
    told = (await state(backend, "resize")).last_error or ""
    assert "160 MiB" in told
    assert "TRYON_DOCKER_MEMORY_MIB" in told
    await fit(backend)


async def test_the_budget_lets_services_take_turns(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    backend = orchestrate(
        "resize", "agnostic", budget_mib=600, memory_mib={"resize": 512, "agnostic": 512}
    )
    await backend.start()
    most = 0
    enough = asyncio.Event()

    async def count() -> None:
        nonlocal most
        while not enough.is_set():
            most = max(most, len(await asyncio.to_thread(ours, client, prefix)))
            await asyncio.sleep(0.05)

    counting = asyncio.create_task(count())
    await fit(backend)
    await agnostic(backend)
    # Both at once, each in the other's way.
    await asyncio.gather(*(call(backend) for call in (fit, agnostic) for _ in range(3)))
    enough.set()
    await counting
    assert most == 1


async def test_a_service_at_work_is_not_stopped_for_another(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    backend = orchestrate(
        "resize",
        "agnostic",
        budget_mib=600,
        memory_mib={"resize": 512, "agnostic": 512},
        unhealthy_seconds=60.0,
    )
    await backend.start()
    await fit(backend)
    (container,) = ours(client, prefix)
    container.pause()
    working = asyncio.create_task(fit(backend))
    await asyncio.sleep(0.2)
    with pytest.raises(DeadlineExceeded, match="agnostic"):
        await agnostic(backend, seconds=1.5)
    assert [each.name for each in ours(client, prefix)] == [container.name]
    waiting = asyncio.create_task(agnostic(backend))
    await asyncio.sleep(0.2)
    container.unpause()
    await asyncio.gather(working, waiting)
    assert {each.labels[SERVICE] for each in ours(client, prefix)} == {"agnostic"}


async def test_residents_that_do_not_fit_run_on_demand(orchestrate: Orchestrate) -> None:
    backend = orchestrate(
        "resize",
        "agnostic",
        resident=("agnostic", "resize"),
        budget_mib=800,
        memory_mib={"resize": 512, "agnostic": 512},
    )
    await backend.start()
    told = await state(backend, "resize")
    assert (told.start_policy, told.health) == (StartPolicy.ON_DEMAND, Health.STOPPED)
    assert "TRYON_DOCKER_BUDGET_MIB" in (told.last_error or "")
    await fit(backend)


async def test_a_budget_that_is_too_small_is_refused_at_the_start(
    orchestrate: Orchestrate,
) -> None:
    backend = orchestrate("densepose", budget_mib=1500)
    with pytest.raises(ContainersUnavailable, match=r"1536 MiB.*TRYON_DOCKER_BUDGET_MIB"):
        await backend.start()


async def test_missing_images_are_named_with_the_remedy(orchestrate: Orchestrate) -> None:
    backend = orchestrate("resize", image="tryon-test/none-{host}:0")
    with pytest.raises(ContainersUnavailable, match=r"none-resize:0.*docker compose build"):
        await backend.start()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
async def test_without_an_engine_the_remedy_is_told(
    orchestrate: Orchestrate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    backend = orchestrate("resize")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    said = ""
    try:
        await backend.start()
    except ContainersUnavailable as error:
        said = error.message
    assert "start Docker" in said
    # The SDK leaves the socket open that it could not connect; let it go within this test.
    gc.collect()


async def test_what_a_service_lacks_is_told_as_it_tells_it(orchestrate: Orchestrate) -> None:
    backend = orchestrate("human_parse", resident=("human_parse",))
    with pytest.raises(WeightsMissing, match=r"run\.sh models"):
        await backend.start()


async def test_a_service_that_cannot_start_does_not_hold_up_its_callers(
    orchestrate: Orchestrate,
) -> None:
    backend = orchestrate("human_parse", "resize")
    await backend.start()
    parse = next(each for each in CONTRACTS if each.name == "human_parse").methods[0]
    with pytest.raises(WeightsMissing):
        await backend.call(parse, parse.request(PERSON, JOINTS), SECONDS, "test")
    told = await state(backend, "human_parse")
    assert told.health is Health.FAILING
    assert "weights_missing" in (told.last_error or "")
    assert await backend.ready() == {"human_parse": False, "resize": True}


async def test_closing_lets_calls_in_flight_finish(orchestrate: Orchestrate) -> None:
    backend = orchestrate("resize", resident=("resize",))
    await backend.start()
    calls = [asyncio.create_task(fit(backend)) for _ in range(3)]
    await asyncio.sleep(0)
    await backend.close()
    await asyncio.gather(*calls)
    with pytest.raises(ServiceUnavailable, match="shutting down"):
        await fit(backend)


async def test_containers_of_others_are_left_alone(
    orchestrate: Orchestrate, client: docker.DockerClient
) -> None:
    image = OrchestratorSettings().image_of(CONTRACTS[0])
    name = f"test-foreign-{uuid.uuid4().hex[:8]}"
    labels = {OWNER: "somebody", SERVICE: "resize", "tryon.home": "elsewhere"}
    foreign = [
        client.containers.run(
            image, ["sleep", "300"], entrypoint="", name=f"{name}-{index}", labels=each, detach=True
        )
        for index, each in enumerate(({}, labels))
    ]
    try:
        backend = orchestrate("resize", resident=("resize",))
        await backend.start()
        await fit(backend)
        await backend.close()
        for container in foreign:
            container.reload()
            assert container.status == "running"
    finally:
        for container in foreign:
            container.remove(force=True)


async def test_a_gateway_in_a_container_reaches_services_over_its_network(
    orchestrate: Orchestrate, client: docker.DockerClient, prefix: str
) -> None:
    network = client.networks.create(prefix)
    try:
        backend = orchestrate("resize", resident=("resize",), network=prefix)
        await backend.start()
        # A bridge's machine reaches its containers as its neighbours do.
        await fit(backend)
        (container,) = ours(client, prefix)
        assert not container.attrs["HostConfig"]["PortBindings"]
        assert list(container.attrs["NetworkSettings"]["Networks"]) == [prefix]
        await backend.close()
    finally:
        network.remove()


class Gateway:
    """``tryon serve --orchestrate`` in a process of its own."""

    def __init__(self, folder: Path, prefix: str) -> None:
        self.port = free_port()
        self._log = folder / f"{self.port}.log"
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve", "--orchestrate"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    **os.environ,
                    "TRYON_PORT": str(self.port),
                    "TRYON_RUN_DIR": str(folder / "run"),
                    "TRYON_MODELS_DIR": str(folder),
                    "TRYON_DOCKER_PREFIX": prefix,
                    "TRYON_DOCKER_RESIDENT": "resize,agnostic",
                },
            )

    def wait_until_ready(self) -> None:
        ends = time.monotonic() + 120
        while time.monotonic() < ends and self.process.poll() is None:
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        pytest.fail(f"the gateway did not start:\n{self._log.read_text()[-3000:]}")


def test_what_a_killed_gateway_left_is_cleaned_up_by_the_next(
    tmp_path: Path, client: docker.DockerClient, prefix: str
) -> None:
    killed = Gateway(tmp_path, prefix)
    try:
        killed.wait_until_ready()
    finally:
        killed.process.kill()
        killed.process.wait()
    left = {container.name for container in ours(client, prefix)}
    assert len(left) == 2
    # Beside one that lives, which it must not touch.
    first, second = Gateway(tmp_path, prefix), None
    try:
        first.wait_until_ready()
        firsts = {container.name for container in ours(client, prefix)}
        assert len(firsts) == 2
        assert not firsts & left
        second = Gateway(tmp_path, prefix)
        second.wait_until_ready()
        assert firsts < {container.name for container in ours(client, prefix)}
    finally:
        for gateway in (first, second):
            if gateway:
                gateway.process.send_signal(signal.SIGTERM)
        statuses = [gateway.process.wait(60) for gateway in (first, second) if gateway]
    assert statuses == [0, 0]
    assert not ours(client, prefix)


def test_the_compose_file_runs_a_gateway_that_orchestrates(
    tmp_path: Path, client: docker.DockerClient, prefix: str
) -> None:
    socket = Path("/var/run/docker.sock")
    if not socket.is_socket():
        pytest.skip(f"the engine's socket is not at {socket}")
    compose = Compose(
        prefix,
        "docker-compose.orchestrator.yml",
        DOCKER_GID=str(socket.stat().st_gid),
        TRYON_PORT=str(free_port()),
        TRYON_DOCKER_NETWORK=prefix,
        TRYON_DOCKER_PREFIX=f"{prefix}-service",
        TRYON_DOCKER_RESIDENT="resize",
        TRYON_DOCKER_WEIGHTS=str(tmp_path),
    )
    try:
        compose("up", "--detach", "--wait")
        transport = httpx.HTTPTransport(retries=3)
        with httpx.Client(base_url=compose.url, transport=transport, timeout=10) as http:
            ends = time.monotonic() + 60
            while not http.get("/readyz").is_success:
                assert time.monotonic() < ends, compose("logs")
                time.sleep(0.1)
            told = {each["name"]: each for each in http.get("/v1/services").json()["services"]}
        assert told["resize"]["start_policy"] == "resident"
        assert told["resize"]["health"] == "serving"
        assert told["viton"]["health"] == "stopped"
        (service,) = ours(client, f"{prefix}-service")
        assert list(service.attrs["NetworkSettings"]["Networks"]) == [prefix]
        assert not service.attrs["HostConfig"]["PortBindings"]
        assert client.networks.get(prefix).attrs["Internal"]
    finally:
        compose("down", "--volumes")
    assert not ours(client, prefix)
