"""Pieces of a garment are sampled as if each were a picture of its own."""

import numpy as np
import pytest

from services.viton.garment.cutout import GarmentPiece
from services.viton.garment.plain_sleeve import ColourPatch
from services.viton.placing.garment_layers import sample_piece
from services.viton.raster.sampling import sample_image

pytestmark = pytest.mark.unit

SHAPE = (60, 40)


@pytest.mark.parametrize(
    "window",
    [
        (slice(10, 30), slice(8, 25)),
        (slice(0, 30), slice(0, 25)),
        (slice(20, 60), slice(12, 40)),
    ],
)
def test_a_patch_and_a_window_are_parts_of_the_photo(window: tuple[slice, slice]) -> None:
    random = np.random.default_rng(5)
    colours = 255 * random.random((*SHAPE, 3), np.float32)
    own = colours[window].copy()
    rows, columns = window
    inner = (
        slice(0 if rows.start == 0 else 1, None if rows.stop == SHAPE[0] else -1),
        slice(0 if columns.start == 0 else 1, None if columns.stop == SHAPE[1] else -1),
    )
    own[inner] = 255 * random.random(own[inner].shape, np.float32)
    cover = np.zeros(own.shape[:2], np.float32)
    cover[inner] = random.random(cover[inner].shape, np.float32)
    whole, whole_cover = colours.copy(), np.zeros(SHAPE, np.float32)
    whole[window], whole_cover[window] = own, cover
    flow = (random.random((50, 70, 2)) * (60, 80) - 10).astype(np.float32)
    piece = GarmentPiece(
        colours=colours,
        patch=ColourPatch(colours=own, window=window),
        coverage=cover,
        window=window,
    )
    colour, coverage = sample_piece(piece, flow)
    assert np.abs(colour - sample_image(whole, flow)).max() < 1e-3
    assert np.abs(coverage - sample_image(whole_cover, flow)).max() < 1e-5
