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
from collections.abc import Iterator
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
from gateway.dag import StageEvent, State
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
from services.kit.errors import InputError, TryOnError
from services.kit.model_commands import commands
from services.kit.settings import Settings, get_settings

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INPUT: Final = 3
EXIT_INTERRUPTED: Final = 130

STDERR: Final = 2
LOG_BYTES: Final = 5_000_000
MEANINGS: Final = {UPPER: "a top", LOWER: "trousers or a skirt", DRESS: "a dress"}
LABELS: Final = {step.name: step.progress_text for step in TRY_ON_PIPELINE.steps}

cli = typer.Typer(
    name="tryon",
    help="Virtual try-on: a person's photo and a garment's photo in, the person wearing it out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.add_typer(commands.app, name="models")
cli.command()(services_cli.services)

told = Console(stderr=True, highlight=False)
out = Console(highlight=False)


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
            told.print(f"{name}: {each['msg']}", style="red", markup=False, soft_wrap=True)
        sys.exit(EXIT_USAGE)


@cli.command()
def version() -> None:
    """Print the version."""
    out.print(__version__)


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
    told.print(f"Loading the models; the page will be at {page}", soft_wrap=True)
    failure = _run_server(backend, settings, listener, page)
    if failure:
        _fail(failure.message, EXIT_FAILED)


@cli.command("tryon")
@with_option_flags
def try_on(
    person: Annotated[Path, typer.Argument(help="The person's photo.")],
    cloth: Annotated[Path, typer.Argument(help="The garment's photo.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Where the picture goes: .png, .jpg or .webp.")
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
    # What goes wrong is told below, in one sentence.
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
    out.print(_table(result))
    out.print(f"{output}: {result.width} x {result.height} pixels")
    out.print(f"Worn as {MEANINGS[result.category]}")
    out.print(f"Confidence {result.confidence:.2f} of 1")
    for warning in result.warnings:
        line = f"{warning.code}: {warning.message}"
        out.print(line, style="yellow", markup=False, soft_wrap=True)


@cli.command()
def stop() -> None:
    """Stop every server that was started from here."""
    grace = get_settings().shutdown_grace + 10
    try:
        ports = running.stop(get_gateway_settings().run_dir, grace=grace)
    except TimeoutError:
        _fail(f"A server still works after {grace:g} seconds; try again.", EXIT_FAILED)
    for port in ports:
        out.print(f"Stopped the server on port {port}.")
    if not ports:
        out.print("No server is running.")


@cli.command("logs")
def show_logs(
    *,
    follow: Annotated[bool, typer.Option(help="Keep printing what is added.")] = True,
    lines: Annotated[int, typer.Option(help="Lines of each log to begin with.", min=0)] = 20,
) -> None:
    """Print the logs of the gateway and of the services."""
    run_dir = get_gateway_settings().run_dir
    positions: dict[Path, int] = {}
    while True:
        for path in sorted(run_dir.glob("*.log")):
            text = path.read_bytes()
            if path not in positions:
                tail = text.splitlines()[-lines:] if lines else []
            else:
                # A shorter file is a new one.
                known = positions[path] if positions[path] <= len(text) else 0
                tail = text[known:].splitlines()
            positions[path] = len(text)
            for line in tail:
                sys.stdout.write(f"{path.stem:16} | {line.decode(errors='replace')}\n")
        sys.stdout.flush()
        if not positions:
            _fail(f"There are no logs in {run_dir}.", EXIT_FAILED)
        if not follow:
            return
        time.sleep(0.5)


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
    """Serve until told to stop; give the error where the backend could not start."""
    failures: list[TryOnError] = []

    def on_started(error: TryOnError | None) -> None:
        if error:
            failures.append(error)
            server.should_exit = True
        else:
            told.print(f"Ready: [bold]{page}[/bold] (Ctrl-C stops)", soft_wrap=True)

    config = uvicorn.Config(
        app.create(backend, settings, on_started),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(settings.deadline),
    )
    server = uvicorn.Server(config)
    # uvicorn raises the signal again once it has shut down; leave in good order then.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    port = listener.getsockname()[1]
    with running.registered(settings.run_dir, port), contextlib.suppress(KeyboardInterrupt):
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
            if event.state is State.STARTED:
                tasks[event.stage] = show.add_task(LABELS[event.stage], total=None)
            elif event.state is State.FINISHED:
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
        table.add_row(name, LABELS.get(name, ""), f"{seconds:.2f}")
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
    # The lines around its start and stop tell nothing that ours do not.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    root = logging.getLogger()
    handler.setFormatter(root.handlers[0].formatter)
    root.addHandler(handler)


def _fail(message: str, status: int) -> NoReturn:
    told.print(message, style="red", markup=False, soft_wrap=True)
    raise typer.Exit(status)


if __name__ == "__main__":
    main()
