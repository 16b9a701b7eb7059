import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.viton.garment.background_bleed import USUAL_BLEED_DEPTH_PX, background_bleed_depth
from services.viton.garment.cutout import extract_colours_and_alpha
from services.viton.raster.morphology import erode
from tests.unit.services.viton.drawings import Drawn, garment

pytestmark = pytest.mark.unit

BLUE = (70, 85, 170)


def enlarged(drawn: Drawn, reach: int) -> Drawn:
    """As a small JPEG enlarged by a network: brightness sharp, colour not, the mask too wide."""
    ycc = cv2.cvtColor(drawn.image, cv2.COLOR_RGB2YCrCb)
    ycc[..., 1:] = cv2.GaussianBlur(ycc[..., 1:], (0, 0), 5.0)
    wider = cv2.dilate(drawn.mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return Drawn(
        np.asarray(cv2.cvtColor(ycc, cv2.COLOR_YCrCb2RGB), np.uint8), np.asarray(wider, np.uint8)
    )


def strays(drawn: Drawn, colour: tuple[int, int, int]) -> NDArray[np.float32]:
    """How far the rim's colours as cut out are from the cloth's, in levels, over the hem."""
    colours, cover = extract_colours_and_alpha(drawn.image, drawn.mask > 127)
    hem = np.zeros(drawn.mask.shape, bool)
    hem[800:] = True
    rim = hem & (cover > 0.5) & ~erode(drawn.mask > 127, 16)
    return np.asarray(np.abs(colours[rim] - np.array(colour, np.float32)).max(axis=-1), np.float32)


def test_the_bleed_depth_is_as_deep_as_the_colour_reaches() -> None:
    drawn = garment(colour=BLUE)
    sharp = cv2.GaussianBlur(drawn.image, (0, 0), 0.8).astype(np.float32)
    assert background_bleed_depth(sharp, drawn.mask > 127) == USUAL_BLEED_DEPTH_PX
    blurred = enlarged(drawn, 0)
    assert 5 <= background_bleed_depth(blurred.image.astype(np.float32), blurred.mask > 127) <= 10


def test_a_grey_garment_and_a_tiny_one_have_the_usual_rim() -> None:
    grey = enlarged(garment(colour=(90, 90, 90), inside=(60, 60, 60)), 0)
    assert (
        background_bleed_depth(grey.image.astype(np.float32), grey.mask > 127)
        == USUAL_BLEED_DEPTH_PX
    )
    tiny = np.zeros((64, 48), bool)
    tiny[20:40, 10:30] = True
    assert background_bleed_depth(np.zeros((64, 48, 3), np.float32), tiny) == USUAL_BLEED_DEPTH_PX
    assert (
        background_bleed_depth(np.zeros((64, 48, 3), np.float32), np.zeros((64, 48), bool))
        == USUAL_BLEED_DEPTH_PX
    )


def test_no_grey_rim_and_no_line_of_background_around_an_enlarged_garment() -> None:
    drawn = enlarged(garment(colour=BLUE), 4)
    assert strays(drawn, BLUE).max() < 12


def test_stripes_of_an_enlarged_garment_reach_its_edge() -> None:
    drawn = enlarged(garment(colour=BLUE, stripes=True), 0)
    colours, cover = extract_colours_and_alpha(drawn.image, drawn.mask > 127)
    # Eight pixels in from the left side, clear of the sleeve.
    column = colours[500:800, 262].mean(axis=-1)
    assert np.ptp(column) > 90
    assert cover[500:800, 258].min() > 0.9
