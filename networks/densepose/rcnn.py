"""DensePose R-CNN: detect people and predict one person's surface coordinates.

Guler et al., "DensePose: Dense Human Pose Estimation In The Wild" (CVPR 2018), as
https://github.com/facebookresearch/detectron2 has it in projects/DensePose. The selection of
anchors, the suppression of duplicates and the choice of the person are part of the network, so that
one ONNX file holds everything.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from networks.conversion_spec import ConversionSpec
from networks.densepose import boxes, heads
from networks.densepose.backbone import Pyramid

ANCHOR_SIDES: Final = (32.0, 64.0, 128.0, 256.0, 512.0)
"""Square roots of the anchors' areas in pixels, by level."""

RATIOS: Final = (0.5, 1.0, 2.0)
"""Ratios of height to width of the anchors."""

STEPS: Final = (4, 8, 16, 32, 64)
"""Strides of the anchors in pixels, by level."""

MOST: Final = 1000
"""Largest number of proposals of each level, and then of all levels."""

ANCHORS_OVERLAP: Final = 0.7
"""IoU above which the proposal of lower score is dropped."""

PEOPLE_OVERLAP: Final = 0.5
"""IoU above which the person of lower score is dropped."""

MOST_PEOPLE: Final = 100
"""Largest number of people."""

DELTAS: Final = (10.0, 10.0, 5.0, 5.0)
"""Factors of a person's deltas in training."""

SEEDED: Final = {
    "stem.conv1.norm.weight": 0.02,
    "conv3.norm.weight": 0.2,
    "anchor_deltas.": 0.1,
    "bbox_pred.": 0.5,
    "densepose_predictor.": 0.01,
}
"""Factors of seeded weights; without them residuals diverge and every box is clipped."""

COMPUTED: Final = ("pixel_mean", "pixel_std", "anchor_generator.cell_anchors")
"""Parts of the keys of computed values, which older files also hold."""


class _Proposals(nn.Module):
    """Container that gives the head its official name."""

    def __init__(self) -> None:
        super().__init__()
        self.rpn_head = heads.AnchorHead()


class _Heads(nn.Module):
    """Container that gives the heads their official names."""

    def __init__(self, surface: nn.Module) -> None:
        super().__init__()
        self.box_head = heads.BoxHead()
        self.box_predictor = heads.BoxPredictor()
        self.decoder = heads.Decoder()
        self.densepose_head = surface
        self.densepose_predictor = heads.SurfacePredictor()


