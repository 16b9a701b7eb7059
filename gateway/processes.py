"""The backend that runs every service as a process on this machine, reached over gRPC."""

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

from gateway.backends.contracts import CONTRACTS
from gateway.backends.remote import RemoteBackend
from gateway.inventory import Health, ServiceState, error_line
from gateway.run_mode import RunMode
from services.kit.contract import Answer, Contract, Method
from services.kit.errors import ServiceUnavailable
from services.kit.settings import Settings

START_POLL_SECONDS: Final = 0.2
"""Seconds between two health checks while the services start."""

SHOWN_LOG_LINES: Final = 8
"""Last log lines that are shown of a service that ended while it started."""

log = structlog.stdlib.get_logger(__name__)


class ProcessesBackend:
    """A backend that starts the services' servers, and stops them in ``close``.

    ``address`` returns each service's ``host:port`` on this machine. The output of a server goes
    to ``NAME.log`` in ``log_dir``.
    """

    def __init__(
        self, settings: Settings, address: Callable[[Contract], str], log_dir: Path
    ) -> None:
        self._settings = settings
        self._address = address
        self._log_dir = log_dir
        self._remote = RemoteBackend(settings, address, mode=RunMode.PROCESSES)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._exit_errors: dict[str, str] = {}
        self._started = False

    async def start(self) -> None:
        """Start every server and wait until all of them serve.

        Raises ServiceUnavailable with the last log lines of a server that ends while it starts.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        # Not from another thread: to the kernel, the thread that forked is the parent.
        for contract in CONTRACTS:
            self._children[contract.name] = self._spawn(contract)
        await self._remote.start()
        while not all((await self._remote.ready()).values()):
            self._check_alive()
            await asyncio.sleep(START_POLL_SECONDS)
        self._started = True

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> Answer[Any]:
        """Send the call to the service's process."""
        return await self._remote.call(method, request, seconds, request_id)

    async def identity(self, service: str) -> str:
        """Return the identity that the service's process has now."""
        return await self._remote.identity(service)

    async def ready(self) -> Mapping[str, bool]:
        """Run every service's standard health check."""
        return await self._remote.ready() or {contract.name: False for contract in CONTRACTS}

    async def services(self) -> Sequence[ServiceState]:
        """Return every process's state. One that has ended is failing; its last error says why."""
        return [self._with_process_state(state) for state in await self._remote.services()]

    def _with_process_state(self, state: ServiceState) -> ServiceState:
        child = self._children.get(state.name)
        status = child.poll() if child else None
        if status is not None:
            # Whatever answers at its address now is not our child.
            error = self._exit_errors.setdefault(state.name, _exit_error_line(state.name, status))
            return dataclasses.replace(
                state, engine=None, health=Health.FAILING, replicas=(), last_error=error
            )
        if state.health is Health.FAILING and not self._started:
            return dataclasses.replace(state, health=Health.STARTING, replicas=())
        return state

    async def close(self) -> None:
        """Send SIGTERM to every server; kill those that outlast ``shutdown_grace`` seconds."""
        await self._remote.close()
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
                lines = log_path.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
                raise ServiceUnavailable(
                    f"The {name} service ended while it started (exit status {status}); "
                    f"the last lines of {log_path}:\n" + "\n".join(lines),
                    stage=name,
                )

    def _log_path(self, name: str) -> Path:
        return self._log_dir / f"{name}.log"


def _exit_error_line(name: str, status: int) -> str:
    if status < 0:
        how = f"by signal {-status} ({signal.strsignal(-status)})"
    else:
        how = f"with exit status {status}"
    return error_line(
        ServiceUnavailable(
            f"The {name} service's process ended {how}; {name}.log shows more; "
            "start the gateway again."
        )
    )
