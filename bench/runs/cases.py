"""Reads a folder of cases: two photos each, and the references that are there.

A case is a folder with ``image.jpg`` and ``cloth.jpg``; ``image_res.jpg`` and ``cloth_res.jpg`` are
the same enlarged. Every reference is optional: ``mask.png``, ``keypoints.json``, ``parse.png``,
``densepose.png``, ``result.png``, and ``garment.json`` for what is known of the garment, such as
``{"category": "upper", "sleeves": "short", "neckline": 0.6}``.
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import PIL.Image

from services.densepose.parts import read_parts
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.garment_attributes import SLEEVES
from services.kit.pictures import images
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image, Keypoints, LabelMap, Mask

PHOTO_SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".webp")
"""Endings of photos, the preferred one first."""

OLD_SLEEVES: Final = {"mid": "three_quarter"}
"""Sleeve lengths that older ``garment.json`` files name otherwise, and their present names."""


class CaseError(ValueError):
    """A case's folder cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Truth:
    """What is known of a garment."""

    sleeves: str | None = None
    """One of ``SLEEVES``."""
    neckline: float | None = None
    """Depth of the neckline, as a fraction of its width."""
    category: str = "upper"
    """One of ``GARMENT_CATEGORIES``."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two photos, and references on the canvas; a reference that is missing is None."""

    name: str
    """Name of the folder."""
    folder: Path
    """The folder."""
    person: Image
    """The person's photo, of any size."""
    garment: Image
    """The garment's photo, of any size."""
    mask: Mask | None = None
    """The garment's mask."""
    keypoints: Keypoints | None = None
    """The person's joints, 25 x 3: x, y, confidence."""
    labels: LabelMap | None = None
    """The person's CIHP labels."""
    parts: LabelMap | None = None
    """The person's DensePose part ids."""
    result: Image | None = None
    """The try-on of another program."""
    truth: Truth = Truth()
    """What is known of the garment."""


REFERENCES: Final = ("mask", "keypoints", "labels", "parts", "result")
"""The fields of a case that may be None."""


def without_reference(case: Case, reference: str) -> Case:
    """Return the case without one of ``REFERENCES``."""
    changes: dict[str, Any] = {reference: None}
    return replace(case, **changes)


def find_cases(folder: Path) -> list[Path]:
    """Return the folders of cases in ``folder``, by number. Raises CaseError if there is none."""
    if not folder.is_dir():
        raise CaseError(f"{folder} is not a folder.")
    found = [path for path in folder.iterdir() if path.is_dir() and _photo(path, "image")]
    if not found:
        raise CaseError(f"{folder} holds no case: a folder with image.jpg and cloth.jpg.")
    return sorted(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)] or [0])


def read_case(folder: Path, *, uploads: bool = False) -> Case:
    """Read one case; ``uploads`` prefers the photos as uploaded to the enlarged ones.

    Raises CaseError if a photo is missing or a reference has another format than its name says.
    """
    keypoints = folder / "keypoints.json"
    truth = folder / "garment.json"
    parts = _picture(folder / "densepose.png")
    return Case(
        name=folder.name,
        folder=folder,
        person=_upload(folder, "image", uploads=uploads),
        garment=_upload(folder, "cloth", uploads=uploads),
        mask=_ids(folder / "mask.png"),
        keypoints=_keypoints(keypoints) if keypoints.is_file() else None,
        labels=_ids(folder / "parse.png"),
        parts=None if parts is None else _parts(parts, folder / "densepose.png"),
        result=_picture(folder / "result.png"),
        truth=_truth(truth) if truth.is_file() else Truth(),
    )


def _photo(folder: Path, stem: str) -> Path | None:
    paths = (folder / f"{stem}{suffix}" for suffix in PHOTO_SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _upload(folder: Path, stem: str, *, uploads: bool) -> Image:
    path = (None if uploads else _photo(folder, f"{stem}_res")) or _photo(folder, stem)
    if path is None:
        raise CaseError(f"{folder} has no {stem}.jpg.")
    return images.decode(path.read_bytes())


def _picture(path: Path) -> Image | None:
    if not path.is_file():
        return None
    with PIL.Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    return _on_canvas(pixels, path, cv2.INTER_AREA)


def _ids(path: Path) -> LabelMap | None:
    """Read ids or a mask. Of a file with a palette, read the ids, not the colours."""
    if not path.is_file():
        return None
    with PIL.Image.open(path) as picture:
        pixels = np.asarray(picture if picture.mode in {"P", "L"} else picture.convert("L"))
    return _on_canvas(pixels, path, cv2.INTER_NEAREST)


def _on_canvas(pixels: Image, path: Path, interpolation: int) -> Image:
    height, width = pixels.shape[:2]
    if (height, width) == (CANVAS_HEIGHT, CANVAS_WIDTH):
        return pixels
    if abs(width * CANVAS_HEIGHT - height * CANVAS_WIDTH) > 0.01 * height * CANVAS_WIDTH:
        raise CaseError(f"{path} is {width} x {height} pixels; a reference has 3 : 4.")
    size = (CANVAS_WIDTH, CANVAS_HEIGHT)
    return np.asarray(cv2.resize(pixels, size, interpolation=interpolation), np.uint8)


def _parts(picture: Image, path: Path) -> LabelMap:
    parts = read_parts(picture)
    if parts is None:
        raise CaseError(f"{path} is not in DensePose's colours.")
    return parts


def _keypoints(path: Path) -> Keypoints:
    """Read the first person of a file in OpenPose's format."""
    try:
        person = json.loads(path.read_text())["people"][0]
        return np.array(person["pose_keypoints_2d"], np.float32).reshape(25, 3)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise CaseError(
            f"{path} holds no person with 25 joints as OpenPose writes them."
        ) from error


def _truth(path: Path) -> Truth:
    try:
        known: dict[str, Any] = json.loads(path.read_text())
        depth = known.get("neckline")
        depth = None if depth is None else float(depth)
        sleeves = known.get("sleeves")
        truth = Truth(OLD_SLEEVES.get(str(sleeves), sleeves), depth, known.get("category", "upper"))
    except (ValueError, TypeError, AttributeError) as error:
        raise CaseError(f"{path} is not an object that describes a garment.") from error
    if truth.sleeves not in (None, *SLEEVES):
        raise CaseError(f"{path}: sleeves are one of {', '.join(SLEEVES)}.")
    if truth.category not in GARMENT_CATEGORIES:
        raise CaseError(f"{path}: the category is one of {', '.join(GARMENT_CATEGORIES)}.")
    return truth
