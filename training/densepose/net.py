"""The part network: a small U-Net that works at half the resolution of its input."""

from itertools import pairwise
from typing import Final

import torch
from torch import nn

from services.densepose.inputs import CHANNELS
from services.densepose.parts import Part

WIDTHS: Final = (24, 40, 64, 80)
"""Channels at a half, a quarter, an eighth and a sixteenth of the resolution."""
_LAST: Final = 32
"""Channels of the last feature map."""


class PartNet(nn.Module):  # type: ignore[misc]
    """From (B, CHANNELS, H, W) to parts (B, 25, H, W) as logits, and charts (B, 48, H/2, W/2).

    ``charts`` are U and V of every part, 0..1, U of part p at channel p - 1 and V 24 further.
    """

    def __init__(self) -> None:
        super().__init__()
        first, *_ = WIDTHS
        self.stem = nn.Sequential(
            nn.Conv2d(CHANNELS, first, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            _conv(first, first),
        )
        self.down = nn.ModuleList(
            nn.Sequential(_conv(upper, lower, stride=2), _conv(lower, lower))
            for upper, lower in pairwise(WIDTHS)
        )
        outs = (_LAST, *WIDTHS[1:-1])
        self.up = nn.ModuleList(
            _conv(skip + below, out)
            for skip, below, out in zip(WIDTHS, (*WIDTHS[1:-1], WIDTHS[-1]), outs, strict=False)
        )
        self.last = _conv(_LAST, _LAST)
        self.parts = nn.Sequential(nn.Conv2d(_LAST, 4 * len(Part), 1), nn.PixelShuffle(2))
        self.charts = nn.Conv2d(_LAST, 2 * (len(Part) - 1), 1)

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Run a batch; height and width are multiples of 16."""
        found = self.stem(planes)
        skips = []
        for step in self.down:
            skips.append(found)
            found = step(found)
        for step in reversed(self.up):
            larger = nn.functional.interpolate(found, scale_factor=2.0, mode="nearest")
            found = step(torch.cat([skips.pop(), larger], dim=1))
        found = self.last(found)
        return self.parts(found), self.charts(found)


def _conv(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU(inplace=True),
    )
