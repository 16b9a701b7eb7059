"""DensePose R-CNN: finds the people in a picture, and reads one person's surface.

Guler et al., "DensePose: Dense Human Pose Estimation In The Wild" (CVPR 2018), as
https://github.com/facebookresearch/detectron2 has it in projects/DensePose. What is chosen on the
way (anchors, doubles, the person) is part of the network, so that one file in ONNX is all of it.
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
"""Roots of the areas of the anchors, by level."""
RATIOS: Final = (0.5, 1.0, 2.0)
"""Heights of anchors by their widths."""
STEPS: Final = (4, 8, 16, 32, 64)
"""Pixels from one anchor to the next, by level."""
MOST: Final = 1000
"""Anchors that are looked at further: of each level, and then of all."""
ANCHORS_OVERLAP: Final = 0.7
"""IoU above which the weaker of two proposals is dropped."""

PEOPLE_OVERLAP: Final = 0.5
"""IoU above which the weaker of two people is dropped."""

MOST_PEOPLE: Final = 100
"""People that are kept."""

DELTAS: Final = (10.0, 10.0, 5.0, 5.0)
"""What a person's deltas are multiplied by in training."""
SEEDED: Final = {
    "stem.conv1.norm.weight": 0.02,
    "conv3.norm.weight": 0.2,
    "anchor_deltas.": 0.1,
    "bbox_pred.": 0.5,
    "densepose_predictor.": 0.01,
}
"""What seeded weights are multiplied by, or the residuals would explode and every box be cut."""
COMPUTED: Final = ("pixel_mean", "pixel_std", "anchor_generator.cell_anchors")
"""What older files also hold, though it is not learned."""


class _Proposals(nn.Module):
    """Only gives its head the official name."""

    def __init__(self) -> None:
        super().__init__()
        self.rpn_head = heads.AnchorHead()


class _Heads(nn.Module):
    """Only gives the heads their official names."""

    def __init__(self, surface: nn.Module) -> None:
        super().__init__()
        self.box_head = heads.BoxHead()
        self.box_predictor = heads.BoxPredictor()
        self.decoder = heads.Decoder()
        self.densepose_head = surface
        self.densepose_predictor = heads.SurfacePredictor()


class DensePose(nn.Module):
    """The whole network; ``surface`` is the head that reads surfaces."""

    def __init__(self, surface: nn.Module) -> None:
        super().__init__()
        self.backbone = Pyramid()
        self.proposal_generator = _Proposals()
        self.roi_heads = _Heads(surface)

    def forward(self, picture: Tensor, size: Tensor, person: Tensor) -> tuple[Tensor, ...]:
        """Read the surface of the person who lies most like the box ``person`` (1 x 4).

        ``picture`` is 1 x 3 x H x W, BGR, 0 to 255, less the mean of each channel, and zeros up to
        a multiple of 32; ``size`` (2) is its width and height without those. Gives the person's box
        1 x 4, how sure it is that one is there (1), and, in that box, person or not 1 x 2 x 112 x
        112, parts, u and v 1 x 25 x 112 x 112.
        """
        levels = self.backbone(picture)
        found, scores = self.people(levels, self.proposals(levels, size), size)
        best = (scores * boxes.overlaps(found, person)).argmax()[None]
        box = found[best]
        return (box, scores[best], *self.surface(levels, box))

    def proposals(self, levels: Sequence[Tensor], size: Tensor) -> Tensor:
        """Give at most 1000 boxes (N x 4) where something may be, the likeliest first."""
        found, likely = [], []
        for features, side, step in zip(levels, ANCHOR_SIDES, STEPS, strict=True):
            logits, deltas = self.proposal_generator.rpn_head(features)
            moved, scores = _anchored(logits, deltas, side, step)
            scores, order = scores.sort(descending=True)
            moved = boxes.inside(moved[order[:MOST]], size)
            there = (moved[:, 2:] > moved[:, :2]).all(1)
            scores = torch.where(there, scores[:MOST], boxes.NOWHERE)
            kept = boxes.suppressed(moved, scores, ANCHORS_OVERLAP)
            found.append(moved[kept])
            likely.append(scores[kept])
        _, order = torch.cat(likely).sort(descending=True)
        return torch.cat(found)[order[:MOST]]

    def judged(self, levels: Sequence[Tensor], proposed: Tensor) -> tuple[Tensor, Tensor]:
        """Give logits N x 2 and deltas N x 4 of N boxes."""
        taken = boxes.pooled(levels[:4], proposed, heads.BOX_SIDE)
        answer: tuple[Tensor, Tensor] = self.roi_heads.box_predictor(self.roi_heads.box_head(taken))
        return answer

    def people(
        self, levels: Sequence[Tensor], proposed: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give at most 100 people's boxes (M x 4) and how sure they are (M), surest first."""
        logits, deltas = self.judged(levels, proposed)
        sizes = proposed[:, 2:] - proposed[:, :2]
        middles = proposed[:, :2] + sizes / 2
        found = boxes.inside(boxes.moved(middles, sizes, deltas / deltas.new_tensor(DELTAS)), size)
        scores = logits.softmax(1)[:, 0]
        kept = boxes.suppressed(found, scores, PEOPLE_OVERLAP)[:MOST_PEOPLE]
        return found[kept], scores[kept]

    def surface(self, levels: Sequence[Tensor], people: Tensor) -> tuple[Tensor, ...]:
        """Read surfaces in boxes (N x 4): N x 2, 25, 25 and 25 x 112 x 112."""
        fine = self.roi_heads.decoder(levels[:4])
        taken = boxes.aligned(fine, people, heads.SURFACE_SIDE, STEPS[0])
        seen = self.roi_heads.densepose_head(taken)
        answer: tuple[Tensor, ...] = self.roi_heads.densepose_predictor(seen)
        return answer


def _anchored(logits: Tensor, deltas: Tensor, side: float, step: int) -> tuple[Tensor, Tensor]:
    """Move a level's anchors: N x 4 boxes and N logits, row by row, anchor by anchor."""
    across = torch.arange(logits.shape[3], dtype=torch.float32)[None, :, None, None] * step
    down = torch.arange(logits.shape[2], dtype=torch.float32)[:, None, None, None] * step
    middles = across * torch.tensor([1.0, 0.0]) + down * torch.tensor([0.0, 1.0])
    by_place = deltas[0].unflatten(0, (heads.ANCHORS, 4)).permute(2, 3, 0, 1)
    ratios = torch.tensor(RATIOS).sqrt()
    sizes = torch.stack((side / ratios, side * ratios), 1)
    moved = boxes.moved(middles, sizes, by_place)
    return moved.flatten(0, 2), logits[0].permute(1, 2, 0).flatten()


def learned(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out of an official state what is not learned."""
    return {key: value for key, value in state.items() if not any(part in key for part in COMPUTED)}


def make_conversion_spec(
    surface: Callable[[], nn.Module], read: Callable[[Path], dict[str, Tensor]]
) -> ConversionSpec:
    """Say how the network with that head of surfaces is read and converted."""
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
    """Make inputs of a picture's size: noise, all of which may be a person."""
    random = torch.Generator().manual_seed(0)
    picture = torch.rand((1, 3, height, width), generator=random) * 200 - 100
    size = torch.tensor([float(width), float(height)])
    return picture, size, torch.cat((torch.zeros(2), size))[None]
