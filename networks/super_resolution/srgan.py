"""SRGAN's generator, in the layout of leftthomas' files.

Ledig et al., "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial
Network", 2017 (https://arxiv.org/abs/1609.04802), with five residual blocks as
https://github.com/leftthomas/SRGAN has it. Two layouts of ``netG_epoch_4_100.pth`` load. One has a
batch norm at the end of block 7, as the repository's present code. The other has a PReLU there, as
the file that the repository published in 2018 (commit b0323c6).
"""

from typing import Final

import torch
from torch import Tensor, nn

from networks.conversion_spec import ConversionSpec

SCALE: Final = 4
"""Scale factor of both sides."""

CHANNELS: Final = 64
"""Channels of the trunk."""

BLOCKS: Final = 5
"""Residual blocks."""


class Residual(nn.Module):
    """Two 3 x 3 convolutions with batch norms and a residual connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map N x channels x H x W to the same shape."""
        changed = self.prelu(self.bn1(self.conv1(x)))
        return x + self.bn2(self.conv2(changed))


class Doubling(nn.Module):
    """Double height and width by sub-pixel convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.pixel_shuffle = nn.PixelShuffle(2)
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map N x channels x H x W to N x channels x 2 H x 2 W."""
        return self.prelu(self.pixel_shuffle(self.conv(x)))


class Generator(nn.Module):
    """Block 1 encodes the photo, blocks 2 to 6 refine, block 7 ends them, block 8 enlarges."""

    def __init__(self, end_of_block7: nn.Module) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, CHANNELS, 9, padding=4), nn.PReLU())
        for number in range(2, 2 + BLOCKS):
            self.add_module(f"block{number}", Residual(CHANNELS))
        self.block7 = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), end_of_block7)
        self.block8 = nn.Sequential(
            Doubling(CHANNELS), Doubling(CHANNELS), nn.Conv2d(CHANNELS, 3, 9, padding=4)
        )

    def forward(self, photo: Tensor) -> Tensor:
        """Map N x 3 x H x W RGB, 0 to 1, to N x 3 x 4 H x 4 W, 0 to 1."""
        features = self.block1(photo)
        refined = features
        for number in range(2, 2 + BLOCKS):
            refined = self.get_submodule(f"block{number}")(refined)
        return (torch.tanh(self.block8(features + self.block7(refined))) + 1) / 2


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    return (torch.linspace(0, 1, 3 * height * width).reshape(1, 3, height, width),)


SPEC: Final = ConversionSpec(
    build=lambda: Generator(nn.BatchNorm2d(CHANNELS)).eval(),
    older_layouts=(lambda: Generator(nn.PReLU()).eval(),),
    example=_example,
    inputs=("input",),
    outputs=("output",),
    axes={"input": {2: "height", 3: "width"}, "output": {2: "height_x4", 3: "width_x4"}},
    size=(96, 72),
)
"""How `models add` converts the network."""
