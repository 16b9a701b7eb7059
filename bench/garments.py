"""Draws garments with exact labels: ``python bench/garments.py --count 200 --out DIR --seed 1``.

Writes photos, masks, parts and labels, reads every garment as the try-on engine does, prints how
often the sleeve class was right and how far landmarks were off, and writes the same to
``report.json``. The same seed draws the same garments. ``--masks network`` reads from the masks of
the cloth_mask service in place of the exact ones, which needs its weights.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.drawn.photo import Drawn, Picture, draw
from bench.drawn.reading import KINDS, Reading, confusion, read, summary
from bench.drawn.spec import SLEEVES
from services.cloth_mask.contract import SegmentRequest
from services.cloth_mask.service import load
from services.kit import logs
from services.kit.errors import NoGarment
from services.kit.settings import get_settings


def main() -> None:
    """Draw, read and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="garments to draw")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--masks", choices=("exact", "network"), default="exact")
    arguments = parser.parse_args()
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    arguments.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    segment = _network() if arguments.masks == "network" else None
    readings = []
    for number in track(range(arguments.count), "Garments", console=console):
        drawn = draw(arguments.seed, number)
        write(arguments.out, number, drawn)
        readings.append(read(number, drawn, None if segment is None else segment(drawn.image)))
    figures = summary(readings) | {"seed": arguments.seed, "masks": arguments.masks}
    (arguments.out / "report.json").write_text(json.dumps(figures, indent=2) + "\n")
    for table in tables(readings):
        console.print(table)


def write(folder: Path, number: int, drawn: Drawn) -> None:
    """Write one garment: ``NNNN.jpg``, ``NNNN_mask.png``, ``NNNN_parts.png`` and ``NNNN.json``."""
    name = f"{number:04d}"
    PIL.Image.fromarray(drawn.image).save(folder / f"{name}.jpg", quality=95, subsampling=0)
    PIL.Image.fromarray(drawn.mask).save(folder / f"{name}_mask.png")
    PIL.Image.fromarray(drawn.parts).save(folder / f"{name}_parts.png")
    (folder / f"{name}.json").write_text(json.dumps(drawn.label(), indent=2) + "\n")


def tables(readings: list[Reading]) -> list[Table]:
    """Return the summary, the confusion of sleeve classes and the figures by kind."""
    figures = summary(readings)
    whole = Table("figure", "value", title=f"{len(readings)} garments")
    whole.add_row("sleeve class right", f"{figures['sleeve_class_right']:.1%}")
    whole.add_row(
        "neckline depth, median error in neck widths", _told(figures["neckline_depth_error"])
    )
    whole.add_row("mask IoU", f"{figures['mask_iou']:.3f}")
    for name, error in figures["landmark_error"].items():
        whole.add_row(f"{name}, median error in chest widths", _told(error))
    counts = confusion(readings)
    found = [*SLEEVES, *sorted({r.found for r in readings} - set(SLEEVES))]
    crossed = Table("drawn", *found, title="sleeve classes found")
    for drawn, row in counts.items():
        crossed.add_row(drawn, *(str(row.get(name, 0)) for name in found))
    kinds = Table("kind", "", "garments", "sleeves", "neck depth", "armpit", title="by kind")
    for kind in KINDS:
        for value, own in figures["by_kind"][kind].items():
            kinds.add_row(
                kind,
                value,
                str(own["garments"]),
                f"{own['sleeve_class_right']:.1%}",
                _told(own["neckline_depth_error"]),
                _told(own["armpit_error"]),
            )
    return [whole, crossed, kinds]


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _network() -> Callable[[Picture], Picture]:
    service = load()

    def segment(image: Picture) -> Picture:
        try:
            answer = service.handlers["Segment"](SegmentRequest(image=image))
        except NoGarment:
            return np.zeros(image.shape[:2], np.uint8)
        return np.asarray(answer.mask, np.uint8)

    return segment


if __name__ == "__main__":
    main()
