"""ResNet-50 with a feature pyramid: the features of an image, from fine to coarse.

He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016); Lin et al., "Feature Pyramid
Networks for Object Detection" (CVPR 2017). Structure and names follow
https://github.com/facebookresearch/detectron2.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS: Final = 256
"""Channels of every level of the pyramid."""

MULTIPLE: Final = 32
"""Divisor of an image's height and width, in pixels."""

_BLOCKS: Final = (3, 4, 6, 3)
"""Blocks of each stage of ResNet-50."""

_STEM: Final = 64
"""Channels after the stem."""

_EXPANSION: Final = 4
"""Ratio of a block's output channels to the inner channels."""

_FIRST: Final = 2
"""Number of the finest level; level n has 1 / 2 ** n of the image's size."""


class FrozenNorm(nn.Module):
    """Batch normalisation with four vectors that training does not change."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("bias", "running_mean"):
            self.register_buffer(name, torch.zeros(channels))
        for name in ("weight", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise N x channels x h x w."""
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *map(self.get_buffer, names))


class Normal(nn.Conv2d):
    """A convolution without bias and a normalisation, which is a submodule of the convolution."""

    def __init__(
        self, given: int, made: int, side: int, stride: int = 1, norm: nn.Module | None = None
    ) -> None:
        super().__init__(given, made, side, stride, padding=side // 2, bias=False)
        self.norm = FrozenNorm(made) if norm is None else norm

    def forward(self, x: Tensor) -> Tensor:
        """Map N x given x H x W to N x made x h x w."""
        return self.norm(super().forward(x))


class _Bottleneck(nn.Module):
    """Three convolutions and a shortcut; the first has the stride, as in the first ResNets."""

    def __init__(self, given: int, width: int, stride: int) -> None:
        super().__init__()
        made = width * _EXPANSION
        self.shortcut = Normal(given, made, 1, stride=stride) if given != made else None
        self.conv1 = Normal(given, width, 1, stride=stride)
        self.conv2 = Normal(width, width, 3)
        self.conv3 = Normal(width, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        inner = torch.relu(self.conv2(torch.relu(self.conv1(x))))
        return torch.relu(self.conv3(inner) + (x if self.shortcut is None else self.shortcut(x)))


class _ResNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({"conv1": Normal(3, _STEM, 7, stride=2)})
        given = _STEM
        for index, count in enumerate(_BLOCKS):
            width = _STEM << index
            blocks = []
            for block in range(count):
                blocks.append(_Bottleneck(given, width, 2 if index and not block else 1))
                given = width * _EXPANSION
            self.add_module(f"res{index + _FIRST}", nn.Sequential(*blocks))

    def forward(self, picture: Tensor) -> list[Tensor]:
        x = functional.max_pool2d(torch.relu(self.stem["conv1"](picture)), 3, 2, 1)
        stages = []
        for index in range(len(_BLOCKS)):
            x = self.get_submodule(f"res{index + _FIRST}")(x)
            stages.append(x)
        return stages


class Pyramid(nn.Module):
    """The features of five levels, each half the size of the one before."""

    def __init__(self) -> None:
        super().__init__()
        for index in range(len(_BLOCKS)):
            given, level = (_STEM << index) * _EXPANSION, index + _FIRST
            self.add_module(f"fpn_lateral{level}", nn.Conv2d(given, CHANNELS, 1))
            self.add_module(f"fpn_output{level}", nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1))
        self.bottom_up = _ResNet()

    def forward(self, picture: Tensor) -> list[Tensor]:
        """Map 1 x 3 x H x W to five levels 1 x 256 x h x w, at 1/4 to 1/64 of the size.

        H and W are multiples of 32. The image is BGR, 0 to 255, minus the mean of each channel.
        """
        levels: list[Tensor] = []
        above: Tensor | None = None
        for index, stage in reversed(list(enumerate(self.bottom_up(picture), _FIRST))):
            beside = self.get_submodule(f"fpn_lateral{index}")(stage)
            if above is not None:
                beside = beside + functional.interpolate(above, scale_factor=2.0)
            above = beside
            levels.insert(0, self.get_submodule(f"fpn_output{index}")(above))
        return [*levels, functional.max_pool2d(levels[-1], 1, 2)]
