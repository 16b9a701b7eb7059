"""Super-resolution with its real weights."""

from pathlib import Path
from typing import Final

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from services.kit.errors import WeightsMissing
from services.kit.runtimes import sessions
from services.kit.settings import get_settings
from services.kit.types import Image
from services.kit.weights import store
from services.super_resolution import core, model
from services.super_resolution.contract import UpscaleRequest, UpscaleResponse
from services.super_resolution.core import Network
from services.super_resolution.service import load

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
"""Folder of photos."""

pytestmark = pytest.mark.integration


def network(file: str, *, scale: int, margin: int, even_sizes_only: bool) -> Network:
    try:
        session = sessions.onnx_session(store.find_weights(file))
    except WeightsMissing as error:
        pytest.skip(error.message)
    return model.wrap_session(
        session, scale=scale, margin=margin, even_sizes_only=even_sizes_only, needs_deblocking=False
    )


def drawing(width: int, height: int) -> Image:
    """Discs, stripes and a shade, drawn large and averaged, so that edges are soft as in photos."""
    y, x = np.mgrid[: height * 4, : width * 4].astype(np.float32) / 4
    picture = np.empty((height * 4, width * 4, 3), np.float32)
    picture[:] = (235, 230, 225)
    picture -= (y / height * 30)[..., None]
    picture[(x - width / 2) ** 2 + (y - height / 3) ** 2 < (width / 4) ** 2] = (200, 150, 120)
    picture[(y > height * 0.6) & ((x + y) % 9 < 4)] = (40, 60, 130)
    shrunk = picture.reshape(height, 4, width, 4, 3).mean((1, 3))
    result: Image = shrunk.astype(np.uint8)
    return result


def error(image: Image, truth: Image) -> float:
    difference: NDArray[np.float32] = image.astype(np.float32) - truth
    return float(np.square(difference).mean())


def test_srgan_comes_nearer_to_the_truth_than_interpolation() -> None:
    truth = drawing(384, 384)
    height, width = truth.shape[:2]
    small = np.asarray(PIL.Image.fromarray(truth).resize((96, 96), PIL.Image.Resampling.BOX))
    service = load()
    response = service.handlers["Upscale"](UpscaleRequest(small, width, height))
    assert isinstance(response, UpscaleResponse)
    lanczos = PIL.Image.fromarray(small).resize((width, height), PIL.Image.Resampling.LANCZOS)
    assert service.engine == "srgan"
    assert error(response.image, truth) < 0.8 * error(np.asarray(lanczos), truth)
    colour = np.abs(response.image.reshape(-1, 3).mean(0) - truth.reshape(-1, 3).mean(0))
    assert colour.max() < 1.5


def enlarge(precision: str, small: Image, monkeypatch: pytest.MonkeyPatch) -> Image:
    monkeypatch.setenv("TRYON_PRECISION", precision)
    get_settings.cache_clear()
    try:
        response = load().handlers["Upscale"](UpscaleRequest(small))
    finally:
        monkeypatch.delenv("TRYON_PRECISION")
        get_settings.cache_clear()
    assert isinstance(response, UpscaleResponse)
    return response.image


def sharpness(image: Image) -> float:
    """Mean magnitude of the gradient."""
    grey = image.astype(np.float32).mean(2)
    return float(np.hypot(*np.gradient(grey)).mean())


@pytest.mark.parametrize("name", ["person", "garment-striped"])
def test_8_bits_are_near_float32_and_better_than_interpolation(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PIL.Image.open(EXAMPLES / f"{name}.jpg") as file:
        photo = file.convert("RGB").resize((768, 1024), PIL.Image.Resampling.LANCZOS)
    truth = np.asarray(photo)
    small = photo.resize((192, 256), PIL.Image.Resampling.LANCZOS)
    bicubic = np.asarray(small.resize(photo.size, PIL.Image.Resampling.BICUBIC))
    eight = enlarge("auto", np.asarray(small), monkeypatch)
    exact = enlarge("fp32", np.asarray(small), monkeypatch)
    assert not np.array_equal(eight, exact)
    # 40 dB.
    assert error(eight, exact) < 255**2 / 10**4
    # 1 dB.
    assert error(eight, truth) < 1.26 * error(exact, truth)
    assert error(eight, truth) < error(bicubic, truth)
    wanted = sharpness(truth)
    assert abs(sharpness(eight) - wanted) < abs(sharpness(bicubic) - wanted)
    assert sharpness(eight) == pytest.approx(sharpness(exact), rel=0.1)


@pytest.mark.parametrize(
    ("file", "scale", "margin", "even_sizes_only", "worst"),
    [
        ("srgan_x4.onnx", 4, 12, False, 1.0),
        # A value at the edge of a step may be rounded differently, which later layers enlarge.
        ("srgan_x4_int8.onnx", 4, 12, False, 24.0),
        ("real_esrgan_x2.onnx", 2, 24, True, 24.0),
    ],
)
def test_tiles_leave_no_seam(
    file: str, scale: int, margin: int, even_sizes_only: bool, worst: float
) -> None:
    tried = network(file, scale=scale, margin=margin, even_sizes_only=even_sizes_only)
    planes = np.moveaxis(drawing(90, 70), 2, 0).astype(np.float32) / np.float32(255)
    everywhere = np.ones(planes.shape[1:], bool)
    whole = core.run_in_tiles(planes, tried, everywhere, (200, 200))
    tiled = core.run_in_tiles(planes, tried, everywhere, (48, 48))
    difference = np.abs(whole - tiled) * 255
    # Real-ESRGAN sees everything a little, so tiles differ in detail, but not at their edges.
    assert difference.max() < worst
    step = np.abs(np.diff(whole - tiled, axis=2)).mean((0, 1)) * 255
    assert step.max() < 0.1 + 3 * np.median(step)
