"""``tryon tryon``.

Only what the command line and the progress display need is imported with the module, so that
something is seen at once. The rest is imported while the progress is shown.
"""

import asyncio
import contextlib
import logging
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from gateway.commands.exits import EXIT_INPUT, EXIT_USAGE, fail
from gateway.option_flags import with_option_flags
from gateway.options import Format, OptionValues
from gateway.settings import get_gateway_settings
from services.kit.categories import DRESS, LOWER, UPPER
from services.kit.consoles import EXIT_FAILED, stdout_console
from services.kit.errors import InputError, TryOnError
from services.kit.settings import Settings, get_settings
from services.kit.weights import store
from services.kit.weights.manifest import get_manifest
from services.kit.weights.store import State

if TYPE_CHECKING:
    from gateway.result import TryOnResult

STDERR: Final = 2
"""File descriptor of standard error."""

CATEGORY_TEXTS: Final = {UPPER: "a top", LOWER: "trousers or a skirt", DRESS: "a dress"}
"""What a garment of each category was worn as."""


@with_option_flags
def try_on(
    person: Annotated[Path, typer.Argument(help="The person's photo.")],
    cloth: Annotated[Path, typer.Argument(help="The garment's photo.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File of the picture: .png, .jpg or .webp.")
    ],
    fetch: Annotated[bool, typer.Option(help="Fetch missing weights first.")] = False,  # noqa: FBT002
    **options: object,
) -> None:
    """Make one picture, in this process."""
    picture_format = _format_of(output)
    if not output.resolve().parent.is_dir():
        fail(f"The folder {output.resolve().parent} does not exist; make it first.", EXIT_USAGE)
    files = (_read_file(person), _read_file(cloth))
    settings = get_settings()
    if fetch:
        _fetch_missing(settings.models_dir)
    try:
        result = asyncio.run(_run(files, picture_format, OptionValues(options), settings))
    except InputError as error:
        fail(error.message, EXIT_INPUT)
    except TryOnError as error:
        fail(error.message, EXIT_FAILED)
    try:
        output.write_bytes(result.image)
    except OSError as error:
        fail(f"Cannot write {output} ({error.strerror}).", EXIT_FAILED)
    stdout_console.print(_table(result))
    stdout_console.print(f"{output}: {result.width} x {result.height} pixels")
    stdout_console.print(f"Worn as {CATEGORY_TEXTS[result.category]}")
    stdout_console.print(f"Confidence {result.confidence:.2f} of 1")
    for warning in result.warnings:
        line = f"{warning.code}: {warning.message}"
        stdout_console.print(line, style="yellow", markup=False, soft_wrap=True)


def _fetch_missing(folder: Path) -> None:
    """Fetch the default engines' weight files that are missing or damaged."""
    states = [store.state(folder, weight) for weight in get_manifest().weights if weight.default]
    if any(state is not State.PRESENT for state in states):
        from services.kit.model_commands import commands  # noqa: PLC0415 - seldom needed

        commands.fetch_weight_files(None, quiet=True)


async def _run(
    files: tuple[bytes, bytes],
    picture_format: Format,
    options: OptionValues,
    settings: Settings,
) -> "TryOnResult":
    with _progress() as show:
        starting = show.add_task("Starting", total=None)
        tasks: dict[str, TaskID] = {}

        from gateway.backends.embedded import EmbeddedBackend  # noqa: PLC0415 - see the module
        from gateway.dag import StageEvent, StageState  # noqa: PLC0415
        from gateway.pipeline import PROGRESS_TEXTS  # noqa: PLC0415
        from gateway.tryon import Photos, TryOn  # noqa: PLC0415
        from services.kit import logs  # noqa: PLC0415

        logs.configure(settings.model_copy(update={"log_level": "warning"}))
        # An error is printed by the command, as one sentence.
        logging.getLogger("gateway").setLevel(logging.CRITICAL)

        def on_event(event: StageEvent) -> None:
            if event.state is StageState.STARTED:
                tasks[event.stage] = show.add_task(PROGRESS_TEXTS[event.stage], total=None)
            elif event.state is StageState.FINISHED:
                show.update(tasks[event.stage], total=1, completed=1)

        backend = EmbeddedBackend(settings, lazy=True)
        tryon = TryOn(backend, get_gateway_settings())
        try:
            await backend.start()
            show.update(starting, total=1, completed=1)
            return await tryon.run(
                Photos(*files),
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


def _table(result: "TryOnResult") -> Table:
    from gateway.pipeline import PROGRESS_TEXTS  # noqa: PLC0415 - see the module

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
        fail(f"{output} must end in .png, .jpg or .webp.", EXIT_USAGE)


def _read_file(path: Path) -> bytes:
    limit = get_settings().max_upload_bytes
    try:
        with path.open("rb") as file:
            # One byte more than allowed is enough to be refused.
            return file.read(limit + 1)
    except OSError as error:
        fail(f"Cannot read {path} ({error.strerror}).", EXIT_USAGE)
