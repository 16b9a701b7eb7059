"""The whole system in containers, as ``docker compose up`` starts it, for measurements."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import docker

from bench.runs.ports import find_free_port
from bench.runs.servers import (
    Checkout,
    MeasurementFailed,
    NotReady,
    Server,
    wait_until_ready,
)
from bench.runs.usage import MIB
from services.kit.settings import get_settings

BUILD_SECONDS: Final = 3600
"""Seconds that the images may take to build."""

PROBE_SECONDS: Final = 30
"""Seconds in which an engine answers."""

NANOSECONDS: Final = 1e9
"""Nanoseconds of a second; the engine counts CPU time in them."""

UNLIMITED_NGINX: Final = {"NGINX_RATE": "6000", "NGINX_BURST": "1000"}
"""Environment that lets nginx refuse no measured request."""


class ContainerUsage:
    """What the containers of a compose project use, as their engine counts it."""

    def __init__(self, project: str) -> None:
        label = f"com.docker.compose.project={project}"
        self._containers = docker.from_env().containers.list(filters={"label": label})

    def cpu_seconds(self) -> float:
        """Return the CPU seconds since they started."""
        used = (each["cpu_stats"]["cpu_usage"]["total_usage"] for each in self._statistics())
        return float(sum(used)) / NANOSECONDS

    def resident_mib(self) -> float:
        """Return their memory in MiB, without the file cache that the kernel can drop."""
        memories = [each["memory_stats"] for each in self._statistics()]
        used = (each["usage"] - each["stats"].get("inactive_file", 0) for each in memories)
        return float(sum(used)) / MIB

    def _statistics(self) -> Iterator[dict[str, Any]]:
        for container in self._containers:
            yield cast("dict[str, Any]", container.stats(stream=False, one_shot=True))


def engine_answers() -> bool:
    """Return whether a Docker engine with compose answers here."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            subprocess.run(command, capture_output=True, timeout=PROBE_SECONDS, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return False
    return True


@contextmanager
def start_containers(checkout: Checkout) -> Iterator[Server[ContainerUsage]]:
    """Run a checkout's containers for the block. Raises MeasurementFailed if they do not start."""
    port = find_free_port()
    project = f"tryon-bench-{os.getpid()}"
    environment = {
        **os.environ,
        **UNLIMITED_NGINX,
        "TRYON_PORT": str(port),
        "TRYON_MODELS_DIR": str(get_settings().models_dir),
    }

    def compose(*arguments: str) -> None:
        done = subprocess.run(  # noqa: S603 - our own command line
            ["docker", "compose", "--project-name", project, *arguments],  # noqa: S607 - found on PATH
            cwd=checkout.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if done.returncode:
            raise MeasurementFailed(f"The containers did not start:\n{done.stderr}")

    url = f"http://127.0.0.1:{port}"
    compose("build", "--quiet")
    try:
        started = time.perf_counter()
        compose("up", "--detach", "--wait")
        wait_until_ready(url, lambda: True)
        seconds = time.perf_counter() - started
        yield Server("containers", url, ContainerUsage(project), seconds)
    except NotReady as error:
        raise MeasurementFailed("The containers were not ready in time.") from error
    finally:
        compose("down", "--volumes", "--timeout", "5")
