"""The part of the Docker engine's API that the orchestrator needs: awaitable, with our errors.

The SDK blocks. So every call runs on a thread of a pool, with a time limit.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

import docker
import requests
import structlog
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import LogConfig, Mount

from gateway.orchestrator.container_exit import ContainerExit
from gateway.orchestrator.container_spec import (
    HOME,
    OWNER,
    SERVICE,
    WEIGHTS,
    ContainerSpec,
    Machine,
)
from services.kit.errors import ContainersUnavailable, ServiceUnavailable, WeightsMissing

API_SECONDS: Final = 30
"""Seconds that the engine may take to answer one call."""

THREADS: Final = 16
"""Calls to the engine that may run at the same time."""

CONFLICT: Final = 409
"""HTTP status of the engine for a container that is already being removed."""

NANO_CPUS_PER_CORE: Final = 1_000_000_000
"""The engine counts cores in billionths."""

USER: Final = "10001:10001"
"""User and group ids in the container, as in ``services/Dockerfile``."""

MAX_PIDS: Final = 256
"""Most processes and threads of a container, as in ``docker-compose.yml``."""

EXIT_LOG_LINES: Final = 20
"""Log lines that are read of a container that ended."""

TMP_OPTIONS: Final = "rw,nosuid,nodev,noexec,size=256m,mode=1777"
"""Mount options of the container's ``/tmp``."""

MAX_EXPLANATION_LENGTH: Final = 300
"""Characters shown of the engine's explanation."""

BUILD_HINT: Final = "make the images with `docker compose build`"
"""The remedy for a missing image."""

log = structlog.stdlib.get_logger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class FoundContainer:
    """A container with our labels."""

    name: str
    """Its name, or its id if it has none."""
    run: str
    """Id of the run of the gateway that owns it."""
    home: str
    """Id of that run's home."""
    service: str
    """The service's name."""
    is_running: bool
    """Whether it runs, is paused or is about to start."""


class DockerEngine:
    """The engine that ``DOCKER_HOST`` or the current Docker context names. Open it first.

    Every method raises ContainersUnavailable if no engine answers or if a person has to change
    something first, else ServiceUnavailable.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "docker")
        self._docker: docker.DockerClient

    async def open(self) -> Machine:
        """Connect; return the engine's machine."""
        self._docker = await self._run(_connect)
        info = await self._run(self._docker.info)
        return Machine(memory=info["MemTotal"], cores=max(1, info["NCPU"]))

    async def is_image_missing(self, image: str) -> bool:
        """Return whether the engine's machine has no such image."""
        return await self._run(_is_image_missing, self._docker, image)

    async def launch(self, spec: ContainerSpec) -> None:
        """Create a container and start it."""
        await self._run(_launch, self._docker, spec)

    async def address(self, spec: ContainerSpec) -> str | None:
        """Return a running container's gRPC address, None if it has ended."""
        attributes = await self._run(_inspect, self._docker, spec.name)
        return address_of(attributes["NetworkSettings"], spec)

    async def find(self, label: str, value: str) -> list[FoundContainer]:
        """List the containers whose label has that value, in any state."""
        return await self._run(_find, self._docker, f"{label}={value}")

    async def inspect_exit(self, name: str) -> ContainerExit:
        """Return how a container ended, with the end of its log."""
        return await self._run(_inspect_exit, self._docker, name)

    async def remove(self, name: str, grace: int) -> None:
        """Stop a container, kill it after ``grace`` seconds, and remove it if it still exists."""
        await self._run(_remove, self._docker, name, grace)

    async def close(self) -> None:
        """Wait for calls that still run, then disconnect."""
        await asyncio.to_thread(self._threads.shutdown)
        if hasattr(self, "_docker"):
            self._docker.close()

    async def _run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        work = partial(_with_typed_errors, partial(function, *args, **kwargs))
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread goes on: what it makes must be there before it can be removed.
            await asyncio.gather(future, return_exceptions=True)
            raise


def address_of(network_settings: Mapping[str, Any], spec: ContainerSpec) -> str | None:
    """Read the gRPC address from the engine's description of a container's network."""
    if spec.network:
        # A network may be named by its id too; the container has only the one.
        networks = network_settings.get("Networks") or {}
        ip = next((each.get("IPAddress") for each in networks.values()), None)
        return f"{ip}:{spec.port}" if ip else None
    published = (network_settings.get("Ports") or {}).get(f"{spec.port}/tcp") or []
    port = next((each.get("HostPort") for each in published), None)
    return f"127.0.0.1:{port}" if port else None


