"""The command line of measurements that make pictures of two photos, the examples by default."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from gateway.options import OPTIONS, OptionValues, parse_options
from services.kit.errors import InvalidOption

EXAMPLES: Final = Path(__file__).resolve().parents[2] / "examples"
"""Folder of the example photos."""

PERSON: Final = EXAMPLES / "person.jpg"
"""Photo of the person unless another is named."""

GARMENT: Final = EXAMPLES / "garment.jpg"
"""Photo of the garment unless another is named."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What to measure."""

    person: Path
    """The person's photo."""
    garment: Path
    """The garment's photo."""
    pictures: int
    """Pictures to measure."""
    as_json: bool
    """Whether to print JSON instead of a table."""
    options: OptionValues
    """Options of the try-ons."""
    option_texts: dict[str, str]
    """The same as texts, by name."""
    against: Path | None
    """Another checkout to compare with, None if there is none."""


def parse_arguments(description: str | None, *, compares: bool = False) -> Arguments:
    """Read the command line; of a command that ``compares``, another checkout too."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("person", type=Path, nargs="?", default=PERSON)
    parser.add_argument("garment", type=Path, nargs="?", default=GARMENT)
    parser.add_argument("-n", "--pictures", type=int, default=5, help="pictures to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--option",
        type=_split_option,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the try-ons, such as category=lower; may be repeated",
    )
    if compares:
        parser.add_argument("--against", type=Path, help="another checkout of this program")
    given = parser.parse_args()
    try:
        options = parse_options(dict(given.option))
    except InvalidOption as error:
        parser.error(error.message)
    return Arguments(
        person=given.person,
        garment=given.garment,
        pictures=given.pictures,
        as_json=given.json,
        options=options,
        option_texts=dict(given.option),
        against=given.against if compares else None,
    )


def _split_option(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    names = [option.name for option in OPTIONS]
    if not equals or name not in names:
        raise argparse.ArgumentTypeError(f"{text} is not NAME=VALUE; names are {', '.join(names)}")
    return name, value


def print_figures(figures: Any, make_table: Callable[[], Table], *, as_json: bool) -> None:
    """Print figures as JSON, or as the table that ``make_table`` returns."""
    if as_json:
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        Console().print(make_table())
