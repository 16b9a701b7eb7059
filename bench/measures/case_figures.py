"""Compute the figures of a case, by their names in the report."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from bench.measures import agreement, colour, edges, foreign_pixels, garment_cut, prints, unchanged
from bench.measures.agreement import Figures
from bench.measures.regions import Bool, TryOnImages
from bench.runs.cases import Case, Truth
from bench.runs.engine import RunResult
from services.kit.errors import NoGarment
from services.kit.types import Image, LabelMap, Mask
from services.viton.garment.top_landmarks import detect_top_landmarks

ANCESTOR: Final = "ancestor."
"""Prefix of the same measures of the case's ``result.png``."""


@dataclass(frozen=True)
class CaseFigures:
    """The figures and faults of a case."""

    figures: Figures
    """Figures by name."""
    faults: dict[str, Bool]
    """Faulty pixels, H x W, by fault."""


def judge(case: Case, run: RunResult) -> CaseFigures:
    """Measure a case; a figure that cannot be measured is None."""
    truth = complete_truth(case.truth, run.garment, run.garment_mask)
    figures = _agreements(case, run)
    figures["outside_edit_mask"] = unchanged.outside_edit_mask(
        run.try_on_canvas, run.person, run.edit_mask
    )
    ours, faults = _artefacts(
        _collect_images(run, run.try_on_canvas, run.try_on_labels, truth), truth
    )
    figures |= ours
    if case.result is not None and run.reference_labels is not None:
        images = _collect_images(run, case.result, run.reference_labels, truth)
        theirs, _ = _artefacts(images, truth)
        figures |= {f"{ANCESTOR}{name}": value for name, value in theirs.items()}
    figures |= {f"seconds.{stage}": seconds for stage, seconds in run.seconds.items()}
    figures["seconds"] = sum(run.seconds.values())
    # JSON takes no NumPy numbers.
    return CaseFigures({k: None if v is None else float(v) for k, v in figures.items()}, faults)


def complete_truth(truth: Truth, garment: Image, mask: Mask) -> Truth:
    """Fill missing attributes of a garment with the engine's landmarks of its photo."""
    if truth.category != "upper" or None not in (truth.sleeves, truth.neckline):
        return truth
    try:
        found = detect_top_landmarks(garment, mask)
    except NoGarment:
        return truth
    depth = found.neckline.depth if truth.neckline is None else truth.neckline
    return replace(truth, sleeves=truth.sleeves or found.sleeve_length.value, neckline=depth)


def _agreements(case: Case, run: RunResult) -> Figures:
    figures: Figures = {}
    if case.labels is not None:
        figures |= agreement.parse(run.labels, case.labels)
    if case.mask is not None:
        figures["garment_mask_iou"] = agreement.mask_iou(run.garment_mask, case.mask)
    if case.parts is not None:
        figures["part_map_iou"] = agreement.part_map(run.part_labels, case.parts)
    if case.keypoints is not None:
        figures |= agreement.keypoints(run.keypoints, case.keypoints)
    if case.result is not None:
        figures["ssim"] = agreement.ssim(run.try_on_canvas, case.result)
        figures["lpips"] = agreement.lpips(run.try_on_canvas, case.result)
    return figures


def _collect_images(run: RunResult, picture: Image, labels: LabelMap, truth: Truth) -> TryOnImages:
    return TryOnImages(
        picture=picture,
        labels=labels,
        person=run.person,
        person_labels=run.labels,
        keypoints=run.keypoints,
        garment=run.garment,
        garment_mask=run.garment_mask,
        category=truth.category,
    )


def _artefacts(images: TryOnImages, truth: Truth) -> tuple[Figures, dict[str, Bool]]:
    found = {
        "foreign": foreign_pixels.foreign(images),
        "leftovers": foreign_pixels.leftovers(images),
    }
    printed = prints.print_shape(images)
    reach = depth = None
    if images.category != "lower":
        found["slits"] = foreign_pixels.slits(images)
        reach, depth = garment_cut.sleeve_reach(images), garment_cut.neckline_depth(images)
    same = None
    if reach is not None and truth.sleeves is not None:
        same = float(garment_cut.sleeve_class(reach) == truth.sleeves)
    deeper = None
    if depth is not None and truth.neckline is not None:
        deeper = abs(depth - truth.neckline)
    figures: Figures = {
        **{name: fault.amount for name, fault in found.items()},
        **unchanged.touched(images),
        "colour_difference": colour.colour_difference(images),
        "print_aspect": printed.aspect,
        "print_matches": float(printed.matches),
        "sleeve_reach": reach,
        "sleeve_kept": same,
        "neckline_depth": depth,
        "neckline_error": deeper,
        "roughness": edges.roughness(images),
    }
    return figures, {name: fault.where for name, fault in found.items()}


def means(cases: dict[str, Figures]) -> Figures:
    """Average each figure over the cases that have it."""
    names = sorted({name for figures in cases.values() for name in figures})
    averages: Figures = {}
    for name in names:
        values = [figures.get(name) for figures in cases.values()]
        present = [value for value in values if value is not None]
        averages[name] = float(np.mean(present)) if present else None
    return averages
