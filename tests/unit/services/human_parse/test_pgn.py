"""CIHP-PGN around its network, which is replaced by functions of its input."""

import numpy as np
import pytest
from pydantic import ValidationError

from services.human_parse import pgn
from services.human_parse.resampling import F32
from services.kit.labels import Label
from services.kit.settings import Settings

pytestmark = pytest.mark.unit


SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)


def by_brightness(picture: F32) -> F32:
    """Sees class k where the picture has the grey 10 k, at an eighth of the size."""
    channel = picture[0, 2, ::8, ::8] + pgn.MEAN[2]
    return np.stack([-np.abs(channel - 10 * each) for each in range(len(Label))])


def test_the_parsing_is_at_the_photos_places() -> None:
    rows, columns = np.mgrid[:160, :208]
    classes = (rows // 80 * 2 + columns // 104 + 2).astype(np.uint8)
    image = np.repeat((classes * 10)[..., None], 3, axis=2)
    labels = pgn.parse(image, by_brightness, SCALES)
    inner = (np.abs(rows % 80 - 40) < 24) & (np.abs(columns % 104 - 52) < 36)
    assert (labels == classes)[inner].all()


def test_every_size_is_seen_and_its_mirror_image() -> None:
    seen = []

    def run(picture: F32) -> F32:
        seen.append(picture)
        return by_brightness(picture)

    image = np.zeros((101, 64, 3), np.uint8)
    image[:, :32] = (200, 100, 50)
    pgn.parse(image, run, SCALES)
    heights = [50, 75, 101, 126, 151, 176]
    assert [each.shape[2] for each in seen] == heights * 2
    assert [each.shape[3] for each in seen] == [32, 48, 64, 80, 96, 112] * 2
    assert seen[2][0, :, 50, 10] == pytest.approx(np.array((50, 100, 200)) - pgn.MEAN)
    assert np.array_equal(seen[8], seen[2][..., ::-1])


def test_sides_keep_their_names_in_the_mirror() -> None:
    """A network that calls the limb on the picture's left the right arm, whatever it is shown."""

    def run(picture: F32) -> F32:
        planes = np.zeros((len(Label), picture.shape[2] // 8, picture.shape[3] // 8), np.float32)
        half = planes.shape[2] // 2
        planes[Label.RIGHT_ARM, :, :half] = planes[Label.LEFT_ARM, :, half:] = 1
        return planes

    labels = pgn.parse(np.zeros((160, 160, 3), np.uint8), run, SCALES)
    assert (labels[:, :60] == Label.RIGHT_ARM).all()
    assert (labels[:, 100:] == Label.LEFT_ARM).all()


def test_the_mean_is_over_all_sizes() -> None:
    def run(picture: F32) -> F32:
        shape = (len(Label), picture.shape[2] // 8, picture.shape[3] // 8)
        return np.full(shape, picture.shape[2], np.float32)

    scores = pgn.scores(np.zeros((80, 80, 3), np.uint8), run, (0.5, 1.0))
    assert scores == pytest.approx(np.full((20, 80, 80), (40 + 80) / 2), rel=1e-5)


def test_scales_are_told_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().pgn_scales == SCALES
    monkeypatch.setenv("TRYON_PGN_SCALES", "0.5, 1")
    assert Settings().pgn_scales == (0.5, 1.0)


@pytest.mark.parametrize("told", [",", "0", "9", "half", "1,,2", ",".join(["1"] * 17)])
def test_scales_that_are_none_are_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_PGN_SCALES", told)
    with pytest.raises(ValidationError, match="pgn_scales"):
        Settings()
