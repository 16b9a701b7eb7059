"""Every service as a process of its own on this machine, reached over gRPC."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from gateway.backends import CONTRACTS, RemoteBackend
from gateway.inventory import Health, ServiceState, line_of
from gateway.run_mode import RunMode
from services.kit.contract import Contract, Method
from services.kit.errors import ServiceUnavailable
from services.kit.settings import Settings

POLL_SECONDS: Final = 0.2
LAST_LINES: Final = 8
"""Log lines shown of a service that died."""

log = structlog.stdlib.get_logger(__name__)


class ProcessesBackend:
    """A backend that starts the services' servers and stops them with itself.

    ``address`` tells each service's ``host:port``, on this machine. What a server prints goes to
    ``NAME.log`` in ``log_dir``.
    """

    def __init__(
        self, settings: Settings, address: Callable[[Contract], str], log_dir: Path
    ) -> None:
        self._settings = settings
        self._address = address
        self._log_dir = log_dir
        self._grpc = RemoteBackend(settings, address, mode=RunMode.PROCESSES)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._ended: dict[str, str] = {}
        self._started = False

    async def start(self) -> None:
        """Start every server and wait until all of them serve.

        Raises ServiceUnavailable with the last log lines of a server that ended instead.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        # Not from another thread: the kernel counts the thread that forked as the parent.
        for contract in CONTRACTS:
            self._children[contract.name] = self._spawn(contract)
        await self._grpc.start()
        while not all((await self._grpc.ready()).values()):
            self._check_alive()
            await asyncio.sleep(POLL_SECONDS)
        self._started = True

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> object:
        """Send the call to the service's process."""
        return await self._grpc.call(method, request, seconds, request_id)

    async def ready(self) -> Mapping[str, bool]:
        """Ask every service's standard health check."""
        return await self._grpc.ready() or {contract.name: False for contract in CONTRACTS}

    async def services(self) -> Sequence[ServiceState]:
        """Ask every process how it is; one that has ended is failing, and told why."""
        return [self._seen(state) for state in await self._grpc.services()]

    def _seen(self, state: ServiceState) -> ServiceState:
        child = self._children.get(state.name)
        status = child.poll() if child else None
        if status is not None:
            # Whatever answers at its address now is not our child.
            ended = self._ended.setdefault(state.name, _why_ended(state.name, status))
            gone = dataclasses.replace(state, engine=None, health=Health.FAILING, replicas=())
            return dataclasses.replace(gone, last_error=ended)
        if state.health is Health.FAILING and not self._started:
            return dataclasses.replace(state, health=Health.STARTING, replicas=())
        return state

    async def close(self) -> None:
        """Tell every server to stop, and end those that have not after the configured grace."""
        await self._grpc.close()
        for child in self._children.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._settings.shutdown_grace):
                for child in self._children.values():
                    await asyncio.to_thread(child.wait, self._settings.shutdown_grace)
        except (TimeoutError, subprocess.TimeoutExpired):
            for child in self._children.values():
                child.kill()
                child.wait()
        self._children.clear()

    def _spawn(self, contract: Contract) -> subprocess.Popen[bytes]:
        host, _, port = self._address(contract).rpartition(":")
        module = f"services.{contract.name}"
        with self._log_path(contract.name).open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, "-m", "gateway.child", str(os.getpid()), module],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TRYON_HOST": host, "TRYON_PORT": port},
                # Ctrl-C is for the gateway, which lets calls in flight finish first.
                start_new_session=True,
            )
        log.info("started", service=contract.name, pid=child.pid, port=int(port))
        return child

    def _check_alive(self) -> None:
        for name, child in self._children.items():
            status = child.poll()
            if status is not None:
                log_path = self._log_path(name)
                lines = log_path.read_text(errors="replace").splitlines()[-LAST_LINES:]
                raise ServiceUnavailable(
                    f"The {name} service ended while it started (exit status {status}); "
                    f"the last lines of {log_path}:\n" + "\n".join(lines),
                    stage=name,
                )

    def _log_path(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"


def _why_ended(name: str, status: int) -> str:
    if status < 0:
        how = f"by signal {-status} ({signal.strsignal(-status)})"
    else:
        how = f"with exit status {status}"
    return line_of(
        ServiceUnavailable(
            f"The {name} service's process ended {how}; {name}.log tells more; "
            "start the gateway again."
        )
    )
