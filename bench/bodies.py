"""Measure DensePose's default engine on bodies with exact labels: `python bench/bodies.py DIR`.

`python -m examples.render.bodies DIR` makes the bodies. Prints the mean IoU of the parts present
in either map, per view and over all. The labels' cuts are ours (examples/render/labels.py), the
joints exact.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from bench.measures.agreement import label_ious
from services.densepose import model
from services.densepose.core import estimate_surface
from services.densepose.parts import Part


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    found: dict[str, list[float]] = defaultdict(list)
    network = model.load()
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as case:
            truth, keypoints, name = case["parts"], case["keypoints"], str(case["name"])
        outline = np.where(truth > 0, 255, 0).astype(np.uint8)
        surface = estimate_surface(network, keypoints, outline)
        overlaps = label_ious(surface.parts, truth, len(Part))
        found[name].append(float(np.mean([iou for part, iou in overlaps.items() if part])))
    if not found:
        parser.error(f"no .npz in {folder}; make them with python -m examples.render.bodies")
    for name, ious in found.items():
        print(f"{name}\t{np.mean(ious):.3f}")
    print(f"mean\t{np.mean([iou for ious in found.values() for iou in ious]):.3f}")


if __name__ == "__main__":
    main()
