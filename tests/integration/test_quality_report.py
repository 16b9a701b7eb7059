"""``bench/quality.py`` as a person runs it, on folders of cases, with the real networks."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from services.kit.errors import WeightsMissing
from services.kit.weights import store

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT.parent / "shared" / "cases"


@pytest.fixture(scope="module", autouse=True)
def networks() -> None:
    try:
        store.find_weights("u2net_cloth_seg.onnx")
    except WeightsMissing as missing:
        pytest.skip(missing.message)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # The script's own folder is first on its path, not the checkout.
    search = os.pathsep.join([str(ROOT), str(ROOT / "generated"), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(  # noqa: S603
        (sys.executable, ROOT / "bench" / "quality.py", *arguments),
        env={**os.environ, "PYTHONPATH": search, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def read(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_the_examples_are_judged_resumed_and_compared(tmp_path: Path, examples: Path) -> None:
    case = tmp_path / "cases" / "shirt"
    case.mkdir(parents=True)
    shutil.copy(examples / "person.jpg", case / "image.jpg")
    shutil.copy(examples / "garment.jpg", case / "cloth.jpg")
    (case / "garment.json").write_text('{"sleeves": "short"}')
    empty = tmp_path / "cases" / "wall"
    empty.mkdir()
    for name in ("image.jpg", "cloth.jpg"):
        PIL.Image.fromarray(np.full((512, 384, 3), 240, np.uint8)).save(empty / name)

    first = run(case.parent, "--out", tmp_path / "first")
    assert first.returncode == 1, first.stderr
    assert "1 of 2 cases failed" in first.stderr
    report = read(tmp_path / "first")
    assert report["schema"] == 1
    assert set(report["failed"]) == {"wall"}
    figures = report["cases"]["shirt"]
    assert figures["outside_edit_mask"] == 0
    assert figures["colour_difference"] < 3
    assert figures["sleeve_kept"] == 1
    # There is no reference, so nothing is said about agreement with one.
    assert not {"parse_iou", "ssim", "part_map_iou", "ancestor.slits"} & set(figures)
    assert report["mean"]["roughness"] == figures["roughness"]
    for name in ("report.md", "report.html", "sheet-1.png", "glance.png", "pictures/shirt.png"):
        assert (tmp_path / "first" / name).stat().st_size > 500

    made = next((tmp_path / "first" / "made").glob("shirt-*.npz"))
    written = made.stat().st_mtime_ns
    again = ("--out", tmp_path / "first", "--only", "shirt", "--compare", tmp_path / "first")
    second = run(case.parent, *again)
    assert second.returncode == 0, second.stderr
    assert made.stat().st_mtime_ns == written
    assert read(tmp_path / "first")["cases"]["shirt"] == figures
    assert "better" not in (tmp_path / "first" / "compare.md").read_text()


@pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")
def test_a_case_with_every_reference_is_judged(tmp_path: Path) -> None:
    done = run(CASES, "--out", tmp_path, "--only", "1", "--without", "1:keypoints")
    assert done.returncode == 0, done.stderr
    figures = read(tmp_path)["cases"]["1"]
    assert figures["parse_iou"] > 0.9
    assert figures["garment_mask_iou"] > 0.99
    assert figures["part_map_iou"] > 0.5
    assert figures["ssim"] > 0.8
    assert figures["ancestor.touched"] > figures["touched"]
    assert "keypoint_error" not in figures
    assert re.search(r"\| 1 \| 0\.9\d", (tmp_path / "report.md").read_text())


def test_a_folder_that_holds_no_case_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "holds no case" in done.stderr
    assert not (tmp_path / "out").exists()
