"""What fails, what a client sees of it, and how soon all is well again: docs/reliability.md.

Each test breaks one thing in the whole system, under load where that makes a difference, and puts
it back. With ``TRYON_RELIABILITY_REPORT=FILE`` what was measured is kept, for bench/reliability.py.
"""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import docker
import httpx
import numpy as np
import pytest
from docker.models.containers import Container

from gateway.backends.contracts import CONTRACTS
from gateway.problem import MEDIA_TYPE, ProblemDetails
from services.densepose.contract import ESTIMATE_SURFACE, EstimateSurfaceRequest
from services.kit.contract import Contract
from services.kit.pictures import images as pictures
from services.kit.settings import Settings
from services.kit.types import Image
from services.kit.wire import channels
from tests.e2e.docker.compose import Compose

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(900)]

SECONDS: Final = 60.0
"""How long any recovery may take; nothing here is a test of speed."""

PICTURE_SECONDS: Final = 180.0
LIST: Final = "/tmp/nginx/densepose.conf"  # noqa: S108 - in the container
MIB: Final = 2**20
HOSTS: Final = {contract.host for contract in CONTRACTS}

KILL_AT_WORK: Final = """
import asyncio, os, signal, sys
from pathlib import Path
from services.kit.wire import channels, server_status
from services.kit.settings import get_settings

name, port = sys.argv[1:]
module = f"services.{name}".encode()
[server] = [
    int(each.parent.name) for each in Path("/proc").glob("[0-9]*/cmdline")
    if each.read_bytes().split(b"\\0")[1:3] == [b"-m", module]
]

async def main():
    async with channels.connect(f"127.0.0.1:{port}", get_settings()) as channel:
        print("watching", flush=True)
        request = server_status.StatusRequest()
        while not (await channels.call(channel, server_status.GET, request)).running:
            await asyncio.sleep(0.005)
    os.kill(server, signal.SIGKILL)

asyncio.run(main())
"""
"""Run in a service's container: kills the server as soon as it works on a call."""

KILL_NGINX: Final = "kill -9 $(cat /tmp/nginx/nginx.pid)"
FILL: Final = "cat /dev/zero >/tmp/full 2>/dev/null; df /tmp | tail -1"


@dataclass(frozen=True)
class Row:
    """One line of docs/reliability.md; seconds are measured."""

    failure: str
    saw: str
    sent: int
    lost: int
    slowest: float | None
    recovery: float | None
    test: str


class Report:
    """Keeps rows, one a test, in a file if one was named."""

    def __init__(self, test: str, say: Callable[[str], None]) -> None:
        self._test = test
        self._say = say

    def add(
        self,
        failure: str,
        saw: str,
        *,
        sent: int,
        recovery: float | None = None,
        lost: int = 0,
        slowest: float | None = None,
    ) -> None:
        row = Row(failure, saw, sent, lost, slowest, recovery, self._test)
        self._say(f"\n{row}")
        path = Path(os.environ.get("TRYON_RELIABILITY_REPORT", os.devnull))
        rows = json.loads(path.read_text()) if path.is_file() else {}
        rows[self._test] = asdict(row)
        path.write_text(json.dumps(rows, indent=2))