def error_from_docker(
    error: Exception,
) -> ContainersUnavailable | ServiceUnavailable | WeightsMissing:
    """Return our error for the SDK's: one sentence with the remedy."""
    explanation = str(getattr(error, "explanation", None) or error)
    if isinstance(error, ImageNotFound):
        return ContainersUnavailable(f"{_flat(explanation)}; {BUILD_HINT}.")
    if isinstance(error, requests.exceptions.Timeout):
        return ServiceUnavailable(
            f"The Docker engine did not answer within {API_SECONDS} seconds; see whether its "
            "machine is overloaded."
        )
    if isinstance(error, APIError):
        return _refused(error, explanation)
    if any(isinstance(cause, PermissionError) for cause in _causes(error)):
        return ContainersUnavailable(
            "You may not use the Docker engine's socket; join the docker group (`sudo usermod -aG "
            "docker $USER`, then log in again) or use rootless Docker, or run with --embedded."
        )
    return ContainersUnavailable(
        "No Docker engine answers; start Docker, or name another engine's address in DOCKER_HOST, "
        "or run with --embedded."
    )


def _refused(
    error: APIError, explanation: str
) -> ContainersUnavailable | ServiceUnavailable | WeightsMissing:
    lower = explanation.lower()
    if "bind source path does not exist" in lower:
        return WeightsMissing(
            "The folder of the weights is not on the Docker engine's machine; run `bash run.sh "
            "models`, or name the folder there in TRYON_DOCKER_WEIGHTS."
        )
    if error.status_code == 403:
        # Proxies in front of the socket answer this to calls that they refuse.
        return ContainersUnavailable(
            "Access to the Docker engine is restricted; let the proxy in front of it "
            "pass what docs/orchestrator.md lists."
        )
    if "network" in lower and "not found" in lower:
        return ContainersUnavailable(
            "The Docker network named in TRYON_DOCKER_NETWORK does not exist; make it with "
            "`docker network create`, or name another."
        )
    return ServiceUnavailable(f"The Docker engine refused: {_flat(explanation)}")


def _flat(text: str) -> str:
    line = " ".join(text.split())
    return (
        line if len(line) <= MAX_EXPLANATION_LENGTH else line[: MAX_EXPLANATION_LENGTH - 1] + "…"
    ).rstrip(".")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all its causes; urllib3 keeps causes among its arguments."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        cause = pending.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        behind = (cause.__cause__, cause.__context__, *cause.args)
        pending.extend(each for each in behind if isinstance(each, BaseException))


def _with_typed_errors(function: Callable[[], Result]) -> Result:
    try:
        return function()
    except (DockerException, requests.exceptions.RequestException) as error:
        log.debug("the Docker engine's answer", error=str(error))
        typed_error = error_from_docker(error)
    # Without the cause: errors are kept, and the cause would keep the SDK's connection.
    raise typed_error


def _is_image_missing(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except NotFound:
        return True
    return False


def _launch(client: docker.DockerClient, spec: ContainerSpec) -> None:
    container = client.containers.create(
        spec.image,
        name=spec.name,
        environment=dict(spec.environment),
        labels=dict(spec.labels),
        user=USER,
        read_only=True,
        tmpfs={"/tmp": TMP_OPTIONS},  # noqa: S108 - the container's
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        mem_limit=spec.memory,
        memswap_limit=spec.memory,
        nano_cpus=int(spec.cpus * NANO_CPUS_PER_CORE),
        pids_limit=MAX_PIDS,
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        # Health is checked over gRPC; a probe inside would start a Python every few seconds.
        healthcheck={"test": ["NONE"]},
        mounts=[
            Mount(
                WEIGHTS,
                spec.weights,
                type="bind" if spec.weights_are_a_folder else "volume",
                read_only=True,
            )
        ],
        **(
            {"network": spec.network}
            if spec.network
            else {"ports": {f"{spec.port}/tcp": ("127.0.0.1", 0)}}
        ),
    )
    container.start()


def _inspect(client: docker.DockerClient, name: str) -> Mapping[str, Any]:
    attributes: Mapping[str, Any] = client.api.inspect_container(name)
    return attributes


def _find(client: docker.DockerClient, label: str) -> list[FoundContainer]:
    return [
        FoundContainer(
            name=each["Names"][0].removeprefix("/") if each["Names"] else each["Id"],
            run=each["Labels"].get(OWNER, ""),
            home=each["Labels"].get(HOME, ""),
            service=each["Labels"].get(SERVICE, ""),
            is_running=each["State"] in ("running", "paused", "created"),
        )
        for each in client.api.containers(all=True, filters={"label": label})
    ]


def _inspect_exit(client: docker.DockerClient, name: str) -> ContainerExit:
    try:
        container = client.containers.get(name)
        state = container.attrs["State"]
        lines = container.logs(tail=EXIT_LOG_LINES).decode(errors="replace").splitlines()
    except NotFound:
        return ContainerExit(exit_code=-1, detail="somebody removed it")
    return ContainerExit(
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        detail=state.get("Error", ""),
        lines=lines,
    )


def _remove(client: docker.DockerClient, name: str, grace: int) -> None:
    try:
        if grace:
            client.api.stop(name, timeout=grace)
        client.api.remove_container(name, force=True, v=True)
    except NotFound:
        pass
    except APIError as error:
        # Another client is removing it.
        if error.status_code != CONFLICT:
            raise


def _connect() -> docker.DockerClient:
    return docker.from_env(timeout=API_SECONDS, max_pool_size=THREADS)
