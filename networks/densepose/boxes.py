"""Boxes: predict them from anchors, suppress duplicates, and pool features in them.

Girshick, "Fast R-CNN" (ICCV 2015); Ren et al., "Faster R-CNN" (NIPS 2015); He et al., "Mask R-CNN"
(ICCV 2017). A box is left, top, right, bottom in pixels of the image. Each operation is written as
its formula and exported as ONNX's operator.
"""

import math
from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

from networks.densepose.backbone import CHANNELS

EXCLUDED_SCORE: Final = -1e30
"""Score of a box that suppression excludes."""

_MOST_GROWTH: Final = math.log(1000 / 16)
"""Largest logarithm of a box's growth."""

_LEVELS: Final = (112.0, 224.0, 448.0)
"""Square roots of a box's area, in pixels, from which the next coarser level is pooled."""

_FINEST: Final = 4
"""Stride of the finest level, in pixels of the image."""

_SAMPLES: Final = 2
"""Samples along each side of a pooled cell."""


def apply_deltas(middles: Tensor, sizes: Tensor, deltas: Tensor) -> Tensor:
    """Apply deltas (..., 4) to boxes given by centres and sizes (..., 2); return boxes (..., 4).

    The first two deltas are shifts in fractions of the size. The others are log scales.
    """
    middle = middles + deltas[..., :2] * sizes
    half = torch.exp(deltas[..., 2:].clamp(max=_MOST_GROWTH)) * sizes / 2
    return torch.cat((middle - half, middle + half), -1)


def clip_boxes(boxes: Tensor, size: Tensor) -> Tensor:
    """Clip boxes (N, 4) to an image of width and height ``size`` (2)."""
    zero = torch.zeros_like(size)
    return torch.maximum(torch.minimum(boxes, torch.cat((size, size))), torch.cat((zero, zero)))


def box_areas(boxes: Tensor) -> Tensor:
    """Return the areas of boxes (..., 4), in square pixels."""
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """Return the intersection over union of boxes (..., 4) and others, broadcast."""
    low = torch.maximum(boxes[..., :2], others[..., :2])
    high = torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    return shared / (box_areas(boxes) + box_areas(others) - shared)


class _Suppressed(torch.autograd.Function):
    """Non-maximum suppression, with the inputs and the output of ONNX's operator."""

    @staticmethod
    def forward(_: Any, boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
        # In NumPy, or the exporter would trace every step of the loop.
        doubles = (box_iou(boxes[0, :, None], boxes) > overlap).cpu().numpy()
        gone = (scores[0, 0] <= EXCLUDED_SCORE).cpu().numpy()
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
            torch.tensor([EXCLUDED_SCORE]),
        )
        given = [g.op("Constant", value_t=value) for value in limits]
        return g.op("NonMaxSuppression", boxes, scores, *given).setType(
            boxes.type().with_dtype(torch.int64).with_sizes([None, 3])
        )


def suppress_overlaps(boxes: Tensor, scores: Tensor, overlap: float) -> Tensor:
    """Return the indices of boxes (N, 4) that non-maximum suppression keeps, best first.

    A box removes those that overlap it by an IoU above ``overlap``. Boxes of ``EXCLUDED_SCORE`` are
    dropped.
    """
    return _Suppressed.apply(boxes[None], scores[None, None], overlap)[:, 2]


class _Aligned(torch.autograd.Function):
    """RoIAlign without the half-pixel shift of later versions."""

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
    """Return each position's weight (N x side x size) in cells sampled at N x places."""
    there = ((places >= -1) & (places <= size))[..., None]
    apart = places.clamp(0, size - 1)[..., None] - torch.arange(size)
    return ((1 - apart.abs()).clamp(min=0) * there).unflatten(1, (side, _SAMPLES)).mean(2)


def roi_align(features: Tensor, boxes: Tensor, side: int, step: int) -> Tensor:
    """Pool 1 x C x h x w in boxes (N, 4) to N x C x side x side.

    ``step`` is the stride of the features, in pixels of the image.
    """
    # Index 0, the only image. The exporter would fix the example's number of zeros_like.
    which = (boxes[:, 0] * 0).to(torch.int64)
    return _Aligned.apply(features, boxes, which, side, 1 / step)


def pool_by_level(levels: Sequence[Tensor], boxes: Tensor, side: int) -> Tensor:
    """Pool N x C x side x side for boxes (N, 4), each from the level of its size."""
    sides = box_areas(boxes).sqrt()
    suited = sum((sides >= least).to(torch.int64) for least in _LEVELS)
    found, taken = [], []
    for index, features in enumerate(levels):
        own = (suited == index).nonzero()[:, 0]
        found.append(own)
        taken.append(roi_align(features, boxes[own], side, _FINEST << index))
    return torch.cat(taken)[torch.cat(found).argsort()]
