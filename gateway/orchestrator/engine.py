"""The Docker engine's API, as far as the orchestrator needs it: awaitable, typed, with our errors.

The SDK blocks, so every call runs on a thread of a pool of its own and has a time limit.
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

from gateway.orchestrator.ending import Ending
from gateway.orchestrator.spec import HOME, OWNER, SERVICE, WEIGHTS, Machine, Spec
from services.kit.errors import ContainersUnavailable, ServiceUnavailable, WeightsMissing

API_SECONDS: Final = 30
"""How long the engine may take to answer one call."""

THREADS: Final = 16
CONFLICT: Final = 409
NANO: Final = 1_000_000_000
USER: Final = "10001:10001"
PIDS: Final = 256
LOG_TAIL: Final = 20
TMP: Final = "rw,nosuid,nodev,noexec,size=256m,mode=1777"

SAID_LENGTH: Final = 300
"""Characters shown of what the engine says."""

BUILD: Final = "make the images with `docker compose build`"

log = structlog.stdlib.get_logger(__name__)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Found:
    """A container with our labels: its name, its owner's ids, its service, whether it runs."""

    name: str
    run: str
    home: str
    service: str
    is_running: bool


class Engine:
    """The engine that ``DOCKER_HOST`` or the current Docker context names. Open it first.

    Every method raises ContainersUnavailable where no engine answers or it refuses for a reason
    that only a person can mend, else ServiceUnavailable.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "docker")
        self._docker: docker.DockerClient

    async def open(self) -> Machine:
        """Connect, and tell about the engine's machine."""
        self._docker = await self._run(_connect)
        info = await self._run(self._docker.info)
        return Machine(memory=info["MemTotal"], cores=max(1, info["NCPU"]))

    async def lacks(self, image: str) -> bool:
        """Tell whether there is no such image on the engine's machine."""
        return await self._run(_lacks, self._docker, image)

    async def launch(self, spec: Spec) -> None:
        """Make a container and start it."""
        await self._run(_launch, self._docker, spec)

    async def address(self, spec: Spec) -> str | None:
        """Tell a running container's gRPC address; None where it has none, since it ended."""
        attributes = await self._run(_inspect, self._docker, spec.name)
        return address_of(attributes["NetworkSettings"], spec)

    async def find(self, label: str, value: str) -> list[Found]:
        """List the containers whose label has that value, whatever state they are in."""
        return await self._run(_find, self._docker, f"{label}={value}")

    async def ending(self, name: str) -> Ending:
        """Tell how a container ended, with the end of its log."""
        return await self._run(_ending, self._docker, name)

    async def remove(self, name: str, grace: int) -> None:
        """Stop a container, end it after ``grace`` seconds, and remove it; it may be gone."""
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
        work = partial(_with_our_errors, partial(function, *args, **kwargs))
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The thread goes on: what it makes must be there before it can be removed.
            await asyncio.gather(future, return_exceptions=True)
            raise


def address_of(network_settings: Mapping[str, Any], spec: Spec) -> str | None:
    """Read the gRPC address out of what the engine tells of a container's network."""
    if spec.network:
        # A network may be named by its id too; the container has only the one.
        networks = network_settings.get("Networks") or {}
        ip = next((each.get("IPAddress") for each in networks.values()), None)
        return f"{ip}:{spec.port}" if ip else None
    published = (network_settings.get("Ports") or {}).get(f"{spec.port}/tcp") or []
    port = next((each.get("HostPort") for each in published), None)
    return f"127.0.0.1:{port}" if port else None


def explain(error: Exception) -> ContainersUnavailable | ServiceUnavailable | WeightsMissing:
    """Make our error of the SDK's: one sentence with the remedy."""
    said = str(getattr(error, "explanation", None) or error)
    if isinstance(error, ImageNotFound):
        return ContainersUnavailable(f"{_flat(said)}; {BUILD}.")
    if isinstance(error, requests.exceptions.Timeout):
        return ServiceUnavailable(
            f"The Docker engine did not answer within {API_SECONDS} seconds; see whether its "
            "machine is overloaded."
        )
    if isinstance(error, APIError):
        return _refused(error, said)
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
    error: APIError, said: str
) -> ContainersUnavailable | ServiceUnavailable | WeightsMissing:
    lower = said.lower()
    if "bind source path does not exist" in lower:
        return WeightsMissing(
            "The folder of the weights is not on the Docker engine's machine; run `bash run.sh "
            "models`, or name the folder there in TRYON_DOCKER_WEIGHTS."
        )
    if error.status_code == 403:
        # Proxies before the socket answer this for what they do not let through.
        return ContainersUnavailable(
            "Access to the Docker engine is restricted; let the proxy before it pass what "
            "docs/orchestrator.md lists."
        )
    if "network" in lower and "not found" in lower:
        return ContainersUnavailable(
            "The Docker network named in TRYON_DOCKER_NETWORK does not exist; make it with "
            "`docker network create`, or name another."
        )
    return ServiceUnavailable(f"The Docker engine refused: {_flat(said)}")


def _flat(text: str) -> str:
    line = " ".join(text.split())
    return (line if len(line) <= SAID_LENGTH else line[: SAID_LENGTH - 1] + "…").rstrip(".")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk the error and everything behind it; urllib3 keeps causes among its arguments."""
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


def _with_our_errors(function: Callable[[], Result]) -> Result:
    try:
        return function()
    except (DockerException, requests.exceptions.RequestException) as error:
        log.debug("the Docker engine's answer", error=str(error))
        told = explain(error)
    # Without the cause: errors are kept, and it would keep the SDK's connection.
    raise told


def _lacks(client: docker.DockerClient, image: str) -> bool:
    try:
        client.images.get(image)
    except NotFound:
        return True
    return False


def _launch(client: docker.DockerClient, spec: Spec) -> None:
    container = client.containers.create(
        spec.image,
        name=spec.name,
        environment=dict(spec.environment),
        labels=dict(spec.labels),
        user=USER,
        read_only=True,
        tmpfs={"/tmp": TMP},  # noqa: S108 - the container's
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        mem_limit=spec.memory,
        memswap_limit=spec.memory,
        nano_cpus=int(spec.cpus * NANO),
        pids_limit=PIDS,
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
        # We ask over gRPC; a probe inside would start a Python every few seconds.
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


def _find(client: docker.DockerClient, label: str) -> list[Found]:
    return [
        Found(
            name=each["Names"][0].removeprefix("/") if each["Names"] else each["Id"],
            run=each["Labels"].get(OWNER, ""),
            home=each["Labels"].get(HOME, ""),
            service=each["Labels"].get(SERVICE, ""),
            is_running=each["State"] in ("running", "paused", "created"),
        )
        for each in client.api.containers(all=True, filters={"label": label})
    ]


def _ending(client: docker.DockerClient, name: str) -> Ending:
    try:
        container = client.containers.get(name)
        state = container.attrs["State"]
        lines = container.logs(tail=LOG_TAIL).decode(errors="replace").splitlines()
    except NotFound:
        return Ending(exit_code=-1, detail="somebody removed it")
    return Ending(
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
        # Somebody else removes it just now.
        if error.status_code != CONFLICT:
            raise


def _connect() -> docker.DockerClient:
    return docker.from_env(timeout=API_SECONDS, max_pool_size=THREADS)