class DensePose(nn.Module):
    """The whole network; ``surface`` is the head of the surface."""

    def __init__(self, surface: nn.Module) -> None:
        super().__init__()
        self.backbone = Pyramid()
        self.proposal_generator = _Proposals()
        self.roi_heads = _Heads(surface)

    def forward(self, picture: Tensor, size: Tensor, person: Tensor) -> tuple[Tensor, ...]:
        """Predict the surface of the person that best matches the box ``person`` (1 x 4).

        The match is score times IoU. ``picture`` is 1 x 3 x H x W, BGR, 0 to 255, minus the mean of
        each channel, padded with zeros to multiples of 32. ``size`` (2) is the width and height
        without the padding. Returns the person's box 1 x 4, the score (1) and, within the box, the
        logits of person and background 1 x 2 x 112 x 112, parts, u and v 1 x 25 x 112 x 112.
        """
        levels = self.backbone(picture)
        found, scores = self.people(levels, self.proposals(levels, size), size)
        best = (scores * boxes.box_iou(found, person)).argmax()[None]
        box = found[best]
        return (box, scores[best], *self.surface(levels, box))

    def proposals(self, levels: Sequence[Tensor], size: Tensor) -> Tensor:
        """Return at most 1000 proposed boxes (N x 4), highest score first."""
        found, likely = [], []
        for features, side, step in zip(levels, ANCHOR_SIDES, STEPS, strict=True):
            logits, deltas = self.proposal_generator.rpn_head(features)
            moved, scores = _anchored(logits, deltas, side, step)
            scores, order = scores.sort(descending=True)
            moved = boxes.clip_boxes(moved[order[:MOST]], size)
            there = (moved[:, 2:] > moved[:, :2]).all(1)
            scores = torch.where(there, scores[:MOST], boxes.EXCLUDED_SCORE)
            kept = boxes.suppress_overlaps(moved, scores, ANCHORS_OVERLAP)
            found.append(moved[kept])
            likely.append(scores[kept])
        _, order = torch.cat(likely).sort(descending=True)
        return torch.cat(found)[order[:MOST]]

    def judged(self, levels: Sequence[Tensor], proposed: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits N x 2 and deltas N x 4 of N boxes."""
        taken = boxes.pool_by_level(levels[:4], proposed, heads.BOX_SIDE)
        answer: tuple[Tensor, Tensor] = self.roi_heads.box_predictor(self.roi_heads.box_head(taken))
        return answer

    def people(
        self, levels: Sequence[Tensor], proposed: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the boxes (M x 4) and scores (M) of at most 100 people, highest first."""
        logits, deltas = self.judged(levels, proposed)
        sizes = proposed[:, 2:] - proposed[:, :2]
        middles = proposed[:, :2] + sizes / 2
        found = boxes.clip_boxes(
            boxes.apply_deltas(middles, sizes, deltas / deltas.new_tensor(DELTAS)), size
        )
        scores = logits.softmax(1)[:, 0]
        kept = boxes.suppress_overlaps(found, scores, PEOPLE_OVERLAP)[:MOST_PEOPLE]
        return found[kept], scores[kept]

    def surface(self, levels: Sequence[Tensor], people: Tensor) -> tuple[Tensor, ...]:
        """Predict the surfaces in boxes (N x 4): N x 2, 25, 25 and 25 x 112 x 112."""
        fine = self.roi_heads.decoder(levels[:4])
        taken = boxes.roi_align(fine, people, heads.SURFACE_SIDE, STEPS[0])
        seen = self.roi_heads.densepose_head(taken)
        answer: tuple[Tensor, ...] = self.roi_heads.densepose_predictor(seen)
        return answer


def _anchored(logits: Tensor, deltas: Tensor, side: float, step: int) -> tuple[Tensor, Tensor]:
    """Apply deltas to a level's anchors; return boxes N x 4 and logits N in row order."""
    across = torch.arange(logits.shape[3], dtype=torch.float32)[None, :, None, None] * step
    down = torch.arange(logits.shape[2], dtype=torch.float32)[:, None, None, None] * step
    middles = across * torch.tensor([1.0, 0.0]) + down * torch.tensor([0.0, 1.0])
    by_place = deltas[0].unflatten(0, (heads.ANCHORS, 4)).permute(2, 3, 0, 1)
    ratios = torch.tensor(RATIOS).sqrt()
    sizes = torch.stack((side / ratios, side * ratios), 1)
    moved = boxes.apply_deltas(middles, sizes, by_place)
    return moved.flatten(0, 2), logits[0].permute(1, 2, 0).flatten()


def select_learned(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return an official state without ``COMPUTED`` values."""
    return {key: value for key, value in state.items() if not any(part in key for part in COMPUTED)}


def make_conversion_spec(
    surface: Callable[[], nn.Module], read: Callable[[Path], dict[str, Tensor]]
) -> ConversionSpec:
    """Describe how the network with the surface head ``surface`` is read and converted."""
    return ConversionSpec(
        build=lambda: DensePose(surface()).eval(),
        example=_example,
        inputs=("picture", "size", "person"),
        outputs=("box", "score", "coarse", "fine", "u", "v"),
        classes=("coarse", "fine"),
        read=read,
        axes={"picture": {2: "height", 3: "width"}},
        scales=SEEDED,
        size=(192, 128),
    )


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    """Make an image of noise, whose whole frame is the person's box."""
    random = torch.Generator().manual_seed(0)
    picture = torch.rand((1, 3, height, width), generator=random) * 200 - 100
    size = torch.tensor([float(width), float(height)])
    return picture, size, torch.cat((torch.zeros(2), size))[None]
