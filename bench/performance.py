"""Measure how fast the system is, section by section, and writes docs/performance.md.

``.venv/bin/python bench/performance.py [--against CHECKOUT] [--only SECTION ...] [-n 5]
[--write docs/performance.md]``. Prints each section's table; with ``--write`` it takes the place of
that section's table in the document, and the other sections stay. With ``--against`` another
checkout of this program is measured in the same run, picture by picture in turns. Fails if a
picture fails; no time is too long.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench.reports.document import MarkMissing, replace_table
from bench.reports.tables import TableData, to_markdown
from bench.runs.ceilings import Ceilings
from bench.runs.machine import describe_run, read_load
from bench.runs.servers import ROOT, MeasurementFailed, open_checkout
from bench.runs.uploads import SIZES, Size
from bench.sections.catalogue import measure_catalogue
from bench.sections.clients import measure_clients
from bench.sections.memory import measure_memory
from bench.sections.modes import measure_modes
from bench.sections.pictures import measure_sizes, measure_stages, measure_summary
from bench.sections.plan import Plan
from bench.sections.roofline import NetworkFigures, make_ceilings_table, make_networks_table

EXIT_FAILED: Final = 1
"""Exit status: something could not be measured."""


def measure_roofline(plan: Plan) -> list[TableData]:
    """Measure the networks of this checkout, in a process of its own, which it records."""
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "bench.roofline", "-n", str(plan.rounds), "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise MeasurementFailed("The networks could not be measured; the reason is above.")
    figures = json.loads(done.stdout)
    ceilings = Ceilings(**figures["ceilings"])
    networks = [NetworkFigures(**each) for each in figures["networks"]]
    return [
        make_ceilings_table(ceilings),
        make_networks_table(ceilings, networks),
    ]


SECTIONS: Final[dict[str, Callable[[Plan], list[TableData]]]] = {
    "summary": lambda plan: [measure_summary(plan)],
    "stages": lambda plan: [measure_stages(plan)],
    "sizes": lambda plan: [measure_sizes(plan)],
    "clients": lambda plan: [measure_clients(plan)],
    "modes": lambda plan: [measure_modes(plan)],
    "catalogue": lambda plan: [measure_catalogue(plan)],
    "memory": lambda plan: [measure_memory(plan)],
    "roofline": measure_roofline,
}
"""What measures each section, by its name, in the document's order."""


def main() -> None:
    """Measure the chosen sections; print them and write them."""
    arguments = _parse_arguments()
    names = [name for name in SECTIONS if name in (arguments.only or SECTIONS)]
    try:
        plan = _make_plan(arguments)
        if arguments.write:
            # A section without a place is found before hours are spent on it.
            _write(arguments.write, dict.fromkeys(names))
        for name in names:
            content = _measure(name, plan)
            print(content, flush=True)
            if arguments.write:
                _write(arguments.write, {name: content})
    except (MeasurementFailed, MarkMissing, OSError) as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_FAILED)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="another checkout, compared in the same run")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections, all by default")
    parser.add_argument("--write", type=Path, help="document that gets the tables")
    parser.add_argument(
        "-n", "--rounds", type=_count, default=Plan.rounds, help="pictures of each kind"
    )
    parser.add_argument("--sizes", nargs="+", type=_size, default=SIZES, help="such as 192x256")
    parser.add_argument("--clients", nargs="+", type=_count, default=Plan.clients)
    parser.add_argument(
        "--catalogue", type=_count, default=Plan.catalogue, help="garments, and people"
    )
    parser.add_argument("--memory-pictures", type=_count, default=Plan.memory_pictures)
    return parser.parse_args()


def _make_plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        this=open_checkout(ROOT),
        other=open_checkout(arguments.against) if arguments.against else None,
        rounds=arguments.rounds,
        sizes=tuple(arguments.sizes),
        clients=tuple(arguments.clients),
        catalogue=arguments.catalogue,
        memory_pictures=arguments.memory_pictures,
    )


def _measure(name: str, plan: Plan) -> str:
    """Return a section: its tables, and what it was measured with and on."""
    before = read_load()
    tables = SECTIONS[name](plan)
    described = describe_run(
        describe_command(name, plan), " against ".join(reversed(plan.names)), (before, read_load())
    )
    return format_section(tables, described)


def describe_command(name: str, plan: Plan) -> str:
    """Return the command that measures a section as ``plan`` does."""
    own = {
        "sizes": f"--sizes {' '.join(f'{width}x{height}' for width, height in plan.sizes)}",
        "clients": f"--clients {' '.join(map(str, plan.clients))}",
        "catalogue": f"--catalogue {plan.catalogue}",
        "memory": f"--memory-pictures {plan.memory_pictures}",
    }
    parts = ["bench/performance.py", f"--only {name}", f"-n {plan.rounds}", own.get(name, "")]
    if plan.other:
        parts.append("--against CHECKOUT")
    return " ".join(part for part in parts if part)


def format_section(tables: Sequence[TableData], described: str) -> str:
    """Return a section as Markdown: each table under its title, then the run."""
    parts = [f"{table.title}:\n\n{to_markdown(table)}" for table in tables]
    return "\n".join([*parts, f"{described}\n"])


def _write(document: Path, sections: dict[str, str | None]) -> None:
    """Put sections into a document; None only checks that it has a place. Raises MarkMissing."""
    text = document.read_text(encoding="utf-8")
    for name, content in sections.items():
        replaced = replace_table(text, name, content or "")
        text = text if content is None else replaced
    document.write_text(text, encoding="utf-8")


def _count(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _size(text: str) -> Size:
    """Read WIDTHxHEIGHT."""
    width, _, height = text.partition("x")
    return _count(width), _count(height)


if __name__ == "__main__":
    main()
