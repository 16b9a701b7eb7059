"""nginx in front of real DensePose replicas and of a stand-in for the gateway, on a real engine."""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from gateway import __version__
from gateway.problem import MEDIA_TYPE, ProblemDetails
from services.densepose.contract import (
    ESTIMATE_SURFACE,
    EstimateSurfaceRequest,
    EstimateSurfaceResponse,
)
from services.kit.errors import ServiceUnavailable
from services.kit.settings import Settings
from services.kit.wire import channels, codec

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
DENSEPOSE_IMAGE = f"tryon/densepose:{__version__}"
NGINX_IMAGE = f"tryon/nginx:{__version__}"
LIST = "/tmp/nginx/densepose.conf"  # noqa: S108 - in the container
HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
SECONDS = 120.0
"""How long anything may take; nothing here is a test of speed."""

CLIENTS = 6
LOADS_FOR_EVER = """
import time
from services.densepose.contract import CONTRACT
from services.kit.wire.server import main
main(CONTRACT, lambda: time.sleep(3600))
"""
GATEWAY = Path(__file__).with_name("gateway_stand_in.py")


def docker(*arguments: str) -> str:
    """Run a docker command and give what it printed."""
    done = subprocess.run(  # noqa: S603
        ["docker", *arguments],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def logs(name: str) -> str:
    """Give what a container wrote, to either of its outputs."""
    done = subprocess.run(  # noqa: S603
        ["docker", "logs", name],  # noqa: S607
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


@dataclass
class Network:
    """nginx, some replicas and perhaps a gateway; names begin with ``prefix``."""

    prefix: str
    names: Iterator[int] = field(default_factory=count)
    containers: dict[str, str] = field(default_factory=dict)
    """Every container's address, by its name."""

    nginx: str = ""

    @property
    def name(self) -> str:
        return f"{self.prefix}-net"

    def start(self, kind: str, *arguments: str) -> str:
        """Start a container and give its name."""
        name = f"{self.prefix}-{kind}-{next(self.names)}"
        self.containers[name] = ""
        docker("run", "--detach", f"--name={name}", f"--network={self.name}", *arguments)
        where = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self.containers[name] = docker("inspect", f"--format={where}", name)
        return name

    def replica(self, *command: str) -> str:
        user = ("--user=10001:10001", *HARDENED)
        return self.start(
            "densepose", "--network-alias=densepose", *user, DENSEPOSE_IMAGE, *command
        )

    def gateway(self, *arguments: str) -> str:
        """Start the stand-in; it echoes what it was asked, and tells its events one by one."""
        mount = f"--volume={GATEWAY}:/gateway.py:ro"
        command = ("python:3.11-slim", "python3", "/gateway.py")
        return self.start("gateway", "--network-alias=gateway", mount, *arguments, *command)

    def squatter(self) -> str:
        """Start what takes the address that became free last."""
        return self.start("squatter", "python:3.11-slim", "sleep", "600")

    def proxy(self, *arguments: str) -> str:
        published = ("--publish=127.0.0.1::8888", "--publish=127.0.0.1::50052")
        self.nginx = self.start("nginx", *HARDENED, *published, *arguments, NGINX_IMAGE)
        until(lambda: healthy(self.nginx))
        return self.nginx

    def published(self, port: int) -> str:
        return docker("port", self.nginx, str(port)).splitlines()[0]

    def serving(self) -> set[str]:
        """Give the replicas that nginx has in its list."""
        listed = docker("exec", self.nginx, "cat", LIST)
        found = {line.split()[1].partition(":")[0] for line in listed.splitlines()}
        return {name for name, address in self.containers.items() if address in found}

    def remove(self) -> None:
        for name in self.containers:
            subprocess.run(  # noqa: S603
                ["docker", "rm", "--force", "--volumes", name],  # noqa: S607
                capture_output=True,
                check=False,
            )
        docker("network", "rm", self.name)


def until(holds: Callable[[], bool]) -> None:
    """Wait for it, but not for ever."""
    ends = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.05)


def healthy(name: str) -> bool:
    return docker("inspect", "--format={{.State.Health.Status}}", name) == "healthy"


def events(name: str) -> list[dict[str, Any]]:
    lines = logs(name).splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def calls(name: str) -> list[dict[str, Any]]:
    """Give what a replica's log says about the calls that it answered well."""
    return [
        event
        for event in events(name)
        if event.get("event") == "call"
        and event["method"].endswith("/EstimateSurface")
        and event["code"] == "OK"
    ]


def answered(name: str) -> int:
    return len(calls(name))


def seconds_to_first_call(name: str) -> float:
    """Tell how long a replica served before its first call came."""
    [ready] = [event for event in events(name) if event["event"] == "serving"]
    first = calls(name)[0]
    ended, began = (datetime.fromisoformat(event["timestamp"]) for event in (first, ready))
    return (ended - began).total_seconds() - float(first["seconds"])


@pytest.fixture
def network(images: None) -> Iterator[Network]:  # noqa: ARG001
    made = Network(f"tryon-test-{os.getpid()}-{time.monotonic_ns()}")
    docker("network", "create", made.name)
    yield made
    if made.nginx:
        print(logs(made.nginx)[-8000:])
    made.remove()


@pytest.fixture
def replicas(network: Network) -> list[str]:
    """Three of them behind nginx, all in use."""
    names = [network.replica() for _ in range(3)]
    network.proxy()
    until(lambda: network.serving() == set(names))
    return names


def person() -> EstimateSurfaceRequest:
    """A standing figure on the canvas, as large as a real request."""
    joints = [[384.0, 100.0 + 30 * index, 1.0] for index in range(25)]
    return EstimateSurfaceRequest(
        image=np.zeros((1024, 768, 3), np.uint8),
        keypoints=np.array(joints, np.float32),
        person_mask=np.pad(np.full((900, 300), 255, np.uint8), ((62, 62), (234, 234))),
    )


class Load:
    """Calls through nginx on one connection, as the gateway makes them; a failed one raises."""

    def __init__(self, caller: channels.RetryingClient) -> None:
        self._caller = caller
        self._request = person()
        self.seconds: list[float] = []

    async def call(self) -> EstimateSurfaceResponse:
        began = time.monotonic()
        answer = await self._caller.call(
            ESTIMATE_SURFACE, self._request, timeout=ESTIMATE_SURFACE.deadline_seconds
        )
        self.seconds.append(time.monotonic() - began)
        return answer.response

    async def run(self, calls: int) -> None:
        """Make so many calls, a few at a time."""
        todo = iter(range(calls))

        async def client() -> None:
            for _ in todo:
                await self.call()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(client())

    @asynccontextmanager
    async def around(self, calls_after: int = 40) -> AsyncIterator[None]:
        """Keep the replicas busy during the block, and some calls longer."""
        stop = asyncio.Event()

        async def client() -> None:
            while not stop.is_set():
                await self.call()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(client())
            await self.more(20)
            yield
            await self.more(calls_after)
            stop.set()

    async def more(self, calls: int) -> None:
        """Wait until so many more have been answered."""
        goal = len(self.seconds) + calls
        async with asyncio.timeout(SECONDS):
            while len(self.seconds) < goal:  # noqa: ASYNC110 - many clients, many goals
                await asyncio.sleep(0.02)

    def told(self) -> str:
        return f"{len(self.seconds)} calls, slowest {max(self.seconds):.1f} s"


@asynccontextmanager
async def loaded(network: Network) -> AsyncIterator[Load]:
    caller = channels.RetryingClient(network.published(50052), Settings())
    yield Load(caller)
    await caller.close()


async def test_calls_spread_evenly(network: Network, replicas: list[str]) -> None:
    async with loaded(network) as load:
        await load.run(300)
    counts = [answered(name) for name in replicas]
    assert sum(counts) == 300
    assert min(counts) >= 80, counts


def pause(name: str) -> None:
    """Pause a container; on a machine that is very busy, the engine does not always manage."""

    def paused() -> bool:
        subprocess.run(["docker", "pause", name], capture_output=True, check=False)  # noqa: S603, S607
        return docker("inspect", "--format={{.State.Status}}", name) == "paused"

    until(paused)


BREAKING: dict[str, Callable[[Network, str], object]] = {
    "killed": lambda _, name: docker("kill", name),
    "stopped": lambda _, name: docker("stop", name),
    "paused": lambda _, name: pause(name),
    "cut off": lambda network, name: docker("network", "disconnect", "-f", network.name, name),
}


@pytest.mark.parametrize("how", BREAKING)
async def test_a_broken_replica_loses_no_call(
    network: Network, replicas: list[str], how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, *others = replicas
    async with loaded(network) as load:
        async with load.around():
            began = time.monotonic()
            await asyncio.to_thread(BREAKING[how], network, broken)
            await asyncio.to_thread(until, lambda: network.serving() == set(others))
            noticed = time.monotonic() - began
        # It is out of use: everything from here on is the others'.
        before = answered(broken)
        await load.run(20)
    assert answered(broken) == before
    with capsys.disabled():
        print(f"\n{how}: {load.told()}, out of use after {noticed:.1f} s")


async def test_new_replicas_are_used_at_once_and_no_call_is_lost(
    network: Network, replicas: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with loaded(network) as load, load.around():
        added = await asyncio.to_thread(lambda: [network.replica() for _ in range(2)])
        await asyncio.to_thread(until, lambda: all(answered(name) for name in added))
    waited = max(seconds_to_first_call(name) for name in added)
    assert network.serving() == {*replicas, *added}
    with capsys.disabled():
        print(f"\nscaled from 3 to 5: first calls at most {waited:.1f} s after serving")


@asynccontextmanager
async def connected_before(address: str) -> AsyncIterator[str]:
    """Connect now, and give an address whose first client speaks over that connection."""
    host, port = address.split(":")
    waiting = [await asyncio.open_connection(host, int(port))]

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            while data := await reader.read(2**16):
                writer.write(data)
                await writer.drain()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = waiting.pop() if waiting else await asyncio.open_connection(host, int(port))
        with suppress(ConnectionError):
            await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))

    async with await asyncio.start_server(client, "127.0.0.1", 0) as server:
        own = server.sockets[0].getsockname()[1]
        yield f"127.0.0.1:{own}"


async def test_a_connection_that_a_reload_overlooked_gets_to_new_replicas(
    network: Network, replicas: list[str]
) -> None:
    """nginx before 1.27.1 does not tell a connection without a first byte to end."""
    async with connected_before(network.published(50052)) as address:
        added = await asyncio.to_thread(network.replica)
        await asyncio.to_thread(until, lambda: network.serving() == {*replicas, added})
        caller = channels.RetryingClient(address, Settings())
        async with Load(caller).around():
            await asyncio.to_thread(until, lambda: answered(added) > 0)
        await caller.close()


async def test_a_replica_that_still_loads_gets_no_call(network: Network) -> None:
    ready = network.replica()
    loading = network.replica("python", "-c", LOADS_FOR_EVER)
    # A port that is open, and no gRPC behind it.
    deaf = network.gateway("--network-alias=densepose", "--env=PORT=50052")
    network.proxy()
    until(lambda: network.serving() == {ready})
    async with loaded(network) as load:
        await load.run(12)
    assert answered(ready) == 12
    assert "EstimateSurface" not in logs(loading)
    assert network.containers[deaf] not in docker("exec", network.nginx, "cat", LIST)


async def test_without_replicas_says_unavailable_and_recovers_at_other_addresses(
    network: Network, replicas: list[str]
) -> None:
    old = {network.containers[name] for name in replicas}
    async with loaded(network) as load:
        await load.run(6)
        docker("rm", "--force", *replicas)
        for name in replicas:
            del network.containers[name]
        # Takes their addresses, so that the new replicas get others.
        for _ in range(3):
            network.squatter()
        until(lambda: "down" in docker("exec", network.nginx, "cat", LIST))
        async with channels.connect(network.published(50052), Settings()) as channel:
            with pytest.raises(ServiceUnavailable, match="densepose"):
                await channels.call(channel, ESTIMATE_SURFACE, person())
        new = {network.replica() for _ in range(3)}
        assert old.isdisjoint(network.containers[name] for name in new)
        until(lambda: network.serving() == new)
        await load.run(12)


async def test_a_call_without_replicas_can_be_repeated(network: Network) -> None:
    """The status comes in the first headers: only after such an answer may gRPC clients retry."""
    network.proxy()
    path = codec.message_classes(ESTIMATE_SURFACE).path
    async with grpc.aio.insecure_channel(network.published(50052)) as channel:
        send: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await send(b"", timeout=SECONDS)
    assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "No DensePose replica" in (failed.value.details() or "")


@pytest.fixture
def http(network: Network) -> Iterator[httpx.Client]:
    network.gateway()
    network.proxy()
    with httpx.Client(base_url=f"http://{network.published(8888)}", timeout=SECONDS) as client:
        until(lambda: client.get("/echo").status_code == 200)
        yield client


def problem_of(response: httpx.Response) -> ProblemDetails:
    assert response.headers["content-type"] == MEDIA_TYPE
    problem = ProblemDetails.model_validate_json(response.content, strict=True)
    assert problem.status == response.status_code
    assert response.headers.get_list("x-request-id") == [problem.request_id]
    return problem


def test_a_plain_request_id_is_passed_on_and_others_are_replaced(http: httpx.Client) -> None:
    plain = http.get("/echo", headers={"X-Request-ID": "order-7:a.b"})
    assert plain.json()["X-Request-ID"] == "order-7:a.b"
    assert plain.headers.get_list("x-request-id") == ["order-7:a.b"]
    for odd in ("a b", "x" * 129, '"}'):
        replaced = http.get("/echo", headers={"X-Request-ID": odd})
        assert len(replaced.json()["X-Request-ID"]) == 32


def test_what_a_client_says_about_itself_is_dropped(http: httpx.Client) -> None:
    claims = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https", "Forwarded": "for=x"}
    seen = http.get("/echo", headers=claims).json()
    assert "10.9.8.7" not in seen["X-Forwarded-For"]
    assert seen["X-Forwarded-Proto"] == "http"
    assert "Forwarded" not in seen


def test_the_log_has_no_query(network: Network, http: httpx.Client) -> None:
    http.get("/echo?secret=1", headers={"X-Request-ID": "logged"})
    lines = logs(network.nginx).splitlines()
    [line] = [line for line in lines if '"request_id":"logged"' in line]
    told = json.loads(line)
    assert (told["path"], told["status"], told["method"]) == ("/echo", 200, "GET")
    assert told["upstream"].endswith(":8888")
    assert "secret" not in line


def test_too_large_a_body_is_refused_before_it_is_sent(http: httpx.Client) -> None:
    # As much as two photos may have goes through: to say no is then the gateway's part.
    fits = http.post("/vitons", content=bytes(40_016_384))
    assert fits.json()["received"] == 40_016_384
    large = http.post("/vitons", content=bytes(42_000_001))
    assert problem_of(large).code == "upload_too_large"


def test_many_tries_of_one_client_are_refused(http: httpx.Client) -> None:
    answers = [http.post("/vitons", content=b"x") for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 5 <= len(refused) <= 20
    assert problem_of(refused[0]).code == "too_many_requests"
    assert int(refused[0].headers["retry-after"]) > 0
    assert http.get("/echo").status_code == 200


def test_the_gateway_is_found_again_at_another_address(
    network: Network, http: httpx.Client
) -> None:
    [gateway] = [name for name in network.containers if "gateway" in name]
    docker("rm", "--force", gateway)
    gone = http.get("/echo", headers={"X-Request-ID": "gone"})
    told = problem_of(gone)
    assert told.status in {503, 504}
    assert told.request_id == "gone"
    assert int(gone.headers["retry-after"]) > 0
    network.squatter()
    assert network.containers[network.gateway()] != network.containers[gateway]
    until(lambda: http.get("/echo").status_code == 200)


def test_events_arrive_as_they_are_sent(http: httpx.Client) -> None:
    events = {"Accept": "text/event-stream"}
    with http.stream("POST", "/vitons", content=b"x", headers=events) as response:
        lines = response.iter_lines()
        assert next(lines) == "data: first"
        # The stand-in sends the second only after this: a proxy that collects hangs here.
        assert http.post("/release").status_code == 200
        assert "data: second" in list(lines)


def test_a_client_that_dawdles_with_its_headers_is_cut_off(
    network: Network, http: httpx.Client
) -> None:
    assert http.get("/echo").status_code == 200
    host, _, port = network.published(8888).partition(":")
    with socket.create_connection((host, int(port)), timeout=SECONDS) as client:
        client.sendall(b"GET /echo HTTP/1.1\r\nHost: x\r\n")
        assert client.recv(1) == b""


def test_nothing_else_is_open_to_the_outside(network: Network, http: httpx.Client) -> None:
    assert http.get("/nginx-health").status_code == 404
    assert (
        "server" not in http.get("/echo").headers or "/" not in http.get("/echo").headers["server"]
    )
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((network.containers[network.nginx], 8889), timeout=SECONDS)


def test_the_container_ends_with_its_parts_and_on_a_signal(network: Network) -> None:
    name = network.proxy()
    docker("stop", "--time=30", name)
    assert docker("inspect", "--format={{.State.ExitCode}}", name) == "0"
    docker("start", name)
    until(lambda: healthy(name))
    docker("exec", name, "bash", "-c", "kill $(cat /tmp/nginx/nginx.pid)")
    until(lambda: docker("inspect", "--format={{.State.Running}}", name) == "false")
    assert docker("inspect", "--format={{.State.ExitCode}}", name) == "78"
