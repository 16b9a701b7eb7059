"""The command line: ``tryon serve``, ``tryon``, ``services``, ``models``, ``stop`` and ``logs``.

Exit status: 0 done, 1 the system could not, 2 the command line is wrong, 3 the photos cannot be
used, 130 interrupted.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Annotated, Final, NoReturn

import pydantic
import typer
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway import __version__, app, running, services_cli
from gateway.backends import Backend, EmbeddedBackend, RemoteBackend
from gateway.dag import StageEvent, StageState
from gateway.log_follower import LogFollower, LogLine
from gateway.memo.backend import remember
from gateway.option_flags import with_option_flags
from gateway.options import Format, OptionValues
from gateway.orchestrator.backend import OrchestratedBackend
from gateway.orchestrator.settings import OrchestratorSettings, get_orchestrator_settings
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.processes import ProcessesBackend
from gateway.result import TryOnResult
from gateway.run_mode import RunMode
from gateway.settings import PREFIX, GatewaySettings, get_gateway_settings
from gateway.tryon import Photos, TryOn
from services.kit import logs
from services.kit.categories import DRESS, LOWER, UPPER
from services.kit.consoles import EXIT_FAILED, print_error, stderr_console, stdout_console
from services.kit.errors import InputError, TryOnError
from services.kit.model_commands import commands
from services.kit.settings import Settings, get_settings

EXIT_USAGE: Final = 2
"""Exit status: the command line or a setting is wrong."""

EXIT_INPUT: Final = 3
"""Exit status: the photos cannot be used."""

EXIT_INTERRUPTED: Final = 130
"""Exit status: 128 and the number of SIGINT."""

STDERR: Final = 2
"""File descriptor of standard error."""

MAX_LOG_BYTES: Final = 5_000_000
"""Bytes of ``gateway.log`` before it is rotated."""

LOG_POLL_SECONDS: Final = 0.5
"""Seconds between two looks for added log lines."""

QUIET_STOP_SECONDS: Final = 1.0
"""Seconds that ``stop`` waits without a progress line."""

CATEGORY_TEXTS: Final = {UPPER: "a top", LOWER: "trousers or a skirt", DRESS: "a dress"}
"""What a garment of each category was worn as."""

PROGRESS_TEXTS: Final = {step.name: step.progress_text for step in TRY_ON_PIPELINE.steps}
"""What a user reads of each stage."""

cli = typer.Typer(
    name="tryon",
    help="Virtual try-on: a person's photo and a garment's photo in, the person wearing it out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(commands.app, name="models")
cli.command()(services_cli.services)


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except pydantic.ValidationError as error:
        prefix = "TRYON_DOCKER_" if error.title == OrchestratorSettings.__name__ else PREFIX
        for each in error.errors():
            name = "_".join(str(part).upper() for part in each["loc"])
            # Fields with a former name are located by their variable, others by their own name.
            name = name if name.startswith(PREFIX) else prefix + name
            print_error(f"{name}: {each['msg']}")
        sys.exit(EXIT_USAGE)


@cli.command()
def version() -> None:
    """Print the version."""
    stdout_console.print(__version__)


@cli.command()
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
        _fail(f"Choose one of {', '.join(f'--{mode}' for mode in flags)}.", EXIT_USAGE)
    settings, service_settings = get_gateway_settings(), get_settings()
    host, port = host or settings.host, settings.port if port is None else port
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        _fail(
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
        _fail(str(error), EXIT_FAILED)
    if failure:
        _fail(failure.message, EXIT_FAILED)


@cli.command("tryon")
@with_option_flags
def try_on(
    person: Annotated[Path, typer.Argument(help="The person's photo.")],
    cloth: Annotated[Path, typer.Argument(help="The garment's photo.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File of the picture: .png, .jpg or .webp.")
    ],
    **options: object,
) -> None:
    """Make one picture, in this process."""
    picture_format = _format_of(output)
    if not output.resolve().parent.is_dir():
        _fail(f"The folder {output.resolve().parent} does not exist; make it first.", EXIT_USAGE)
    photos = Photos(_read_file(person), _read_file(cloth))
    service_settings = get_settings()
    logs.configure(service_settings.model_copy(update={"log_level": "warning"}))
    # An error is printed below, as one sentence.
    logging.getLogger("gateway").setLevel(logging.CRITICAL)
    try:
        result = asyncio.run(
            _try_on(photos, picture_format, OptionValues(options), service_settings)
        )
    except InputError as error:
        _fail(error.message, EXIT_INPUT)
    except TryOnError as error:
        _fail(error.message, EXIT_FAILED)
    try:
        output.write_bytes(result.image)
    except OSError as error:
        _fail(f"Cannot write {output} ({error.strerror}).", EXIT_FAILED)
    stdout_console.print(_table(result))
    stdout_console.print(f"{output}: {result.width} x {result.height} pixels")
    stdout_console.print(f"Worn as {CATEGORY_TEXTS[result.category]}")
    stdout_console.print(f"Confidence {result.confidence:.2f} of 1")
    for warning in result.warnings:
        line = f"{warning.code}: {warning.message}"
        stdout_console.print(line, style="yellow", markup=False, soft_wrap=True)


@cli.command()
def stop() -> None:
    """Stop every server that was started from here."""
    settings = get_gateway_settings()
    try:
        with _stop_progress() as on_wait:
            ports = running.stop(
                settings.run_dir,
                default_drain_seconds=_drain_seconds(settings, get_settings()),
                on_wait=on_wait,
            )
    except running.ServerFileError as error:
        _fail(str(error), EXIT_FAILED)
    except TimeoutError:
        _fail("A server did not stop in time; try again, or end its process.", EXIT_FAILED)
    for port in ports:
        stdout_console.print(f"Stopped the server on port {port}.")
    if not ports:
        stdout_console.print("No server is running.")


@cli.command("logs")
def show_logs(
    *,
    follow: Annotated[bool, typer.Option(help="Keep printing what is added.")] = True,
    lines: Annotated[int, typer.Option(help="Lines of each log to begin with.", min=0)] = 20,
) -> None:
    """Print the logs of the gateway and of the services."""
    run_dir = get_gateway_settings().run_dir
    with LogFollower(run_dir, tail_lines=lines) as follower:
        _print_lines(follower.poll())
        if not follower.has_files:
            _fail(f"There are no logs in {run_dir}.", EXIT_FAILED)
        while follow:
            time.sleep(LOG_POLL_SECONDS)
            _print_lines(follower.poll())
        _print_lines(follower.finish())


def _print_lines(lines: Iterable[LogLine]) -> None:
    for line in lines:
        sys.stdout.write(f"{line.log:16} | {line.text}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _stop_progress() -> Iterator[Callable[[Sequence[running.RunningServer], float], None]]:
    """Show which servers are waited for, and the seconds left, once it takes a while."""
    began = time.monotonic()
    status = stderr_console.status("")
    is_shown = False

    def on_wait(servers: Sequence[running.RunningServer], seconds_left: float) -> None:
        nonlocal is_shown
        if time.monotonic() - began < QUIET_STOP_SECONDS:
            return
        ports = ", ".join(str(server.port) for server in servers)
        text = f"Waiting for pictures in progress on port {ports} ({seconds_left:.0f} s at most)"
        if stderr_console.is_terminal:
            status.update(text)
            status.start()
        elif not is_shown:
            stderr_console.print(text, soft_wrap=True)
        is_shown = True

    try:
        yield on_wait
    finally:
        status.stop()


def _drain_seconds(settings: GatewaySettings, service_settings: Settings) -> float:
    """Return the seconds that a server may take to finish its requests and stop its services."""
    return settings.deadline + service_settings.shutdown_grace


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
    drain_seconds = _drain_seconds(settings, get_settings())
    with (
        running.registered(settings.run_dir, port, drain_seconds=drain_seconds),
        contextlib.suppress(KeyboardInterrupt),
    ):
        server.run(sockets=[listener])
    return failures[0] if failures else None


async def _try_on(
    photos: Photos, picture_format: Format, options: OptionValues, settings: Settings
) -> TryOnResult:
    backend = EmbeddedBackend(settings)
    tryon = TryOn(backend, get_gateway_settings())
    with _progress() as show:
        loading = show.add_task("Loading the models", total=None)
        tasks: dict[str, TaskID] = {}

        def on_event(event: StageEvent) -> None:
            if event.state is StageState.STARTED:
                tasks[event.stage] = show.add_task(PROGRESS_TEXTS[event.stage], total=None)
            elif event.state is StageState.FINISHED:
                show.update(tasks[event.stage], total=1, completed=1)

        try:
            await backend.start()
            show.update(loading, total=1, completed=1)
            return await tryon.run(
                photos,
                options,
                request_id=uuid.uuid4().hex,
                picture_format=picture_format,
                on_event=on_event,
            )
        finally:
            await backend.close()


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """Show progress; what native libraries print on standard error goes to a file meanwhile."""
    run_dir = get_gateway_settings().run_dir
    run_dir.mkdir(parents=True, exist_ok=True)
    columns = (
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description:32}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    sys.stderr.flush()
    with (
        os.fdopen(os.dup(STDERR), "w") as screen,
        (run_dir / "tryon.log").open("w") as native,
    ):
        os.dup2(native.fileno(), STDERR)
        try:
            console = Console(file=screen, highlight=False)
            with Progress(*columns, console=console) as progress:
                yield progress
        finally:
            os.dup2(screen.fileno(), STDERR)


def _table(result: TryOnResult) -> Table:
    table = Table("stage", "", title=None)
    table.add_column("seconds", justify="right")
    for name, seconds in result.timings.items():
        if name == "total":
            table.add_section()
        table.add_row(name, PROGRESS_TEXTS.get(name, ""), f"{seconds:.2f}")
    return table


def _format_of(output: Path) -> Format:
    suffix = output.suffix.lower().removeprefix(".")
    try:
        return Format("jpeg" if suffix == "jpg" else suffix)
    except ValueError:
        _fail(f"{output} must end in .png, .jpg or .webp.", EXIT_USAGE)


def _read_file(path: Path) -> bytes:
    limit = get_settings().max_upload_bytes
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to be refused.
            return file.read(limit + 1)
    except OSError as error:
        _fail(f"Cannot read {path} ({error.strerror}).", EXIT_USAGE)


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


def _fail(message: str, status: int) -> NoReturn:
    print_error(message)
    raise typer.Exit(status)


if __name__ == "__main__":
    main()
