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


def parse_arguments(description: str | None) -> Arguments:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("person", type=Path, nargs="?", default=PERSON)
    parser.add_argument("garment", type=Path, nargs="?", default=GARMENT)
    parser.add_argument("-n", "--pictures", type=int, default=5, help="pictures to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args()
    return Arguments(
        person=given.person, garment=given.garment, pictures=given.pictures, as_json=given.json
    )


def print_figures(figures: Any, make_table: Callable[[], Table], *, as_json: bool) -> None:
    """Print figures as JSON, or as the table that ``make_table`` returns."""
    if as_json:
        json.dump(figures, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        Console().print(make_table())
