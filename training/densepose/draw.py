"""Draw the training samples, one file for every few people."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import anny
import numpy as np
import torch

from examples.render.body import build
from training.densepose import poses, samples
from training.densepose.surface import spread_over

SHOWN: Final = ("upper", "upper", "whole")
"""What each person is shown as."""
_FIELDS: Final = ("keypoints", "outline", "labels", "parts", "u", "v")
"""Names of a sample's arrays in the file."""

_SURFACE_SEED: Final = 7
"""Seed of the points on the body."""


def draw(folder: Path, files: int, processes: int) -> None:
    """Draw the files that ``folder`` lacks; the result is reproducible."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [number for number in range(files) if not _path(folder, number).exists()]
    if not wanted:
        return
    with ProcessPoolExecutor(processes) as pool:
        shares = [wanted[first::processes] for first in range(processes)]
        list(pool.map(_draw_files, [folder] * processes, shares))


def read(folder: Path, files: int) -> Iterator[samples.Sample]:
    """Return the samples."""
    for number in range(files):
        with np.load(_path(folder, number)) as stored:
            for index in range(len(SHOWN) * poses.BATCH):
                yield samples.Sample(**{name: stored[f"{index}.{name}"] for name in _FIELDS})


def _draw_files(folder: Path, numbers: list[int]) -> None:
    torch.set_num_threads(1)
    model = anny.Anny(phenotypes="all", local_changes="default", facial_actions="all").float()
    rest = build({}, [])
    surface = spread_over(rest, np.random.default_rng(_SURFACE_SEED))
    bones = {bone: rest.joint(bone) for bone in rest.labels}
    for number in numbers:
        rng = np.random.default_rng(number)
        people = poses.draw(model, bones, rng)
        stored: dict[str, np.ndarray] = {}
        for person in range(poses.BATCH):
            for view, shape in enumerate(SHOWN):
                body = samples.Posed(people.vertices[person], rest.faces, people.joints[person])
                sample = samples.make(surface, body, shape, rng)
                index = person * len(SHOWN) + view
                stored |= {f"{index}.{name}": getattr(sample, name) for name in _FIELDS}
        partly = folder / f"{number}.part.npz"
        np.savez_compressed(partly, allow_pickle=False, **stored)
        partly.replace(_path(folder, number))


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.npz"
