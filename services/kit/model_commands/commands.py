"""The commands of ``tryon models``: fetch, add, list, verify, path."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Column, Table

from services.kit.consoles import EXIT_FAILED, print_error, stderr_console, stdout_console
from services.kit.errors import CannotConvert, LicenceNotAccepted, TryOnError, WeightsMissing
from services.kit.model_commands import conversion, progress
from services.kit.model_commands.fetch import fetch as fetch_weights
from services.kit.settings import get_settings
from services.kit.weights import conversion_record, store
from services.kit.weights.conversion_record import ConversionRecord, Precision
from services.kit.weights.manifest import Weight, get_manifest
from services.kit.weights.published_networks import Network
from services.kit.weights.store import State

EXIT_NEEDS_PYTORCH: Final = 4
"""Exit status if PyTorch is missing; ``run.sh`` then installs it and runs the command again."""

app = typer.Typer(help="Weight files: fetch, add, list, verify. Alone, it fetches the missing.")


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Fetch what the default engines need, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        fetch_weight_files(None, quiet=False)


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Files to fetch; the defaults if none.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Those of the other engines too.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing if there is nothing to fetch.")
    ] = False,
) -> None:
    """Fetch weight files that are missing or damaged."""
    if everything:
        names = [weight.file for weight in get_manifest().weights]
    fetch_weight_files(names or None, quiet=quiet)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(help="The official weight file.")],
    *,
    name: Annotated[str, typer.Option("--as", help="The network's name in `models list`.")],
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Acknowledge the licence unasked.")
    ] = False,
    torch: Annotated[
        bool, typer.Option("--torch", help="Keep them for TRYON_RUNTIME=torch too.")
    ] = False,
    precision: Annotated[
        Precision,
        typer.Option(
            "--precision", help="Keep the converted weights in that; refused if answers change."
        ),
    ] = "fp32",
) -> None:
    """Add a published network's weights: check them, convert them once, record them."""
    candidate: conversion.CandidateFile | None = None
    try:
        candidate = conversion.check_candidate(file, name, get_manifest())
        conversion.check_converter(candidate.network, torch=torch, precision=precision)
        _acknowledge_licence(candidate.network, accepted=accept_licence)
        acknowledged = conversion_record.now()
        with progress.show_on(stderr_console) as shown:
            target = conversion.add(
                candidate,
                acknowledged,
                get_settings().models_dir,
                shown,
                torch=torch,
                precision=precision,
            )
    except TryOnError as error:
        print_error(error.message)
        converts = isinstance(error, CannotConvert) and candidate and candidate.network.module
        missing = converts and not conversion.is_pytorch_installed()
        raise typer.Exit(EXIT_NEEDS_PYTORCH if missing else EXIT_FAILED) from error
    variable = f"TRYON_{candidate.network.service.upper()}_ENGINE"
    stderr_console.print(
        f"Added {target}. The engine that reads it: {variable}={candidate.network.engine}"
        + (", in PyTorch with TRYON_RUNTIME=torch" if torch else ""),
        markup=False,
        soft_wrap=True,
    )
    record = conversion_record.read(target)
    if record and record.precision != "fp32":
        stderr_console.print(_describe_precision(record), markup=False, soft_wrap=True)


def _describe_precision(record: ConversionRecord) -> str:
    parts = [] if record.psnr is None else [f"a PSNR of {record.psnr:.1f} dB"]
    if record.equal_labels is not None:
        parts.append(f"{record.equal_labels:.2%} of the labels equal")
    return (
        f"Its weights are in {record.precision}, {record.size / 1e6:.1f} MB; against fp32 its "
        f"answer to a seeded input has {' and '.join(parts)}."
    )


def is_interactive() -> bool:
    """Return whether standard input is a terminal."""
    return sys.stdin.isatty()


def _acknowledge_licence(network: Network, *, accepted: bool) -> None:
    stderr_console.print(conversion.licence_terms(network), markup=False, soft_wrap=True)
    if accepted:
        return
    if not is_interactive():
        raise LicenceNotAccepted(
            "Nothing was added: read that licence and, if you keep to it, run this again with "
            "--accept-licence."
        )
    if not typer.confirm("Do you keep to that licence?", err=True):
        raise LicenceNotAccepted("Nothing was added: the licence was not acknowledged.")


