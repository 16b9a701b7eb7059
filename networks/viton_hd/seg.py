"""SegGenerator: predict the label map of the person in the new garment.

A U-Net (Ronneberger et al., MICCAI 2015) with instance norm, from github.com/shadow2496/VITON-HD.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec

GIVEN: Final = 21
"""Input channels: garment mask 1, masked garment 3, agnostic labels 13, pose 3, noise 1."""

LABELS: Final = 13
"""Channels of the label map."""

SIZE: Final = (256, 192)
"""Height and width of the network's input, in pixels."""

WIDTHS: Final = (64, 128, 256, 512, 1024)
"""Channels of each level."""


def _kernel(given: int, width: int) -> list[nn.Module]:
    return [nn.Conv2d(given, width, 3, padding=1), nn.InstanceNorm2d(width), nn.ReLU()]


class SegGenerator(nn.Module):
    """Five levels down (``conv1`` to ``conv5``) and four up (``up6``, ``conv6`` and so on)."""

    def __init__(self) -> None:
        super().__init__()
        given = GIVEN
        for level, width in enumerate(WIDTHS, 1):
            self.add_module(
                f"conv{level}", nn.Sequential(*_kernel(given, width), *_kernel(width, width))
            )
            given = width
        for level, width in enumerate(WIDTHS[-2::-1], 6):
            twice = nn.Upsample(scale_factor=2, mode="nearest")
            self.add_module(f"up{level}", nn.Sequential(twice, *_kernel(2 * width, width)))
            last = [nn.Conv2d(width, LABELS, 3, padding=1)] if level == 9 else []
            self.add_module(
                f"conv{level}",
                nn.Sequential(*_kernel(2 * width, width), *_kernel(width, width), *last),
            )

    def forward(self, given: Tensor) -> Tensor:
        """Map 1 x 21 x h x w to 1 x 13 x h x w, 0 to 1; h and w are multiples of 16."""
        down = [self.get_submodule("conv1")(given)]
        for level in range(2, 6):
            down.append(self.get_submodule(f"conv{level}")(functional.max_pool2d(down[-1], 2)))
        x = down.pop()
        for level in range(6, 10):
            joined = torch.cat((down.pop(), self.get_submodule(f"up{level}")(x)), 1)
            x = self.get_submodule(f"conv{level}")(joined)
        return torch.sigmoid(x)


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    return (torch.rand(1, GIVEN, height, width, generator=torch.Generator().manual_seed(0)),)


SPEC: Final = ConversionSpec(
    build=lambda: SegGenerator().eval(),
    example=_example,
    inputs=("given",),
    outputs=("labels",),
    classes=("labels",),
    size=SIZE,
)
"""How `models add` converts the network."""
