"""A blur in a window is that part of the whole blur."""

import numpy as np
import pytest

from services.viton.raster.smoothing import gaussian_blur, gaussian_blur_in_window

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("sigma", [0.7, 4.0, 9.0])
@pytest.mark.parametrize(
    "window",
    [
        (slice(50, 70), slice(60, 75)),
        (slice(0, 12), slice(100, 130)),
        (slice(0, 120), slice(0, 130)),
    ],
)
def test_a_window_is_blurred_as_in_the_whole_image(
    window: tuple[slice, slice], sigma: float
) -> None:
    image = np.random.default_rng(3).random((120, 130), np.float32)
    whole = gaussian_blur(image, sigma)[window]
    assert np.abs(gaussian_blur_in_window(image, sigma, window) - whole).max() < 1e-6
