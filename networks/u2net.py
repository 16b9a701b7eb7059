"""U2-Net trained on clothes, in the layout of its official file.

Qin et al., "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection", 2020
(https://arxiv.org/abs/2005.09007); trained on clothes by
https://github.com/levindabhi/cloth-segmentation, whose ``cloth_segm_u2net_latest.pth`` this loads.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec

CLASSES: Final = 4
"""Number of classes: background, upper, lower and full-body garments."""


class Block(nn.Module):
    """A convolution of 3 x 3 that keeps the size, a batch norm and a ReLU."""

    def __init__(self, inputs: int, outputs: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv_s1 = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation)
        self.bn_s1 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map N x inputs x H x W to N x outputs x H x W."""
        return functional.relu(self.bn_s1(self.conv_s1(x)), inplace=True)


class Nested(nn.Module):
    """A residual U-block (RSU): the sum of a first convolution and a small U-Net behind it.

    ``depth`` convolutions go down. The size is halved between them, but not before the last one,
    which is dilated instead. ``depth - 1`` convolutions go up.
    """

    def __init__(self, depth: int, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.depth = depth
        self.rebnconvin = Block(inputs, outputs)
        for level in range(1, depth + 1):
            block = Block(outputs if level == 1 else middle, middle, 2 if level == depth else 1)
            self.add_module(f"rebnconv{level}", block)
        for level in range(1, depth):
            self.add_module(
                f"rebnconv{level}d", Block(2 * middle, outputs if level == 1 else middle)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map N x inputs x H x W to N x outputs x H x W."""
        entered = self.rebnconvin(x)
        seen = [self.rebnconv1(entered)]
        for level in range(2, self.depth + 1):
            below = seen[-1] if level == self.depth else _halved(seen[-1])
            seen.append(self.get_submodule(f"rebnconv{level}")(below))
        risen = seen.pop()
        for level in range(self.depth - 1, 0, -1):
            beside = seen.pop()
            risen = torch.cat([_as_large(risen, beside), beside], 1)
            risen = self.get_submodule(f"rebnconv{level}d")(risen)
        return risen + entered


class Dilated(nn.Module):
    """The residual U-block of the smallest sizes (RSU-4F), with dilation instead of halving."""

    def __init__(self, inputs: int, middle: int, outputs: int) -> None:
        super().__init__()
        self.rebnconvin = Block(inputs, outputs)
        self.rebnconv1 = Block(outputs, middle, 1)
        self.rebnconv2 = Block(middle, middle, 2)
        self.rebnconv3 = Block(middle, middle, 4)
        self.rebnconv4 = Block(middle, middle, 8)
        self.rebnconv3d = Block(2 * middle, middle, 4)
        self.rebnconv2d = Block(2 * middle, middle, 2)
        self.rebnconv1d = Block(2 * middle, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map N x inputs x H x W to N x outputs x H x W."""
        entered = self.rebnconvin(x)
        first = self.rebnconv1(entered)
        second = self.rebnconv2(first)
        third = self.rebnconv3(second)
        risen = self.rebnconv3d(torch.cat([self.rebnconv4(third), third], 1))
        risen = self.rebnconv2d(torch.cat([risen, second], 1))
        return self.rebnconv1d(torch.cat([risen, first], 1)) + entered


class U2Net(nn.Module):
    """U-blocks in a U: six stages down, five up, and class scores at each of six sizes."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.stage1 = Nested(7, 3, 32, 64)
        self.stage2 = Nested(6, 64, 32, 128)
        self.stage3 = Nested(5, 128, 64, 256)
        self.stage4 = Nested(4, 256, 128, 512)
        self.stage5 = Dilated(512, 256, 512)
        self.stage6 = Dilated(512, 256, 512)
        self.stage5d = Dilated(1024, 256, 512)
        self.stage4d = Nested(4, 1024, 128, 256)
        self.stage3d = Nested(5, 512, 64, 128)
        self.stage2d = Nested(6, 256, 32, 64)
        self.stage1d = Nested(7, 128, 16, 64)
        for side, channels in enumerate((64, 64, 128, 256, 512, 512), start=1):
            self.add_module(f"side{side}", nn.Conv2d(channels, classes, 3, padding=1))
        self.outconv = nn.Conv2d(6 * classes, classes, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map N x 3 x H x W RGB, -1 to 1, to seven scores N x classes x H x W, the fused first."""
        seen = [self.stage1(x)]
        for stage in (self.stage2, self.stage3, self.stage4, self.stage5, self.stage6):
            seen.append(stage(_halved(seen[-1])))
        risen = [seen.pop()]
        for stage in (self.stage5d, self.stage4d, self.stage3d, self.stage2d, self.stage1d):
            beside = seen.pop()
            risen.append(stage(torch.cat([_as_large(risen[-1], beside), beside], 1)))
        sides = [self.side1(risen[-1])]
        for number in range(2, 7):
            side = self.get_submodule(f"side{number}")(risen[-number])
            sides.append(_as_large(side, sides[0]))
        return (self.outconv(torch.cat(sides, 1)), *sides)


class Fused(nn.Module):
    """U2-Net without the side outputs, which only training uses."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Map N x 3 x H x W RGB, -1 to 1, to the fused scores N x classes x H x W."""
        return self.network(image)[0]


def _halved(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2, stride=2, ceil_mode=True)


def _as_large(x: Tensor, like: Tensor) -> Tensor:
    # Equal at dilated levels, whose size is not halved.
    if x.shape[2:] == like.shape[2:]:
        return x
    return functional.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    place = torch.linspace(-1, 1, height * width).reshape(1, 1, height, width)
    return (torch.cat([place, -place, torch.sin(9 * place)], 1),)


SPEC: Final = ConversionSpec(
    build=lambda: U2Net().eval(),
    example=_example,
    inputs=("image",),
    outputs=("scores",),
    exported=Fused,
    axes={"image": {2: "height", 3: "width"}, "scores": {2: "height", 3: "width"}},
    size=(384, 384),
)
"""How `models add` converts the network."""
