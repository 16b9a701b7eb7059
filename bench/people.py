"""Measure the human parse on people with exact labels: `python bench/people.py DIR`.

`python -m examples.render.people DIR` makes the pictures. For each picture this prints the mean
IoU of the CIHP classes present in either map, the worst class, and the distance of the edges from
the true ones: the mean distance in pixels both ways, and the IoU of the bands two pixels wide
around them (boundary IoU of Cheng et al., CVPR 2021). The joints are the exact ones.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
from numpy.typing import NDArray

from bench.measures.agreement import label_ious
from services.human_parse import service
from services.human_parse.contract import ParseRequest, ParseResponse
from services.kit.labels import Label
from services.kit.types import LabelMap

LEAST = 400
"""Pixels below which a class is not counted."""


def edges(labels: LabelMap) -> NDArray[np.bool_]:
    """Flag the pixels, H x W, whose right or lower neighbour has another label."""
    found = np.zeros(labels.shape, np.bool_)
    found[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    found[:-1] |= labels[:-1] != labels[1:]
    return found


def edge_agreement(found: LabelMap, truth: LabelMap) -> tuple[float, float]:
    """Return the mean distance of the edges in pixels, and the IoU of the bands around them."""
    away = []
    lines = [edges(found), edges(truth)]
    for own, other in (lines, lines[::-1]):
        distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, 5)
        away.append(float(np.minimum(distance[own], 20).mean()))
    bands = [cv2.dilate(line.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for line in lines]
    same = bands[0] & bands[1] & (found == truth)
    return sum(away) / 2, np.count_nonzero(same) / np.count_nonzero(bands[0] | bands[1])


def class_ious(found: LabelMap, truth: LabelMap) -> dict[str, float]:
    """Return the overlap of every class with at least LEAST pixels in either map."""
    overlaps = label_ious(found, truth, len(Label))
    counts = np.maximum(*(np.bincount(m.ravel(), minlength=len(Label)) for m in (found, truth)))
    return {Label(i).name: iou for i, iou in overlaps.items() if counts[i] >= LEAST}


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    parse = service.load().handlers["Parse"]
    rows = []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as case:
            truth, keypoints = case["labels"], case["keypoints"]
        image = np.asarray(PIL.Image.open(path.with_suffix(".jpg")).convert("RGB"))
        response = parse(ParseRequest(image, keypoints))
        assert isinstance(response, ParseResponse)
        ious = class_ious(response.labels, truth)
        worst = min(ious, key=lambda name: ious[name])
        distance, band = edge_agreement(response.labels, truth)
        rows.append((float(np.mean(list(ious.values()))), distance, band))
        print(
            f"{path.stem}\tIoU {rows[-1][0]:.3f}\tworst {worst} {ious[worst]:.2f}"
            f"\tedges {distance:.2f} px\tbands {band:.3f}"
        )
    if not rows:
        parser.error(f"no .npz in {folder}; make them with python -m examples.render.people")
    iou, distance, band = np.mean(rows, axis=0)
    print(f"mean\tIoU {iou:.3f}\tedges {distance:.2f} px\tbands {band:.3f}")


if __name__ == "__main__":
    main()
