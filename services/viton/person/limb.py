"""What arms and legs have in common: a smooth axis over three joints, and what lies beside it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.viton.geometry import EPSILON, Bool, Floats, Points
from services.viton.side import PictureSide

_BEND_SIGMA: Final = 5.0
"""Standard deviation of the axis's smoothing over its middle joint, in samples."""


@dataclass(frozen=True)
class LimbAxis:
    """A limb's axis on the canvas, N samples evenly spaced within each of its two bones."""

    centreline: Points
    """N x 2, in canvas pixels, from the first joint to the last."""
    normal: Points
    """N x 2 unit vectors across it, away from the body."""


def trace_limb_axis(
    joints: tuple[Points, Points, Points], side: PictureSide, count: int
) -> LimbAxis:
    """Return a limb's axis over three joints, bent smoothly at the second, in ``count`` samples."""
    first, _, last = joints
    bent = np.array(joints)
    progress = np.linspace(0, 1, count)
    sharp = np.stack([np.interp(progress, (0, 0.5, 1), bent[:, i]) for i in (0, 1)], axis=1)
    centreline = gaussian_filter1d(sharp, _BEND_SIGMA, axis=0, mode="nearest")
    centreline[0], centreline[-1] = first, last
    tangent = np.gradient(centreline, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), EPSILON)[:, None]
    normal = side.sign * np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    return LimbAxis(centreline, normal)


def interpolate_profile(profile: tuple[tuple[float, float], ...], count: int) -> Floats:
    """Return ``count`` values of a profile of (position along the limb, 0 to 1; value)."""
    positions, values = np.array(profile).T
    return np.asarray(np.interp(np.linspace(0, 1, count), positions, values))


def sample_across(mask: Bool, axis: LimbAxis, half_width: Floats, steps: Floats) -> Bool:
    """Return an H x W mask along rays from the axis in its normals' direction, N x ``len(steps)``.

    ``steps``: distances along the rays, in half widths. Beyond the frame its rim is repeated.
    """
    height, width = mask.shape
    reach = steps[None, :, None] * half_width[:, None, None]
    path = axis.centreline[:, None] + axis.normal[:, None] * reach
    columns = np.clip(path[..., 0], 0, width - 1).astype(int)
    rows = np.clip(path[..., 1], 0, height - 1).astype(int)
    return np.asarray(mask[rows, columns])