@pytest.fixture
def report(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Report:
    def say(text: str) -> None:
        with capsys.disabled():
            print(text)

    return Report(request.node.name, say)


class Person:
    """A client with two photos who knows what the picture looks like."""

    def __init__(self, url: str, files: dict[str, bytes]) -> None:
        self.url = f"{url}/vitons"
        self.files = files
        self.expected: Image | None = None

    async def ask(self, http: httpx.AsyncClient) -> httpx.Response:
        """Send both photos; a picture is as expected, and anything else a problem object."""
        answer = await http.post(self.url, files=self.files)
        if answer.is_success:
            picture = pictures.decode(answer.content)
            if self.expected is None:
                self.expected = picture
            np.testing.assert_array_equal(picture, self.expected)
        else:
            problem_of(answer)
        return answer

    async def picture(self, http: httpx.AsyncClient) -> float:
        """Get the picture, and the seconds it took."""
        began = time.monotonic()
        answer = await self.ask(http)
        assert answer.status_code == 200, answer.text
        return time.monotonic() - began

    @asynccontextmanager
    async def events(self, http: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[str]]:
        """Send both photos and give what is told of the progress, line by line."""
        headers = {"Accept": "text/event-stream"}
        async with http.stream("POST", self.url, files=self.files, headers=headers) as answer:
            assert answer.status_code == 200
            yield answer.aiter_lines()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=PICTURE_SECONDS, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def client(stack: Compose, person: bytes, garment: bytes) -> Person:
    """Somebody who was given a picture already, while all was well."""
    made = Person(stack.url, {"image": person, "cloth": garment})

    async def first() -> None:
        async with httpx.AsyncClient(timeout=PICTURE_SECONDS, trust_env=False) as http:
            await made.picture(http)

    asyncio.run(first())
    return made


@pytest.fixture(autouse=True)
def back_to_normal(stack: Compose) -> Iterator[None]:
    """Every test ends with everything serving."""
    yield
    ready(stack)


def problem_of(answer: httpx.Response) -> ProblemDetails:
    assert answer.headers["content-type"] == MEDIA_TYPE
    problem = ProblemDetails.model_validate_json(answer.content, strict=True)
    assert problem.status == answer.status_code
    return problem


def until(holds: Callable[[], bool], seconds: float = SECONDS) -> float:
    """Wait for it, but not for ever; give the seconds it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() < began + seconds, "it did not come about"
        time.sleep(0.05)
    return time.monotonic() - began


def is_ready(stack: Compose) -> bool:
    try:
        return httpx.get(f"{stack.url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def ready(stack: Compose) -> float:
    """Wait until every service, and all three replicas, serve."""
    return until(lambda: is_ready(stack) and len(listed(stack)) == 3)


def listed(stack: Compose) -> set[str]:
    """Give the addresses of the replicas that nginx uses."""
    (nginx,) = stack.containers("nginx")
    try:
        lines = run(nginx, "cat", LIST).splitlines()
    except docker.errors.APIError:
        return set()
    return {
        line.split()[1].partition(":")[0] for line in lines if line.endswith("fail_timeout=1s;")
    }


def run(container: Container, *command: str) -> str:
    """Run a command in a container and give what it prints."""
    printed = container.exec_run(list(command)).output
    assert isinstance(printed, bytes)
    return printed.decode()


def inside(stack: Compose, container: Container) -> str:
    """Give a container's address in the network of the services."""
    container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"]
    address: str = networks[f"{stack.project}_inside"]["IPAddress"]
    return address


def log_of(container: Container, request_id: str) -> list[dict[str, Any]]:
    """Give what a container logged about one request."""
    lines = container.logs().decode().splitlines()
    events = [json.loads(line) for line in lines if line.startswith("{")]
    return [event for event in events if event.get("request_id") == request_id]


def told(stack: Compose, name: str) -> dict[str, Any]:
    """Give what the gateway tells of a service."""
    services = httpx.get(f"{stack.url}/v1/services", timeout=10).json()["services"]
    [state] = [service for service in services if service["name"] == name]
    return dict(state)


# A replica is lost


def surface_request() -> EstimateSurfaceRequest:
    joints = [[384.0, 100.0 + 30 * index, 1.0] for index in range(25)]
    return EstimateSurfaceRequest(
        image=np.zeros((1024, 768, 3), np.uint8),
        keypoints=np.array(joints, np.float32),
        person_mask=np.pad(np.full((900, 300), 255, np.uint8), ((62, 62), (234, 234))),
    )


def reconnect(stack: Compose, replica: Container) -> None:
    network = docker.from_env().networks.get(f"{stack.project}_inside")
    network.connect(replica, aliases=["densepose"])


def disconnect(stack: Compose, replica: Container) -> None:
    docker.from_env().networks.get(f"{stack.project}_inside").disconnect(replica, force=True)


BREAKING: Final[dict[str, tuple[Callable[[Compose, Container], None], ...]]] = {
    "killed": (lambda _, each: each.kill(), lambda _, each: each.start()),
    "paused": (lambda _, each: each.pause(), lambda _, each: each.unpause()),
    "cut off": (disconnect, reconnect),
}


@pytest.mark.parametrize("how", BREAKING)
async def test_a_replica_is_lost_under_load(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report, how: str
) -> None:
    lose, put_back = BREAKING[how]
    (nginx,) = stack.containers("nginx")
    replica = stack.containers("densepose")[0]
    address = inside(stack, replica)
    stop = asyncio.Event()
    surfaces: list[float] = []
    made: list[float] = []

    async def call_for_surfaces(caller: channels.RetryingClient) -> None:
        while not stop.is_set():
            began = time.monotonic()
            await caller.call(ESTIMATE_SURFACE, surface_request(), timeout=30)
            surfaces.append(time.monotonic() - began)

    async def ask_for_pictures() -> None:
        while not stop.is_set():
            made.append(await client.picture(http))

    caller = channels.RetryingClient(f"{inside(stack, nginx)}:50052", Settings())
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(call_for_surfaces(caller))
            tasks.create_task(ask_for_pictures())
            await asyncio.to_thread(until, lambda: len(surfaces) > 10)
            began = time.monotonic()
            await asyncio.to_thread(lose, stack, replica)
            try:
                await asyncio.to_thread(until, lambda: address not in listed(stack))
                passed_over = time.monotonic() - began
                goal = len(made) + 1
                await asyncio.to_thread(until, lambda: len(made) >= goal, PICTURE_SECONDS)
            finally:
                began = time.monotonic()
                await asyncio.to_thread(put_back, stack, replica)
            await asyncio.to_thread(until, lambda: len(listed(stack)) == 3)
            back = time.monotonic() - began
            goal = len(made) + 1
            await asyncio.to_thread(until, lambda: len(made) >= goal, PICTURE_SECONDS)
            stop.set()
    finally:
        await caller.close()
    report.add(
        f"a DensePose replica {how}",
        f"nothing: every call and every picture came; passed over after {passed_over:.1f} s",
        sent=len(surfaces) + len(made),
        slowest=max(surfaces),
        recovery=back,
    )


# A service ends while it works


@contextmanager
def killed_at_work(stack: Compose, contract: Contract) -> Iterator[None]:
    """Kill the service's server as soon as it works on a call of the block."""
    (container,) = stack.containers(contract.host)
    watch = ["python", "-c", KILL_AT_WORK, contract.name, str(contract.port)]
    with subprocess.Popen(  # noqa: S603 - our own command line
        ["docker", "exec", str(container.name), *watch],  # noqa: S607
        stdout=subprocess.PIPE,
    ) as watching:
        try:
            assert watching.stdout
            assert watching.stdout.readline() == b"watching\n"
            yield
        finally:
            watching.kill()


STAGES: Final = {"cloth_mask": "cloth_mask", "viton": "try_on"}
"""A service to the stage that calls it."""


@pytest.mark.parametrize("name", STAGES)
async def test_a_service_ends_in_the_middle_of_its_stage(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report, name: str
) -> None:
    [contract] = [each for each in CONTRACTS if each.name == name]
    (container,) = stack.containers(contract.host)
    restarts = container.attrs["RestartCount"]
    with killed_at_work(stack, contract):
        answer = await client.ask(http)
    assert answer.status_code == 200, answer.text
    container.reload()
    assert container.attrs["RestartCount"] == restarts + 1
    (gateway,) = stack.containers("gateway")
    said = log_of(gateway, answer.headers["x-request-id"])
    [again] = [event for event in said if event["event"] == "called again"]
    assert again["service"] == name
    seconds = timings(answer)[STAGES[name]]
    report.add(
        f"the {name} service killed in the middle of its stage",
        f"its picture; the stage took {seconds:.1f} s",
        sent=1,
        slowest=timings(answer)["total"],
        recovery=restarted_after(container),
    )


def timings(answer: httpx.Response) -> dict[str, float]:
    """Give every stage's seconds."""
    parts = (part.partition(";dur=") for part in answer.headers["server-timing"].split(", "))
    return {name: float(value) / 1e3 for name, _, value in parts}


def restarted_after(container: Container) -> float:
    """Tell how long a service that ended was gone, by the engine's clock and its own log."""
    container.reload()
    ended = datetime.fromisoformat(container.attrs["State"]["FinishedAt"][:26] + "+00:00")
    lines = container.logs(timestamps=True).decode().splitlines()
    serving = [line.partition(" ")[0] for line in lines if '"event": "serving"' in line]
    return (datetime.fromisoformat(serving[-1][:26] + "+00:00") - ended).total_seconds()


async def test_a_service_runs_out_of_memory(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report
) -> None:
    (container,) = stack.containers("cloth-mask")
    limit = container.attrs["HostConfig"]["Memory"]
    # What it has taken for earlier pictures it keeps.
    container.restart()
    ready(stack)
    restarts = restarts_of(container)
    used = told(stack, "cloth_mask")["memory"]
    # Enough to start with, and far too little for a picture.
    small = used + 100 * MIB
    container.update(mem_limit=small, memswap_limit=small)
    try:
        began = time.monotonic()
        answer = await client.ask(http)
        refused = time.monotonic() - began
        problem = problem_of(answer)
        assert (problem.status, problem.code) == (503, "service_unavailable")
        assert problem.stage == "cloth_mask"
        assert "memory" in problem.detail
        # Sent twice, never more: each time it took the server with it.
        until(lambda: restarts_of(container) >= restarts + 2)
        assert restarts_of(container) == restarts + 2
        assert "cloth_mask service ended" in told(stack, "cloth_mask")["last_error"]
    finally:
        began = time.monotonic()
        container.update(mem_limit=limit, memswap_limit=limit)
    seconds = await client.picture(http)
    report.add(
        "cloth_mask out of memory: killed by the kernel at each of the two attempts",
        f"{problem.status} {problem.code} after {refused:.1f} s; its next request, the memory "
        f"given back, its picture after {seconds:.1f} s",
        sent=2,
        lost=1,
        recovery=time.monotonic() - began,
    )


def restarts_of(container: Container) -> int:
    container.reload()
    restarts: int = container.attrs["RestartCount"]
    return restarts


# Weights are missing


def test_nothing_starts_without_weights(
    stack: Compose,  # noqa: ARG001 - its images
    tmp_path: Path,
) -> None:
    """The first start without a way to fetch them: compose says which container failed and why."""
    empty = tmp_path / "weights"
    empty.mkdir()
    empty.chmod(0o777)
    alone = override(tmp_path, "weights: {network_mode: none, networks: !reset []}")
    compose = Compose(
        f"tryon-empty-{os.getpid()}",
        "docker-compose.yml",
        alone,
        TRYON_PORT="0",
        TRYON_MODELS_DIR=str(empty),
    )
    try:
        with pytest.raises(AssertionError, match=r'service "weights" didn.t complete successfully'):
            compose("up", "--detach", "--wait")
        (weights,) = compose.containers("weights")
        assert "HTTPS_PROXY" in weights.logs().decode()
        running = [name for name in HOSTS if any(up(each) for each in compose.containers(name))]
        assert set(running) <= {"resize", "agnostic"}
    finally:
        compose("down", "--volumes", "--timeout", "1")


def up(container: Container) -> bool:
    return str(container.status) == "running"


def override(folder: Path, services: str) -> Path:
    """Write a compose file to lay over the project's."""
    path = folder / "override.yml"
    path.write_text(f"services:\n  {services}\n")
    return path


async def test_weights_are_missing(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report, tmp_path: Path
) -> None:
    empty = tmp_path / "weights"
    empty.mkdir()
    without = override(tmp_path, f'human-parse: {{volumes: ["{empty}:/weights:ro"]}}')
    recreate = ("up", "--detach", "--no-deps", "--force-recreate", "human-parse")
    stack.over(without)(*recreate)
    try:
        (service,) = stack.containers("human-parse")
        began = time.monotonic()
        until(lambda: restarts_of(service) >= 3)
        said = service.logs().decode()
        assert "weights_missing" in said
        assert "models" in said
        assert service.wait(timeout=SECONDS)["StatusCode"] == 78
        answer = await http.get(f"{stack.url}/readyz")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "Not ready: human_parse."
        assert told(stack, "human_parse")["health"] in {"failing", "starting"}
        refused_after = time.monotonic()
        problem = problem_of(await client.ask(http))
        refused_after = time.monotonic() - refused_after
        assert (problem.status, problem.code, problem.stage) == (
            503,
            "service_unavailable",
            "human_parse",
        )
        assert "service_unavailable" in told(stack, "human_parse")["last_error"]
        # The engine doubles its pause with every restart.
        tries, seconds = restarts_of(service), time.monotonic() - began
        assert tries / seconds < 1
    finally:
        began = time.monotonic()
        stack(*recreate)
    ready(stack)
    recovery = time.monotonic() - began
    await client.picture(http)
    report.add(
        "human_parse's weights missing: its server ends with status 78 and says what to run",
        f"{problem.status} {problem.code} after {refused_after:.1f} s; /readyz: 503, not ready: "
        f"human_parse; the server was restarted {tries} times in {seconds:.0f} s",
        sent=1,
        lost=1,
        recovery=recovery,
    )


# A full disk for temporary files


async def test_temporary_files_have_no_room(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report
) -> None:
    full = [
        container for name in (*sorted(HOSTS), "gateway") for container in stack.containers(name)
    ]
    began = time.monotonic()
    try:
        for container in full:
            assert "100%" in run(container, "sh", "-c", FILL)
        before = files_of(stack)
        seconds = [await client.picture(http) for _ in range(2)]
        # Nothing of a photo was written: no file came, and where there is room none grew.
        assert files_of(stack) == before
        began = time.monotonic()
    finally:
        for container in full:
            run(container, "rm", "-f", "/tmp/full")  # noqa: S108 - in the container
    report.add(
        "temporary files have no room, in the gateway and in every service",
        "its pictures",
        sent=len(seconds),
        slowest=max(seconds),
        recovery=time.monotonic() - began,
    )


def files_of(stack: Compose) -> list[str]:
    """List the temporary files of the gateway, without its log."""
    (gateway,) = stack.containers("gateway")
    found = run(gateway, "find", "/tmp", "-type", "f", "-not", "-name", "*.log")  # noqa: S108
    return sorted(found.splitlines())


# The doors: the gateway and nginx


async def test_the_gateway_is_stopped_with_requests_in_flight(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report
) -> None:
    uploaded = asyncio.Event()
    body = httpx.Request("POST", client.url, files=client.files)
    content, headers = body.read(), body.headers

    async def upload() -> AsyncIterator[bytes]:
        yield content
        uploaded.set()

    refused: list[ProblemDetails] = []
    async with client.events(http) as lines:
        await anext(line async for line in lines if line.startswith("event: stage"))
        waiting = asyncio.create_task(http.post(client.url, content=upload(), headers=headers))
        await uploaded.wait()
        # The next stage of the first is later than the arrival of the second.
        await anext(line async for line in lines if line.startswith("event: stage"))
        stopping = asyncio.create_task(asyncio.to_thread(stack, "stop", "gateway"))
        while not refused:
            answer = await http.get(f"{stack.url}/healthz")
            if not answer.is_success:
                refused.append(problem_of(answer))
                assert int(answer.headers["retry-after"]) <= 10
        assert not stopping.done()
        ended = [line async for line in lines if line.startswith("event: ")]
    assert ended[-1] == "event: result"
    second = await waiting
    assert second.status_code == 200
    await stopping
    (gateway,) = stack.containers("gateway")
    gateway.reload()
    assert gateway.attrs["State"]["ExitCode"] == 0
    began = time.monotonic()
    await asyncio.to_thread(stack, "start", "gateway")
    recovery = time.monotonic() - began + ready(stack)
    await client.picture(http)
    assert refused[0].status == 503
    report.add(
        "the gateway stopped (`docker stop`) with one picture being made and one waiting",
        f"both pictures; a new request {refused[0].status} {refused[0].code} with Retry-After",
        sent=2,
        recovery=recovery,
    )


async def test_nginx_is_killed(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report
) -> None:
    (nginx,) = stack.containers("nginx")
    async with client.events(http) as lines:
        await anext(line async for line in lines if line.startswith("event: stage"))
        began = time.monotonic()
        await asyncio.to_thread(run, nginx, "sh", "-c", KILL_NGINX)
        with pytest.raises(httpx.TransportError):
            async for _ in lines:
                pass
    recovery = time.monotonic() - began + ready(stack)
    seconds = await client.picture(http)
    report.add(
        "nginx killed with a picture being made",
        "a broken connection; sent again once nginx was back, its picture",
        sent=1,
        slowest=seconds,
        recovery=recovery,
    )


# Clients


async def test_clients_leave(
    stack: Compose, client: Person, http: httpx.AsyncClient, report: Report
) -> None:
    (gateway,) = stack.containers("gateway")
    (viton,) = stack.containers("viton")
    # In the middle of the upload: the gateway says when it begins to read.
    body = httpx.Request("POST", client.url, files=client.files)
    content = body.read()
    head = (
        "POST /vitons HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: left-uploading\r\n"
        f"Content-Type: {body.headers['content-type']}\r\nContent-Length: {len(content)}\r\n"
        "Expect: 100-continue\r\n\r\n"
    )
    with socket.create_connection((inside(stack, gateway), 8888), SECONDS) as left:
        left.sendall(head.encode())
        assert left.recv(64).startswith(b"HTTP/1.1 100")
        left.sendall(content[: len(content) // 2])
    noticed = until(lambda: bool(log_of(gateway, "left-uploading")))
    [line] = log_of(gateway, "left-uploading")
    assert line["status"] == "client left"
    # While the picture is made.
    headers = {"Accept": "text/event-stream", "X-Request-Id": "left-waiting"}
    async with http.stream("POST", client.url, files=client.files, headers=headers) as answer:
        lines = answer.aiter_lines()
        await anext(line async for line in lines if "cloth_mask" in line and "started" in line)
    until(lambda: not told(stack, "cloth_mask")["calls"])
    seconds = await client.picture(http)
    assert not log_of(viton, "left-waiting")
    assert seconds < PICTURE_SECONDS
    report.add(
        "a client leaves in the middle of its upload, another while its picture is made",
        f"nobody is there to see; noticed after {noticed:.1f} s, no later stage was begun",
        sent=1,
        slowest=seconds,
    )


async def test_more_come_than_may_wait(
    client: Person, http: httpx.AsyncClient, report: Report
) -> None:
    clients = 7
    refused: list[ProblemDetails] = []
    began = time.monotonic()

    async def come() -> float:
        while True:
            answer = await client.ask(http)
            if answer.is_success:
                return time.monotonic() - began
            refused.append(problem_of(answer))
            assert time.monotonic() < began + PICTURE_SECONDS
            await asyncio.sleep(int(answer.headers["retry-after"]))

    seconds = await asyncio.gather(*(come() for _ in range(clients)))
    assert {(each.status, each.code) for each in refused} == {(503, "overloaded")}
    report.add(
        f"{clients} requests at once where one is worked on and four may wait",
        f"five pictures; {len(refused)} times 503 overloaded with Retry-After, then the others",
        sent=clients,
        slowest=max(seconds),
    )
