"""VITON-HD at test time, after github.com/shadow2496/VITON-HD.

Choi et al., "VITON-HD: High-Resolution Virtual Try-On via Misalignment-Aware Normalization" (CVPR
2021): a network draws the labels of the person wearing the garment, one bends the garment, one
draws the person. As published they are fed 1024 x 768 pixels; any multiple of 128 will do.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy.interpolate import RBFInterpolator

from services.kit.types import Image, LabelMap
from services.viton.contract import TryOnRequest
from services.viton.published import common
from services.viton.published.common import Planes, Run
from services.viton.raster.sampling import sample_image

NAMES: Final = ("seg", "gmm", "alias")
"""Of ``Networks``, as their files end."""
CONTROLS: Final = 5
"""Control points of the spline, each way."""
REACH: Final = 0.9
"""How far from the middle control points and pixels lie, of 1, in the network's view."""
NOISY: Final = 254.5 / 255
"""A draw above it, of the normal distribution, gives noise to the labels' network: the original
rounds to bytes and then down to 0 or 1."""


@dataclass(frozen=True)
class Networks:
    """The three, as ``published.Run``: segmentation, geometric matching, generator."""

    seg: Run
    gmm: Run
    alias: Run


@dataclass(frozen=True)
class Given:
    """What the networks are fed, C x H x W."""

    garment: Planes
    garment_mask: Planes
    agnostic: Planes
    pose: Planes
    kinds: Planes

    @classmethod
    def of(cls, request: TryOnRequest) -> "Given":
        """Prepare a request that ``published.examine`` let pass."""
        return cls(
            garment=common.signed(request.garment),
            garment_mask=common.inside(request.garment_mask),
            agnostic=common.signed(request.agnostic_image),
            pose=common.signed(request.skeleton),
            kinds=common.kinds(request.agnostic_labels),
        )


def wear(networks: Networks, request: TryOnRequest, seed: int) -> Image:
    """Draw the person wearing the garment; the same request and seed give the same picture.

    Raises what ``published.examine`` raises.
    """
    common.examine(request, "viton_hd")
    given = Given.of(request)
    random = np.random.default_rng(seed)
    noise = (random.standard_normal((1, *common.SMALL)) > NOISY).astype(np.float32)
    parts = common.parts(foresee(networks.seg, given, noise))
    warped = bend(networks.gmm, given, parts)
    height, width = request.person.shape[:2]
    noises = common.noises(random, height, width)
    return common.picture(draw(networks.alias, given, parts, warped, noises))


def foresee(seg: Run, given: Given, noise: Planes) -> LabelMap:
    """Tell which of the 13 kinds each pixel will be, H x W; ``noise`` is 1 x 256 x 192."""
    pieces = (
        common.smooth(given.garment_mask),
        common.smooth(given.garment * given.garment_mask),
        common.smooth(given.kinds),
        common.smooth(given.pose),
        noise,
    )
    [scores] = seg(given=np.concatenate(pieces))
    return common.winners(common.enlarged(scores, *given.pose.shape[1:]))


def bend(gmm: Run, given: Given, parts: Planes) -> Planes:
    """Bend the garment to where ``parts`` shows it: its picture and its mask, 4 x H x W."""
    upper = parts[common.UPPER_PART][None]
    person = np.concatenate([common.nearest(x) for x in (upper, given.pose, given.agnostic)])
    [offsets] = gmm(person=person, garment=common.nearest(given.garment))
    grid = spline(offsets, *given.pose.shape[1:])
    garment = np.concatenate((given.garment, given.garment_mask)).transpose(1, 2, 0)
    warped = sample_image(np.ascontiguousarray(garment), common.place(grid))
    return np.ascontiguousarray(warped.transpose(2, 0, 1))


def spline(offsets: Planes, height: int, width: int) -> Planes:
    """Give the place that each pixel shows, H x W x 2, -1 to 1, of 25 offsets in x and 25 in y.

    A thin-plate spline through the control points (Bookstein, IEEE PAMI 1989).
    """
    controls, pixels = _controls(), _lattice(height, width)
    moved = controls + offsets.reshape(2, -1).T
    fitted = RBFInterpolator(controls, moved, kernel="thin_plate_spline")
    return fitted(pixels).reshape(height, width, 2).astype(np.float32)


@cache
def _controls() -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """25 x 2 places (x, y), y running first."""
    line = np.linspace(-REACH, REACH, CONTROLS)
    x, y = np.meshgrid(line, line, indexing="ij")
    return np.stack((x.ravel(), y.ravel()), axis=1)


def _lattice(height: int, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    x, y = np.meshgrid(np.linspace(-REACH, REACH, width), np.linspace(-REACH, REACH, height))
    return np.stack((x.ravel(), y.ravel()), axis=1)


def draw(
    alias: Run, given: Given, parts: Planes, warped: Planes, noises: dict[str, Planes]
) -> Planes:
    """Draw the person, 3 x H x W, -1 to 1.

    Where the garment should be and its bent mask is not, the network normalises apart.
    """
    garment, mask = warped[:3], warped[3:]
    upper = parts[common.UPPER_PART][None]
    misaligned = np.maximum(upper - mask, 0)
    divided = np.concatenate((parts, misaligned))
    divided[common.UPPER_PART] -= misaligned[0]
    [drawn] = alias(
        conditions=np.concatenate((given.agnostic, given.pose, garment)),
        labels=parts,
        divided=divided,
        mask=misaligned,
        **noises,
    )
    return drawn
