"""The commands of ``tryon models``: fetch, list, verify, path."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from services.kit import progress, weights
from services.kit.errors import WeightsMissing
from services.kit.fetch import fetch as fetch_weights
from services.kit.manifest import get_manifest
from services.kit.settings import get_settings
from services.kit.weights import State

app = typer.Typer(help="Weight files: fetch, list, verify. Alone, it fetches what is missing.")
told = Console(stderr=True, highlight=False)
out = Console(highlight=False)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Fetch what the default engines need, unless a command says otherwise."""
    if context.invoked_subcommand is None:
        _fetch(None, quiet=False)


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
    _fetch(names or None, quiet=quiet)


@app.command("list")
def list_weights(
    *, as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False
) -> None:
    """List the weight files: state, size, licence, what uses them."""
    folder = get_settings().models_dir
    rows = weights.states(folder, get_manifest())
    if as_json:
        out.print_json(
            json.dumps(
                [
                    {
                        **weight.model_dump(
                            include={"file", "size", "sha256", "licence", "origin"}
                        ),
                        "used_by": list(weight.used_by),
                        "default": weight.default,
                        "state": state.value,
                    }
                    for weight, state in rows
                ]
            )
        )
        return
    table = Table(
        Column("file", no_wrap=True),
        "state",
        "MB",
        "licence",
        "used by",
        title=f"Weights in {folder}",
    )
    for weight, state in rows:
        shown = state.value if weight.default or state is not State.MISSING else "not fetched"
        table.add_row(
            weight.file,
            shown,
            f"{weight.size / 1e6:.1f}",
            weight.licence,
            ", ".join(weight.used_by),
        )
    out.print(table)


@app.command()
def verify() -> None:
    """Hash every weight file again; the exit status is 1 if one is damaged or missing."""
    folder = get_settings().models_dir
    wrong = False
    for weight, state in weights.states(folder, get_manifest(), rehash=True):
        if weight.default or state is not State.MISSING:
            out.print(f"{weight.file}: {state.value}")
            wrong = wrong or state is not State.PRESENT
    if wrong:
        told.print("Run `bash run.sh models` to fetch what is missing or damaged.")
        raise typer.Exit(1)


@app.command()
def path(name: str) -> None:
    """Print where a weight file is."""
    try:
        out.print(str(weights.path(name)), soft_wrap=True)
    except WeightsMissing as error:
        told.print(error.message, markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


def _fetch(names: list[str] | None, *, quiet: bool) -> None:
    folder = get_settings().models_dir
    try:
        with progress.on(told) as shown:
            fetched = fetch_weights(names, shown)
    except WeightsMissing as error:
        told.print(error.message, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error
    if fetched:
        told.print(f"Fetched into {folder}: {', '.join(fetched)}.", soft_wrap=True)
    elif not quiet:
        told.print(f"All weight files are in {folder}.", soft_wrap=True)


if __name__ == "__main__":
    app()
