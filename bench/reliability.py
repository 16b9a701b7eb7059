"""Write the table of docs/reliability.md from the report of the failure tests.

``TRYON_RELIABILITY_REPORT=report.json .venv/bin/pytest tests/e2e/docker/test_reliability.py``, then
``.venv/bin/python bench/reliability.py report.json [--write]``. The table is printed, or with
``--write`` written into the document.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from bench.reports.document import replace_table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
"""The document that holds the table."""

TABLE = "bench/reliability.py"
"""The table's name in the document."""

HEAD = (
    "| failure | what the client saw | lost | slowest answer, s | recovery time, s | test |\n"
    "|---|---|--:|--:|--:|---|\n"
)
"""The table's first two lines."""


def main() -> None:
    """Print the table or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="what the tests wrote")
    parser.add_argument("--write", action="store_true", help="put it into docs/reliability.md")
    arguments = parser.parse_args()
    rows = json.loads(arguments.report.read_text())
    table = HEAD + "".join(map(_line, rows.values()))
    if not arguments.write:
        print(table)
        return
    DOCUMENT.write_text(replace_table(DOCUMENT.read_text(), TABLE, table))


def _line(row: dict[str, Any]) -> str:
    cells = (
        row["failure"],
        row["saw"],
        f"{row['lost']} of {row['sent']}",
        _seconds(row["slowest"]),
        _seconds(row["recovery"]),
        f"`{row['test'].removeprefix('test_')}`",
    )
    return f"| {' | '.join(cells)} |\n"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


if __name__ == "__main__":
    main()
