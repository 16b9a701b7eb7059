"""``tryon serve``."""

import contextlib
import logging
import signal
import socket
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Annotated, Final

import typer
import uvicorn

from gateway import app, running
from gateway.backends.embedded import EmbeddedBackend
from gateway.backends.protocol import Backend
from gateway.backends.remote import RemoteBackend
from gateway.commands.exits import EXIT_USAGE, drain_seconds, fail
from gateway.memo.backend import remember
from gateway.orchestrator.backend import OrchestratedBackend
from gateway.orchestrator.settings import get_orchestrator_settings
from gateway.processes import ProcessesBackend
from gateway.run_mode import RunMode
from gateway.settings import GatewaySettings, get_gateway_settings
from services.kit import logs
from services.kit.consoles import EXIT_FAILED, stderr_console
from services.kit.errors import TryOnError
from services.kit.runtimes import memory
from services.kit.settings import Settings, get_settings

MAX_LOG_BYTES: Final = 5_000_000
"""Bytes of ``gateway.log`` before it is rotated."""


def serve(
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Run the services in this process.")
    ] = False,
    processes: Annotated[
        bool, typer.Option("--processes", help="Run each service as a process.")
    ] = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Call services that run elsewhere, over gRPC.")
    ] = False,
    orchestrated: Annotated[
        bool,
        typer.Option(
            "--orchestrated",
            "--orchestrate",
            help="Start and stop the services' containers, as they are needed.",
        ),
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen on (TRYON_HOST).")] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port to listen on, 0 for any free one (TRYON_PORT).", min=0, max=65535),
    ] = None,
) -> None:
    """Serve the page and the API until Ctrl-C."""
    flags = {
        RunMode.EMBEDDED: embedded,
        RunMode.PROCESSES: processes,
        RunMode.REMOTE: remote,
        RunMode.ORCHESTRATED: orchestrated,
    }
    chosen = [mode for mode, is_set in flags.items() if is_set]
    if len(chosen) > 1:
        fail(f"Choose one of {', '.join(f'--{mode}' for mode in flags)}.", EXIT_USAGE)
    settings, service_settings = get_gateway_settings(), get_settings()
    host, port = host or settings.host, settings.port if port is None else port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        fail(
            f"Cannot listen on {host}:{port} ({error.strerror}); choose another port with --port "
            "or TRYON_PORT.",
            EXIT_FAILED,
        )
    port = listener.getsockname()[1]
    _log_to(settings.run_dir / "gateway.log", service_settings)
    backend = _backend(chosen[0] if chosen else settings.backend, settings, service_settings)
    shown = f"[{host}]" if ":" in host else host
    page = f"http://{shown}:{port}/index"
    stderr_console.print(f"Loading the models; the page will be at {page}", soft_wrap=True)
    try:
        failure = _run_server(backend, settings, listener, page)
    except running.ServerFileError as error:
        fail(str(error), EXIT_FAILED)
    if failure:
        fail(failure.message, EXIT_FAILED)


def _backend(mode: RunMode, settings: GatewaySettings, service_settings: Settings) -> Backend:
    match mode:
        case RunMode.EMBEDDED:
            return EmbeddedBackend(service_settings)
        case RunMode.PROCESSES:
            return ProcessesBackend(service_settings, settings.address, settings.run_dir)
        case RunMode.REMOTE:
            return RemoteBackend(
                service_settings, settings.address, replicas_address=settings.replicas_address
            )
        case RunMode.ORCHESTRATED:
            return OrchestratedBackend(
                service_settings, get_orchestrator_settings(), settings.run_dir
            )


def _run_server(
    backend: Backend, settings: GatewaySettings, listener: socket.socket, page: str
) -> TryOnError | None:
    """Serve until a signal ends it; return the error if the backend could not start."""
    failures: list[TryOnError] = []

    def on_started(error: TryOnError | None) -> None:
        if error:
            failures.append(error)
            server.should_exit = True
        else:
            stderr_console.print(f"Ready: [bold]{page}[/bold] (Ctrl-C stops)", soft_wrap=True)

    memory.limit_malloc_arenas()
    config = uvicorn.Config(
        app.create(remember(backend, settings), settings, on_started),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.deadline),
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again once it has shut down; leave in good order then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = listener.getsockname()[1]
    drain = drain_seconds(settings, get_settings())
    with (
        running.registered(settings.run_dir, port, drain_seconds=drain),
        contextlib.suppress(KeyboardInterrupt),
    ):
        server.run(sockets=[listener])
    return failures[0] if failures else None


def _log_to(path: Path, settings: Settings) -> None:
    """Log to the terminal and to a file."""
    logs.configure(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Its lines about start and stop repeat ours.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    handler = RotatingFileHandler(path, maxBytes=MAX_LOG_BYTES, backupCount=1)
    root = logging.getLogger()
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)
