"""Write a report: ``report.json``, ``report.md``, ``report.html`` and contact sheets.

The Markdown is text only. The pictures are in the HTML file, in ``pictures/`` and on the sheets.
"""

import base64
import html
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL.Image

from bench.measures.agreement import Figures
from bench.measures.case_figures import ANCESTOR, means
from bench.measures.targets import verdicts
from bench.reports import sheets
from bench.reports.sheets import CELL, Cell
from services.kit.pictures import images
from services.kit.types import Image

SCHEMA: Final = 1
"""Version of the schema of report.json."""

AGREEMENT: Final = (
    "parse_iou",
    "parse_iou.worst",
    "garment_mask_iou",
    "part_map_iou",
    "keypoint_error",
    "ssim",
    "lpips",
)
"""Measures of the table of agreement."""

ARTEFACTS: Final = (
    "foreign",
    "leftovers",
    "slits",
    "outside_edit_mask",
    "touched",
    "colour_difference",
    "print_aspect",
    "sleeve_kept",
    "neckline_error",
    "roughness",
)
"""Measures of the table of artefacts."""

LARGER_IS_BETTER: Final = ("iou", "ssim", "print_aspect", "print_matches", "sleeve_kept")
"""Prefixes of measures that are better if larger; all others are better if smaller."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a report is about."""

    commit: str
    """The commit, with a plus if the working tree differs from it."""
    when: str
    """Date and time of the run, in UTC."""
    threads: int
    """Threads of every network."""
    folder: str
    """Name of the folder of cases."""
    photos: str
    """``uploaded`` or ``enlarged``."""


@dataclass(frozen=True, kw_only=True)
class CasePictures:
    """The pictures of a case."""

    person: Image
    """The person's photo."""
    garment: Image
    """The garment's photo."""
    try_on_canvas: Image
    """The person in the garment."""
    ancestor: Image | None
    """Another program's picture of the same; None without one."""
    labels: Image
    """The person's CIHP labels in colours."""
    faults: Image
    """The picture with every fault marked."""


def write(
    out: Path,
    run: Run,
    cases: dict[str, Figures],
    failed: dict[str, str],
    shown: dict[str, CasePictures],
) -> dict[str, Any]:
    """Write all files to ``out`` and return what ``report.json`` holds."""
    report: dict[str, Any] = {
        "schema": SCHEMA,
        **asdict(run),
        "cases": cases,
        "mean": means(cases),
        "targets": [asdict(verdict) for verdict in verdicts(cases)],
        "failed": failed,
    }
    (out / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    text = markdown(report)
    (out / "report.md").write_text(text)
    rows = [_row(name, cases[name], pictures) for name, pictures in shown.items()]
    for old in out.glob("sheet-*.png"):
        old.unlink()
    for number, page in enumerate(sheets.pages(rows), 1):
        save(page, out / f"sheet-{number}.png")
    if shown:
        save(_glance(shown), out / "glance.png")
    (out / "report.html").write_text(page_html("Quality report", text, rows))
    return report


def save(picture: Image, path: Path) -> None:
    """Write a picture as PNG."""
    path.write_bytes(images.encode(picture, images.PNG))


def number(value: float | None) -> str:
    """Format a figure with three significant digits, or a dash."""
    if value is None:
        return "-"
    digits = 3 if abs(value) < 10 else 1
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if math.isfinite(value) else "-"


def markdown(report: dict[str, Any]) -> str:
    """Return the report's tables."""
    cases: dict[str, Figures] = report["cases"]
    mean: Figures = report["mean"]
    lines = [
        _about(report),
        "",
        "## Targets",
        "",
        *table(
            ("", "measured", "target", ""),
            [
                (
                    verdict["what"],
                    number(verdict["value"]),
                    verdict["target"],
                    {True: "met", False: "**missed**", None: "not measured"}[verdict["met"]],
                )
                for verdict in report["targets"]
            ],
        ),
        "",
        "## Agreement with the references",
        "",
        *_by_case(cases, mean, AGREEMENT),
        "",
        "## Artefacts",
        "",
        *_by_case(cases, mean, ARTEFACTS),
    ]
    if any(f"{ANCESTOR}{name}" in mean for name in ARTEFACTS):
        beside = [
            (name, number(mean.get(name)), number(mean.get(f"{ANCESTOR}{name}")))
            for name in ARTEFACTS
            if f"{ANCESTOR}{name}" in mean
        ]
        lines += ["", "## Beside the ancestor, means", "", *table(("", "ours", "ancestor"), beside)]
        names = [f"{ANCESTOR}{name}" for name in ARTEFACTS if f"{ANCESTOR}{name}" in mean]
        lines += ["", "## The ancestor's artefacts", "", *_by_case(cases, mean, names)]
    rows = [(name, number(value)) for name, value in mean.items() if not name.startswith(ANCESTOR)]
    lines += ["", "## All means", "", *table(("", "mean"), rows)]
    if report["failed"]:
        lines += ["", "## Failed", "", *table(("case", "why"), list(report["failed"].items()))]
    return "\n".join(lines) + "\n"


def _about(report: dict[str, Any]) -> str:
    return (
        f"Commit {report['commit']}, {report['when']}: {len(report['cases'])} cases of "
        f"{report['folder']}, {report['photos']} photos, threads: {report['threads']}."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table; all columns but the first are numbers."""
    return [
        "| " + " | ".join(head) + " |",
        "|---|" + "--:|" * (len(head) - 1),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _by_case(cases: dict[str, Figures], mean: Figures, names: Sequence[str]) -> list[str]:
    present = [name for name in names if mean.get(name) is not None]
    rows = [
        (case, *(number(figures.get(name)) for name in present)) for case, figures in cases.items()
    ]
    rows.append(("**mean**", *(number(mean[name]) for name in present)))
    heads = [name.removeprefix(ANCESTOR).replace("_", " ") for name in present]
    return table(("case", *heads), rows)


def page_html(title: str, text: str, rows: Sequence[Sequence[Cell]]) -> str:
    """Return one HTML file: the Markdown's tables, and rows of pictures inside the file."""
    body = "\n".join(_block(block) for block in text.strip().split("\n\n"))
    figures = "\n".join(
        "<div class=row>" + "".join(_figure(cell) for cell in row) + "</div>" for row in rows
    )
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{html.escape(title)}</title>"
        "<style>body{font:15px system-ui;margin:2rem;color:#222}table{border-collapse:collapse}"
        "td,th{padding:.2rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
        "td:first-child,th:first-child{text-align:left}.row{display:flex;gap:.5rem;margin:1rem 0}"
        "figure{margin:0}figcaption{font-size:13px}</style>"
        f"<h1>{html.escape(title)}</h1>\n{body}\n<h2>Pictures</h2>\n{figures}</html>\n"
    )


def _block(block: str) -> str:
    if block.startswith("## "):
        return f"<h2>{html.escape(block[3:])}</h2>"
    if not block.startswith("|"):
        return f"<p>{html.escape(block)}</p>"
    lines = [
        [_cell_html(cell.strip()) for cell in line.strip("|").split("|")]
        for line in block.splitlines()
        if not line.startswith("|---")
    ]
    head = "".join(f"<th>{cell}</th>" for cell in lines[0])
    rows = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in line) + "</tr>" for line in lines[1:])
    return f"<table><tr>{head}</tr>{rows}</table>"


