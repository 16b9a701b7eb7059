"""How every service of the running system is: over HTTP, and as the command's table."""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from gateway.backends.contracts import CONTRACTS
from gateway.routes.services import REPORT_TIMEOUT_SECONDS, Services
from services.kit.deployment import read_deployment, service_names
from tests.e2e.conftest import Server, start_server, stop_server
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ENGINES = {name: read_deployment(name).default_engine for name in service_names()}


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "gateway.cli", "services", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def rows(table: str) -> dict[str, list[str]]:
    """Give each row's cells under its first."""
    lines = [line.split("│")[1:-1] for line in table.splitlines() if "│" in line]
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def services_of(server: Server) -> Services:
    with server.client() as client:
        response = client.get("/v1/services")
    assert response.status_code == 200, response.text
    return Services.model_validate_json(response.content)


def test_embedded_services_share_the_gateways_memory(server: Server) -> None:
    told = services_of(server)
    assert {service.name: service.engine for service in told.services} == ENGINES
    for service in told.services:
        assert (service.mode, service.health, service.memory) == ("embedded", "serving", None)
        assert [replica.address for replica in service.replicas] == [None]
    resident = psutil.Process(server.process.pid).memory_info().rss
    assert told.gateway.memory == pytest.approx(resident, rel=0.2)
    assert told.total.memory == told.gateway.memory
    assert (told.total.services, told.total.serving) == (8, 8)


def test_many_may_ask_while_a_picture_is_made(
    server: Server, person: bytes, garment: bytes
) -> None:
    files = {"image": ("p.jpg", person), "cloth": ("c.jpg", garment)}
    busy: set[str] = set()

    def post() -> int:
        with server.client() as client:
            return client.post("/vitons", files=files).status_code

    with ThreadPoolExecutor(1) as pool, server.client() as client:
        working = pool.submit(post)
        while not working.done():
            told = Services.model_validate_json(client.get("/v1/services").content)
            assert told.total.serving == 8
            busy |= {each.name for each in told.services if each.replicas[0].running}
            time.sleep(0.02)
        assert working.result() == 200
    # The dearest stages were seen at work.
    assert busy


def test_the_command_prints_a_table(server: Server) -> None:
    done = command("--url", server.url, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    assert "…" not in done.stdout
    told = rows(done.stdout)
    for name, engine in ENGINES.items():
        assert told[name] == [engine, "embedded", "serving", "1", "-"]
    assert re.fullmatch(r"[\d,]+ MB", told["gateway"][4])
    assert told["total"][2] == "8 of 8"


def test_the_command_finds_the_server_that_runs_from_here(server: Server) -> None:
    run_dir = server.log.parent / "run"
    done = command("--json", TRYON_RUN_DIR=str(run_dir))
    assert done.returncode == 0, done.stderr
    told = Services.model_validate_json(done.stdout)
    assert told.total.serving == 8
    assert json.loads(done.stdout)["services"][0]["mode"] == "embedded"


def test_without_a_gateway_the_command_says_how_to_start_one(tmp_path: Path) -> None:
    port = str(free_port())
    for done in (
        command("--url", f"http://127.0.0.1:{port}/"),
        command(TRYON_PORT=port, TRYON_RUN_DIR=str(tmp_path)),
        command("--json", TRYON_PORT=port, TRYON_RUN_DIR=str(tmp_path)),
    ):
        assert (done.returncode, done.stdout) == (1, "")
        assert f"No gateway answers at http://127.0.0.1:{port};" in done.stderr
        assert "bash run.sh" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://[", "http://a b/"])
def test_what_is_no_address_is_told(url: str) -> None:
    done = command("--url", url)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_no_gateway_is_told(server: Server) -> None:
    done = command("--url", f"{server.url}/docs")
    assert done.returncode == 1
    assert "does not list services" in done.stderr


@contextlib.contextmanager
def in_processes(folder: Path) -> Iterator[Server]:
    """A server whose services run as processes."""
    addresses = {contract.name: f"127.0.0.1:{free_port()}" for contract in CONTRACTS}
    server = start_server(folder, "--processes", TRYON_ADDRESSES=json.dumps(addresses))
    yield server
    assert stop_server(server) == 0


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with in_processes(tmp_path_factory.mktemp("processes")) as server:
        yield server


@pytest.fixture
def mortal_processes(tmp_path: Path) -> Iterator[Server]:
    """Those of one test, which may end them."""
    with in_processes(tmp_path) as server:
        yield server


def process_of(server: Server, name: str) -> psutil.Process:
    children = psutil.Process(server.process.pid).children(recursive=True)
    [child] = [each for each in children if f"services.{name}" in each.cmdline()]
    return child


def test_every_process_has_a_memory_of_its_own(processes: Server) -> None:
    told = services_of(processes)
    assert {service.name: service.engine for service in told.services} == ENGINES
    for service in told.services:
        assert (service.mode, service.health) == ("processes", "serving")
        resident = process_of(processes, service.name).memory_info().rss
        assert service.memory == pytest.approx(resident, rel=0.2)
    own = sum(service.memory or 0 for service in told.services)
    assert told.total.memory == told.gateway.memory + own


def test_a_process_that_hangs_is_failing_and_holds_nothing_up(processes: Server) -> None:
    child = process_of(processes, "resize")
    child.suspend()
    try:
        time.sleep(1.1)  # what was told before is a second old at most
        began = time.monotonic()
        told = {service.name: service for service in services_of(processes).services}
        assert time.monotonic() - began < REPORT_TIMEOUT_SECONDS + 1
    finally:
        child.resume()
    assert told["resize"].health == "failing"
    assert {each.health for each in told.values() if each.name != "resize"} == {"serving"}
    time.sleep(1.1)
    assert services_of(processes).total.serving == 8


def test_a_process_that_was_killed_is_failing_and_the_reason_told(mortal_processes: Server) -> None:
    child = process_of(mortal_processes, "openpose")
    child.kill()
    time.sleep(1.1)
    told = {service.name: service for service in services_of(mortal_processes).services}
    killed = told["openpose"]
    assert killed.health == "failing"
    assert killed.replicas == []
    assert killed.memory is None
    assert killed.last_error
    assert "The openpose service's process ended by signal 9 (Killed)" in killed.last_error
    assert {each.health for each in told.values() if each.name != "openpose"} == {"serving"}
    # The reason stays as it was first seen.
    time.sleep(1.1)
    assert services_of(mortal_processes).services[2].last_error == killed.last_error
    done = command("--url", mortal_processes.url, COLUMNS="80")
    assert done.stdout.endswith(f"\nopenpose: {killed.last_error}\n")
    shown = rows(done.stdout)
    assert shown["openpose"][2] == "failing"
    assert shown["total"][2] == "7 of 8"