@app.command("list")
def list_weights(
    *, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> None:
    """List weight files and published networks: state, size, licence, what uses them."""
    folder = get_settings().models_dir
    files = store.states(folder, get_manifest())
    networks = store.network_states(folder, get_manifest())
    if as_json:
        rows = [_row(*each) for each in files] + [_network_row(folder, *each) for each in networks]
        stdout_console.print_json(json.dumps(rows))
        return
    table = Table(
        Column("file", no_wrap=True),
        "state",
        "MB",
        "licence",
        "used by",
        title=f"Weights in {folder}",
    )
    for weight, state in files:
        shown = state.value if weight.default or state is not State.MISSING else "not fetched"
        table.add_row(
            weight.file,
            shown,
            f"{weight.size / 1e6:.1f}",
            weight.licence,
            ", ".join(weight.used_by),
        )
    stdout_console.print(table)
    if networks:
        stdout_console.print(_published_table(folder, networks))


def _published_table(folder: Path, networks: list[tuple[Network, State]]) -> Table:
    table = Table(
        Column("network", no_wrap=True),
        "state",
        "precision",
        # Folded instead of cut, because users copy these names.
        Column("service: engine", overflow="fold"),
        Column("parameters", justify="right"),
        Column("licence", overflow="fold"),
        Column("official file", overflow="fold"),
        title="Published networks: bash run.sh models add FILE --as NETWORK",
    )
    for network, state in networks:
        record = _record(folder, network, state)
        table.add_row(
            network.name,
            "not added" if state is State.MISSING else state.value,
            record.precision if record else "",
            f"{network.service}: {network.engine}",
            f"{network.parameters / 1e6:.1f} M",
            network.licence + ("" if network.commercial else ", non-commercial"),
            ", ".join(network.files),
        )
    return table


def _record(folder: Path, network: Network, state: State) -> ConversionRecord | None:
    return conversion_record.read(folder / network.file) if state is State.PRESENT else None


def _row(weight: Weight, state: State) -> dict[str, Any]:
    return {
        **weight.model_dump(include={"file", "size", "sha256", "licence", "origin"}),
        "used_by": list(weight.used_by),
        "default": weight.default,
        "state": state.value,
    }


def _network_row(folder: Path, network: Network, state: State) -> dict[str, Any]:
    """Return the row of a network: that of its converted weight file, and more."""
    record = _record(folder, network, state)
    return {
        "file": network.file,
        "size": record.size if record else None,
        "sha256": record.sha256 if record else None,
        "used_by": [f"{network.service}: {network.engine}"],
        "default": False,
        "state": state.value,
        **network.model_dump(
            include={
                "name",
                "service",
                "engine",
                "title",
                "parameters",
                "licence",
                "commercial",
                "origin",
                "files",
            }
        ),
        "precision": record.precision if record else None,
        "psnr": record.psnr if record else None,
        "equal_labels": record.equal_labels if record else None,
        "torch": store.torch_state(folder, network).value,
        "acknowledged": record.acknowledged.isoformat() if record else None,
    }


@app.command()
def verify() -> None:
    """Hash every weight file again; the exit status is 1 if one is damaged or missing."""
    folder = get_settings().models_dir
    states = [
        (weight.file, state)
        for weight, state in store.states(folder, get_manifest(), rehash=True)
        if weight.default or state is not State.MISSING
    ]
    added = [
        (network, file, state)
        for network in get_manifest().networks
        for file, state in (
            (network.file, store.network_state(folder, network, rehash=True)),
            (network.torch_file, store.torch_state(folder, network, rehash=True)),
        )
        if state is not State.MISSING
    ]
    for file, state in [*states, *((file, state) for _, file, state in added)]:
        stdout_console.print(f"{file}: {state.value}")
    if any(state is not State.PRESENT for _, state in states):
        stderr_console.print("Run `bash run.sh models` to fetch what is missing or damaged.")
    damaged = [each for each in added if each[2] is not State.PRESENT]
    for network, file, _ in damaged:
        option = " --torch" if file == network.torch_file else ""
        stderr_console.print(
            f"Run `bash run.sh models add FILE --as {network.name}{option}` to convert it again.",
            soft_wrap=True,
        )
    if damaged or any(state is not State.PRESENT for _, state in states):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def path(name: str) -> None:
    """Print where a weight file is."""
    try:
        stdout_console.print(str(store.find_weights(name)), soft_wrap=True)
    except WeightsMissing as error:
        stderr_console.print(error.message, markup=False, soft_wrap=True)
        raise typer.Exit(EXIT_FAILED) from error


def fetch_weight_files(names: list[str] | None, *, quiet: bool) -> None:
    """Fetch weight files, the defaults if ``names`` is None. Exit with a message if one fails."""
    folder = get_settings().models_dir
    try:
        with progress.show_on(stderr_console) as shown:
            fetched = fetch_weights(names, shown)
    except WeightsMissing as error:
        print_error(error.message)
        raise typer.Exit(EXIT_FAILED) from error
    if fetched:
        stderr_console.print(f"Fetched into {folder}: {', '.join(fetched)}.", soft_wrap=True)
    elif not quiet:
        stderr_console.print(f"All weight files are in {folder}.", soft_wrap=True)
