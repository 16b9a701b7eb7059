"""Compare two reports, such as those of two commits."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from bench.measures.agreement import Figures
from bench.reports import sheets
from bench.reports.report import (
    AGREEMENT,
    ARTEFACTS,
    LARGER_IS_BETTER,
    number,
    page_html,
    save,
    short,
    table,
)
from bench.reports.sheets import Cell
from services.kit.types import Image

EVEN = 0.0005
"""Largest difference of equal figures."""


def write(out: Path, other: Path) -> str:
    """Compare the report in ``out`` with that in ``other``; return the Markdown.

    Writes ``compare.md``, ``compare.html`` and ``compare-N.png`` to ``out``. Raises OSError or
    ValueError if ``other`` is no report.
    """
    now, before = (json.loads((folder / "report.json").read_text()) for folder in (out, other))
    shared = [case for case in now["cases"] if case in before["cases"]]
    text = _markdown(now, before, shared)
    (out / "compare.md").write_text(text)
    rows = [_row(case, now, before, out, other) for case in shared]
    for old in out.glob("compare-*.png"):
        old.unlink()
    for page_number, page in enumerate(sheets.pages(rows), 1):
        save(page, out / f"compare-{page_number}.png")
    (out / "compare.html").write_text(page_html("Two commits", text, rows))
    return text


def better(measure: str, before: float | None, now: float | None) -> str:
    """Return ``better`` or ``worse``, empty if a figure is equal or unknown."""
    if before is None or now is None or abs(now - before) < EVEN:
        return ""
    larger = any(word in measure for word in LARGER_IS_BETTER)
    return "better" if (now > before) == larger else "worse"


def _markdown(now: dict[str, Any], before: dict[str, Any], shared: list[str]) -> str:
    measures = (*AGREEMENT, *ARTEFACTS, "seconds.viton", "seconds")
    rows = [_delta(name, before["mean"], now["mean"]) for name in measures]
    first, second = (f"{report['commit']} of {report['when']}" for report in (before, now))
    lines = [
        f"{first} against {second}; {len(shared)} cases in both.",
        "",
        "## Means",
        "",
        *table(("", "before", "now", "change", ""), rows),
    ]
    changed = [
        (case, *_delta(name, before["cases"][case], now["cases"][case]))
        for case in shared
        for name in (*AGREEMENT, *ARTEFACTS)
        if better(name, before["cases"][case].get(name), now["cases"][case].get(name))
    ]
    if changed:
        head = ("case", "measure", "before", "now", "change", "")
        lines += ["", "## What changed, case by case", "", *table(head, changed)]
    return "\n".join(lines) + "\n"


def _delta(name: str, before: Figures, now: Figures) -> tuple[str, ...]:
    first, second = before.get(name), now.get(name)
    change = None if first is None or second is None else second - first
    sign = "+" if change and change > 0 else ""
    told = better(name, first, second)
    return name, number(first), number(second), f"{sign}{number(change)}", told


def _row(
    case: str, now: dict[str, Any], before: dict[str, Any], out: Path, other: Path
) -> list[Cell]:
    old, new = (_picture(folder / "pictures" / f"{case}.png") for folder in (other, out))
    difference = None if old is None or new is None else sheets.draw_difference(old, new)
    deltas = [
        f"{short(name)} {told}"
        for name in (*AGREEMENT, *ARTEFACTS)
        if (told := better(name, before["cases"][case].get(name), now["cases"][case].get(name)))
    ]
    return [
        Cell(old, f"{case}: {before['commit']}"),
        Cell(new, f"{case}: {now['commit']}"),
        Cell(difference, "; ".join(deltas)[:46]),
    ]


def _picture(path: Path) -> Image | None:
    if not path.is_file():
        return None
    with PIL.Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
