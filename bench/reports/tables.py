"""Tables of measurements, for the terminal and for documents; comparisons of two checkouts."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from bench.measures.spread import Spread, summarize, summarize_ratios

NOTHING = ""
"""Cell of what was not measured."""


@dataclass(frozen=True, kw_only=True)
class TableData:
    """The texts of a table."""

    title: str
    """What the table shows."""
    columns: tuple[str, ...]
    """Heads of the columns; all but the first are aligned to the right."""
    rows: tuple[tuple[str, ...], ...]
    """Cells, row by row."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One quantity, measured of this checkout and perhaps of another, in pairs."""

    label: str
    """What was measured, with its unit."""
    after: Sequence[float]
    """Values of this checkout."""
    before: Sequence[float] | None = None
    """Values of the other checkout, in the same order; None without one."""
    decimals: int = 2
    """Decimals of the values."""


def comparison_table(title: str, rows: Sequence[Row], names: Sequence[str]) -> TableData:
    """Make a table of medians and quartiles; with two names, of ratios pair by pair too.

    ``names`` are this checkout's name, or the other's and this one's. A row with one value has no
    quartiles. A row with values of one checkout alone has no ratio.
    """
    if len(names) == 1:
        columns: tuple[str, ...] = ("", names[0], "quartiles")
        cells = [(row.label, *_summary(row.after, row.decimals)) for row in rows]
        return TableData(title=title, columns=columns, rows=tuple(cells))
    columns = ("", *names, "ratio", "quartiles of the ratio")
    return TableData(title=title, columns=columns, rows=tuple(map(_compared, rows)))


def _compared(row: Row) -> tuple[str, ...]:
    medians = (_median(values, row.decimals) for values in (row.before, row.after))
    return (row.label, *medians, *_ratio(row))


def _median(values: Sequence[float] | None, decimals: int) -> str:
    return f"{summarize(values).median:.{decimals}f}" if values else NOTHING


def _summary(values: Sequence[float], decimals: int) -> tuple[str, str]:
    if len(values) < 2:
        return _median(values, decimals), NOTHING
    spread = summarize(values)
    return (
        f"{spread.median:.{decimals}f}",
        format_range(spread, decimals),
    )


def _ratio(row: Row) -> tuple[str, str]:
    if not row.before or not row.after:
        return NOTHING, NOTHING
    spread = summarize_ratios(row.before, row.after)
    if spread is None:
        return NOTHING, NOTHING
    quartiles = format_range(spread) if len(row.after) > 1 else NOTHING
    return f"{spread.median:.2f}", quartiles


def format_range(spread: Spread, decimals: int = 2) -> str:
    """Return the quartiles as one text."""
    return f"{spread.lower:.{decimals}f} to {spread.upper:.{decimals}f}"


def to_markdown(table: TableData) -> str:
    """Return the table as Markdown, with a newline at the end."""
    marks = ["---", *("--:" for _ in table.columns[1:])]
    lines = (table.columns, marks, *table.rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def to_rich(table: TableData) -> Table:
    """Return the table for the terminal."""
    drawn = Table(title=table.title)
    for number, column in enumerate(table.columns):
        drawn.add_column(column, justify="right" if number else "left")
    for row in table.rows:
        drawn.add_row(*row)
    return drawn
