"""Boxes: guessed from anchors, freed of doubles, and what the features hold in them.

Girshick, "Fast R-CNN" (ICCV 2015); Ren et al., "Faster R-CNN" (NIPS 2015); He et al., "Mask R-CNN"
(ICCV 2017). A box is left, top, right, bottom in pixels of the picture. Each operation is written
as its formula, and goes to ONNX as the operator that it is there.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from networks.densepose.backbone import CHANNELS

NOWHERE: Final = -1e30
"""The score of a box that is not to be taken."""
_MOST_GROWTH: Final = math.log(1000 / 16)
"""That a box grows by at most, as a logarithm."""
_LEVELS: Final = (112.0, 224.0, 448.0)
"""Sides, as roots of areas, from which on a box is looked at on the next coarser level."""
_FINEST: Final = 4
"""Pixels of the picture to a place of the finest level."""
_SAMPLES: Final = 2
"""Each way in a cell of what is taken from the features."""


def moved(middles: Tensor, sizes: Tensor, deltas: Tensor) -> Tensor:
    """Move and stretch boxes (..., 4), given as middles and sizes (..., 2), by deltas (..., 4).

    The first two deltas are of the box's size, the others logarithms.
    """
    middle = middles + deltas[..., :2] * sizes
    half = torch.exp(deltas[..., 2:].clamp(max=_MOST_GROWTH)) * sizes / 2
    return torch.cat((middle - half, middle + half), -1)


def inside(boxes: Tensor, size: Tensor) -> Tensor:
    """Cut boxes (N, 4) to a picture whose width and height are ``size``."""
    zero = torch.zeros_like(size)
    return torch.maximum(torch.minimum(boxes, torch.cat((size, size))), torch.cat((zero, zero)))


def areas(boxes: Tensor) -> Tensor:
    """Give the areas of boxes (..., 4)."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)


def overlaps(boxes: Tensor, others: Tensor) -> Tensor:
    """Give what boxes (..., 4) and others share, of what they cover together."""
    low = torch.maximum(boxes[..., :2], others[..., :2])
    high = torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (areas(boxes) + areas(others) - shared)


class _Suppressed(torch.autograd.Function):
    """Non-maximum suppression, with the inputs and the output of ONNX's operator."""

    @staticmethod
    def forward(_: Any, boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
        # In NumPy, or the exporter would look at every turn of the loop.
        doubles = (overlaps(boxes[0, :, None], boxes) > overlap).cpu().numpy()
        gone = (scores[0, 0] <= NOWHERE).cpu().numpy()
        kept = []
        for index in scores[0, 0].argsort(descending=True, stable=True).tolist():
            if not gone[index]:
                kept.append((0, 0, index))
                gone |= doubles[index]
        return torch.tensor(kept, dtype=torch.int64, device=boxes.device).reshape(-1, 3)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any, overlap: float) -> Any:
        limits = (
            torch.tensor([torch.iinfo(torch.int64).max]),
            torch.tensor([overlap]),
            torch.tensor([NOWHERE]),
        )
        given = [g.op("Constant", value_t=value) for value in limits]
        return g.op("NonMaxSuppression", boxes, scores, *given).setType(
            boxes.type().with_dtype(torch.int64).with_sizes([None, 3])
        )


def suppressed(boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """Say which boxes (N, 4) stay, best first, where each takes out what overlaps it by more.

    Those that score ``NOWHERE`` do not stay.
    """
    return _Suppressed.apply(boxes[None], scores[None, None], overlap)[:, 2]


class _Aligned(torch.autograd.Function):
    """RoIAlign with corners as they are, which later ones shift by half a place."""

    @staticmethod
    def forward(
        _: Any, features: Tensor, boxes: Tensor, __: Tensor, side: int, scale: float
    ) -> Any:
        corners = boxes * scale
        extent = (corners[:, 2:] - corners[:, :2]).clamp(min=1)
        places = (torch.arange(side * _SAMPLES) + 0.5) / (side * _SAMPLES)
        spread = corners[:, :2, None] + extent[..., None] * places
        columns = _weights(spread[:, 0], side, features.shape[3])
        rows = _weights(spread[:, 1], side, features.shape[2])
        return torch.einsum("nrh,chw,nsw->ncrs", rows, features[0], columns)

    @staticmethod
    def symbolic(g: Any, features: Any, boxes: Any, which: Any, side: int, scale: float) -> Any:
        return g.op(
            "RoiAlign",
            features,
            boxes,
            which,
            output_height_i=side,
            output_width_i=side,
            sampling_ratio_i=_SAMPLES,
            spatial_scale_f=scale,
            coordinate_transformation_mode_s="output_half_pixel",
        ).setType(features.type().with_sizes([None, CHANNELS, side, side]))


def _weights(places: Tensor, side: int, size: int) -> Tensor:
    """Give each place's share (N x side x size) in cells whose samples are at N x places."""
    there = ((places >= -1) & (places <= size))[..., None]
    apart = places.clamp(0, size - 1)[..., None] - torch.arange(size)
    return ((1 - apart.abs()).clamp(min=0) * there).unflatten(1, (side, _SAMPLES)).mean(2)


def aligned(features: Tensor, boxes: Tensor, side: int, step: int) -> Tensor:
    """Take N x C x side x side out of 1 x C x h x w, where boxes (N, 4) are.

    ``step`` is how many pixels of the picture a place of the features stands for.
    """
    # All of the one picture. The exporter would keep the example's number of zeros_like.
    which = (boxes[:, 0] * 0).to(torch.int64)
    return _Aligned.apply(features, boxes, which, side, 1 / step)


def pooled(levels: Sequence[Tensor], boxes: Tensor, side: int) -> Tensor:
    """Take N x C x side x side for boxes (N, 4), each out of the level that suits its size."""
    sides = areas(boxes).sqrt()
    suited = sum((sides >= least).to(torch.int64) for least in _LEVELS)
    found, taken = [], []
    for index, features in enumerate(levels):
        own = (suited == index).nonzero()[:, 0]
        found.append(own)
        taken.append(aligned(features, boxes[own], side, _FINEST << index))
    return torch.cat(taken)[torch.cat(found).argsort()]
