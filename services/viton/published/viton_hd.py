"""VITON-HD at test time, after github.com/shadow2496/VITON-HD.

Choi et al., "VITON-HD: High-Resolution Virtual Try-On via Misalignment-Aware Normalization" (CVPR
2021): one network predicts the labels of the person wearing the garment, one warps the garment,
one synthesises the image. The published size is 1024 x 768 pixels; any multiple of 128 works.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy.interpolate import RBFInterpolator

from services.kit.types import Image, LabelMap
from services.viton.contract import TryOnRequest
from services.viton.published import common
from services.viton.published.common import NetworkInputs, Planes, RunNetwork
from services.viton.raster.sampling import sample_image

NETWORK_NAMES: Final = ("seg", "gmm", "alias")
"""Fields of ``Networks``, and the ends of their files' names."""
CONTROL_POINTS_PER_SIDE: Final = 5
"""Control points of the thin-plate spline along each side."""
CONTROL_POINT_EXTENT: Final = 0.9
"""Outermost coordinate of control points and pixels; the image's edge is 1."""
NOISE_THRESHOLD: Final = 254.5 / 255
"""Normal draws above this are 1 in the noise of the label network, the others 0.

The original rounds the draws to bytes and then down to 0 or 1.
"""


@dataclass(frozen=True)
class Networks:
    """The three networks."""

    seg: RunNetwork
    """Segmentation generator: labels."""
    gmm: RunNetwork
    """Geometric matching: offsets of the control points."""
    alias: RunNetwork
    """Image generator."""


def try_on(networks: Networks, request: TryOnRequest, seed: int) -> Image:
    """Synthesise the person wearing the garment; one request and seed give one image.

    Raises what ``common.validate_request`` raises.
    """
    common.validate_request(request, "viton_hd")
    given = network_inputs(request)
    random = np.random.default_rng(seed)
    noise = (random.standard_normal((1, *common.WARP_SHAPE)) > NOISE_THRESHOLD).astype(np.float32)
    merged = common.merge_classes(predict_labels(networks.seg, given, noise))
    warped = warp_garment(networks.gmm, given, merged)
    height, width = request.person.shape[:2]
    noises = common.draw_noise(random, height, width)
    return common.to_image(synthesise(networks.alias, given, merged, warped, noises))


def network_inputs(request: TryOnRequest) -> NetworkInputs:
    """Convert a request that passed ``common.validate_request``; the pose is the skeleton."""
    return common.network_inputs(request, request.skeleton)


def predict_labels(seg: RunNetwork, given: NetworkInputs, noise: Planes) -> LabelMap:
    """Predict each pixel's class of the 13, H x W; ``noise`` is 1 x 256 x 192."""
    pieces = (
        common.downsample_linear(given.garment_mask),
        common.downsample_linear(given.garment * given.garment_mask),
        common.downsample_linear(given.classes),
        common.downsample_linear(given.pose),
        noise,
    )
    [scores] = seg(given=np.concatenate(pieces))
    return common.argmax_classes(common.upsample_scores(scores, *given.pose.shape[1:]))


def warp_garment(gmm: RunNetwork, given: NetworkInputs, merged: Planes) -> Planes:
    """Warp the garment's image and mask, 4 x H x W, to the garment in the 7 planes ``merged``."""
    upper = merged[common.MERGED_UPPER][None]
    person = np.concatenate(
        [common.downsample_nearest(x) for x in (upper, given.pose, given.agnostic)]
    )
    [offsets] = gmm(person=person, garment=common.downsample_nearest(given.garment))
    grid = thin_plate_spline_grid(offsets, *given.pose.shape[1:])
    garment = np.concatenate((given.garment, given.garment_mask)).transpose(1, 2, 0)
    warped = sample_image(np.ascontiguousarray(garment), common.to_pixel_map(grid))
    return np.ascontiguousarray(warped.transpose(2, 0, 1))


def thin_plate_spline_grid(offsets: Planes, height: int, width: int) -> Planes:
    """Return the sampling grid, H x W x 2, -1 to 1, of 25 offsets in x and 25 in y.

    It is a thin-plate spline through the control points (Bookstein, IEEE PAMI 1989).
    """
    controls, pixels = _control_points(), _pixel_lattice(height, width)
    moved = controls + offsets.reshape(2, -1).T
    fitted = RBFInterpolator(controls, moved, kernel="thin_plate_spline")
    return fitted(pixels).reshape(height, width, 2).astype(np.float32)


@cache
def _control_points() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return 25 x 2 points (x, y) in the order of x, then y."""
    line = np.linspace(-CONTROL_POINT_EXTENT, CONTROL_POINT_EXTENT, CONTROL_POINTS_PER_SIDE)
    x, y = np.meshgrid(line, line, indexing="ij")
    return np.stack((x.ravel(), y.ravel()), axis=1)


def _pixel_lattice(height: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    x, y = np.meshgrid(
        np.linspace(-CONTROL_POINT_EXTENT, CONTROL_POINT_EXTENT, width),
        np.linspace(-CONTROL_POINT_EXTENT, CONTROL_POINT_EXTENT, height),
    )
    return np.stack((x.ravel(), y.ravel()), axis=1)


def synthesise(
    alias: RunNetwork,
    given: NetworkInputs,
    merged: Planes,
    warped: Planes,
    noises: dict[str, Planes],
) -> Planes:
    """Synthesise the image, 3 x H x W, -1 to 1.

    The network normalises the garment's pixels outside its warped mask separately.
    """
    garment, mask = warped[:3], warped[3:]
    upper = merged[common.MERGED_UPPER][None]
    misaligned = np.maximum(upper - mask, 0)
    divided = np.concatenate((merged, misaligned))
    divided[common.MERGED_UPPER] -= misaligned[0]
    [drawn] = alias(
        conditions=np.concatenate((given.agnostic, given.pose, garment)),
        labels=merged,
        divided=divided,
        mask=misaligned,
        **noises,
    )
    return drawn
