"""Measure attributes and landmarks on drawn garments with exact labels.

``python bench/garments.py --count 200 --out DIR --seed 3`` draws ``count`` upper garments, and a
third as many lower garments and dresses each, and writes photos, masks, parts and labels. The
network of the cloth_mask service predicts the attributes. The try-on engine detects the landmarks
of the upper garments. The accuracy of category, sleeves, neckline and opening and the error of
landmarks are printed and written to ``report.json``. A seed determines the garments. The network
was trained on seed 100. ``--rules`` runs without the network. ``--masks network`` takes the masks
of the cloth_mask service instead of the exact ones, which needs the weights.
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

from bench.measures.garment_landmarks import (
    SPEC_PROPERTIES,
    ClassPairs,
    GarmentResult,
    class_accuracies,
    compare_classes,
    count_confusions,
    evaluate_garment,
    summarise,
)
from services.cloth_mask.contract import SegmentRequest
from services.cloth_mask.model import load_attributes_network
from services.cloth_mask.service import load
from services.kit import logs
from services.kit.errors import NoGarment
from services.kit.garment_attributes import NO_ATTRIBUTES
from services.kit.settings import get_settings
from training.garment.drawn.photo import Drawn, Picture, draw
from training.garment.drawn.spec import SLEEVES


def main() -> None:
    """Draw, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="garments to draw")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--rules", action="store_true", help="read without the network")
    parser.add_argument("--masks", choices=("exact", "network"), default="exact")
    arguments = parser.parse_args()
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    arguments.out.mkdir(parents=True, exist_ok=True)
    console = Console()
    segment = _network() if arguments.masks == "network" else None
    reader = load_attributes_network()
    readings, classes = [], []
    for category, number in track(wanted(arguments.count), "Garments", console=console):
        drawn = draw(arguments.seed, number, category=category)
        write(arguments.out, f"{category}-{number:04d}", drawn)
        mask = drawn.mask if segment is None else segment(drawn.image)
        told = reader.read(drawn.image, mask)
        classes.append(compare_classes(drawn, told))
        if category == "upper":
            readings.append(
                evaluate_garment(number, drawn, mask, NO_ATTRIBUTES if arguments.rules else told)
            )
    figures = summarise(readings) | {"network": class_accuracies(classes), "seed": arguments.seed}
    figures |= {"masks": arguments.masks, "rules": arguments.rules}
    (arguments.out / "report.json").write_text(json.dumps(figures, indent=2) + "\n")
    for table in [*tables(readings), *crossed(classes)]:
        console.print(table)


def wanted(count: int) -> list[tuple[str, int]]:
    """Return category and number of each garment to draw."""
    others = [(category, n) for category in ("lower", "dress") for n in range(count // 3)]
    return [("upper", number) for number in range(count)] + others


def write(folder: Path, name: str, drawn: Drawn) -> None:
    """Write one garment: ``NAME.jpg``, ``NAME_mask.png``, ``NAME_parts.png`` and ``NAME.json``."""
    PIL.Image.fromarray(drawn.image).save(folder / f"{name}.jpg", quality=95, subsampling=0)
    PIL.Image.fromarray(drawn.mask).save(folder / f"{name}_mask.png")
    PIL.Image.fromarray(drawn.parts).save(folder / f"{name}_parts.png")
    (folder / f"{name}.json").write_text(json.dumps(drawn.label(), indent=2) + "\n")


def tables(readings: list[GarmentResult]) -> list[Table]:
    """Return the summary, the confusion of sleeve classes and the figures by kind."""
    figures = summarise(readings)
    whole = Table("figure", "value", title=f"{len(readings)} garments")
    whole.add_row("sleeve class right", f"{figures['sleeve_class_right']:.1%}")
    whole.add_row(
        "neckline depth, median error in neck widths", _told(figures["neckline_depth_error"])
    )
    whole.add_row("mask IoU", f"{figures['mask_iou']:.3f}")
    for name, error in figures["landmark_error"].items():
        whole.add_row(f"{name}, median error in chest widths", _told(error))
    counts = count_confusions(readings)
    found = [*SLEEVES, *sorted({r.sleeve_class for r in readings} - set(SLEEVES))]
    crossed = Table("drawn", *found, title="sleeve classes found")
    for drawn, row in counts.items():
        crossed.add_row(drawn, *(str(row.get(name, 0)) for name in found))
    kinds = Table("kind", "", "garments", "sleeves", "neck depth", "armpit", title="by kind")
    for kind in SPEC_PROPERTIES:
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


def crossed(classes: list[ClassPairs]) -> list[Table]:
    """Return a confusion table of each attribute."""
    found = []
    for question, own in class_accuracies(classes).items():
        names = list(own["confusion"])
        names += sorted({n for row in own["confusion"].values() for n in row} - set(names))
        table = Table("drawn", *names, title=f"network: {question}, {own['right']:.1%} right")
        for name, row in own["confusion"].items():
            table.add_row(name, *(str(row.get(n, 0)) for n in names))
        found.append(table)
    return found


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
