"""The example pictures can be decoded, are large enough, and keep what README.md promises."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[3] / "examples"
PICTURES = sorted(path.name for path in EXAMPLES.glob("*.jpg"))


def test_readme_lists_exactly_the_pictures_there_are() -> None:
    listed = [line.split("`")[1] for line in _readme_lines() if line.startswith("| `")]
    assert sorted(listed) == PICTURES


@pytest.mark.parametrize("name", PICTURES)
def test_size_and_weight(name: str) -> None:
    path = EXAMPLES / name
    assert path.stat().st_size < 300_000
    with Image.open(path) as picture:
        picture.load()
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (900, 1200))


@pytest.mark.parametrize("name", [n for n in PICTURES if n.startswith("garment")])
def test_garment_keeps_clear_of_the_rim(name: str) -> None:
    with Image.open(EXAMPLES / name) as picture:
        pixels = np.asarray(picture)
    rim = np.concatenate([pixels[:12], pixels[-12:]]).reshape(-1, 3)
    sides = np.concatenate([pixels[:, :12], pixels[:, -12:]]).reshape(-1, 3)
    assert min(rim.min(), sides.min()) > 225


def _readme_lines() -> list[str]:
    return (EXAMPLES / "README.md").read_text(encoding="utf-8").splitlines()