def _cell_html(text: str) -> str:
    escaped = html.escape(text.strip("*"))
    return f"<b>{escaped}</b>" if text.startswith("**") else escaped


def _figure(cell: Cell) -> str:
    caption = f"<figcaption>{html.escape(cell.caption)}</figcaption>"
    if cell.picture is None:
        return f"<figure>{caption}</figure>"
    picture = PIL.Image.fromarray(cell.picture)
    picture.thumbnail(CELL, PIL.Image.Resampling.LANCZOS)
    data = base64.b64encode(images.encode(np.asarray(picture), images.JPEG)).decode()
    alt = html.escape(cell.caption)
    return f'<figure><img alt="{alt}" src="data:image/jpeg;base64,{data}">{caption}</figure>'


def _row(name: str, figures: Figures, shown: CasePictures) -> list[Cell]:
    def told(*names: str) -> str:
        return "  ".join(f"{short(n)} {number(figures.get(n))}" for n in names)

    ancestor = told(f"{ANCESTOR}colour_difference", f"{ANCESTOR}print_aspect")
    return [
        Cell(shown.person, f"case {name}"),
        Cell(shown.garment, told("sleeve_kept", "garment_mask_iou")),
        Cell(shown.try_on_canvas, told("colour_difference", "print_aspect", "roughness")),
        *([] if shown.ancestor is None else [Cell(shown.ancestor, ancestor)]),
        Cell(shown.labels, told("parse_iou", "part_map_iou")),
        Cell(shown.faults, told("foreign", "leftovers", "slits")),
    ]


def short(name: str) -> str:
    """Return a measure's short name for a caption."""
    short_names = {
        "colour_difference": "dE",
        "print_aspect": "print",
        "garment_mask_iou": "mask",
        "parse_iou": "parse",
        "part_map_iou": "parts",
        "sleeve_kept": "sleeve",
        "roughness": "rough",
    }
    bare = name.removeprefix(ANCESTOR)
    return short_names.get(bare, bare)


def _glance(shown: dict[str, CasePictures]) -> Image:
    cells = [
        cell
        for name, pictures in shown.items()
        for cell in (
            Cell(pictures.try_on_canvas, f"{name} ours"),
            Cell(pictures.ancestor, "ancestor"),
        )
        if cell.picture is not None
    ]
    return sheets.sheet([cells[first : first + 6] for first in range(0, len(cells), 6)])
