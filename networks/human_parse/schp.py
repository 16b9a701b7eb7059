"""SCHP's network: CE2P on ResNet-101, with an edge branch.

Li et al., "Self-Correction for Human Parsing" (TPAMI 2020),
https://github.com/GoGoDuck912/Self-Correction-Human-Parsing; Ruan et al., "Devil in the Details:
Towards Accurate Single and Multiple Human Parsing" (AAAI 2019). The input is 1 x 3 x height x
width, BGR, normalised. The outputs have 1/4 of that size.
"""

from collections.abc import Iterable
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec

_SLOPE: Final = 0.01
"""Slope of the leaky ReLU below zero."""

_STEM: Final = 128
"""Channels after the stem."""

_BLOCKS: Final = (3, 4, 23, 3)
"""Blocks of each stage of ResNet-101."""

_WIDTHS: Final = (64, 128, 256, 512)
"""Channels inside the blocks of each stage."""

_EXPANSION: Final = 4
"""Ratio of a block's output channels to the inner channels."""

_LAST_DILATION: Final = 2
"""Dilation of the last stage."""

_GRIDS: Final = (1, 2, 3, 6)
"""Cells along a side of each pooling pyramid level."""

_CONTEXT: Final = 512
"""Channels of the context module."""

_EDGE: Final = 256
"""Channels of the edge and decoder modules."""

_SHALLOW: Final = 48
"""Channels of the shallow features in the decoder."""


class Normalisation(nn.Module):
    """Batch normalisation of In-Place ABN's first release (Bulo et al., CVPR 2018).

    The scale is the weight's magnitude plus epsilon, so that it is invertible. If ``active``, a
    leaky ReLU follows.
    """

    epsilon: Final = 1e-5

    def __init__(self, channels: int, *, active: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self._active = active

    def forward(self, value: Tensor) -> Tensor:
        """Normalise by the running statistics, because the network is for evaluation only."""
        scale = self.weight.abs() + self.epsilon
        mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
        normal = functional.batch_norm(
            value, mean, variance, scale, self.bias, training=False, eps=self.epsilon
        )
        return functional.leaky_relu(normal, _SLOPE) if self._active else normal


def _plain(given: int, made: int, side: int = 1, **options: int) -> nn.Conv2d:
    return nn.Conv2d(given, made, side, bias=False, **options)


def _like(value: Tensor, other: Tensor) -> Tensor:
    return functional.interpolate(value, other.shape[2:], mode="bilinear", align_corners=True)


class _Bottleneck(nn.Module):
    def __init__(self, given: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        made = width * _EXPANSION
        self.conv1 = _plain(given, width)
        self.bn1 = Normalisation(width, active=False)
        self.conv2 = _plain(width, width, 3, stride=stride, padding=dilation, dilation=dilation)
        self.bn2 = Normalisation(width, active=False)
        self.conv3 = _plain(width, made)
        self.bn3 = Normalisation(made, active=False)
        self.downsample: nn.Module | None = None
        if stride != 1 or given != made:
            self.downsample = nn.Sequential(
                _plain(given, made, stride=stride), Normalisation(made, active=False)
            )

    def forward(self, value: Tensor) -> Tensor:
        inner = torch.relu(self.bn1(self.conv1(value)))
        inner = torch.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        return torch.relu(inner + (value if self.downsample is None else self.downsample(value)))


class _Pool(nn.Module):
    """Adaptive average pooling as two matrix products, whose export allows any size."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self._side = side

    def forward(self, value: Tensor) -> Tensor:
        rows, columns = (self._weights(int(size)).to(value) for size in value.shape[2:])
        return rows @ value @ columns.T

    def _weights(self, given: int) -> Tensor:
        weights = torch.zeros(self._side, given)
        for cell in range(self._side):
            first, last = cell * given // self._side, -(-(cell + 1) * given // self._side)
            weights[cell, first:last] = 1 / (last - first)
        return weights


class _Context(nn.Module):
    """Pyramid pooling over the whole image and its parts (Zhao et al., CVPR 2017)."""

    def __init__(self, given: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(_Pool(side), _plain(given, _CONTEXT), Normalisation(_CONTEXT))
            for side in _GRIDS
        )
        self.bottleneck = nn.Sequential(
            _plain(given + len(_GRIDS) * _CONTEXT, _CONTEXT, 3, padding=1), Normalisation(_CONTEXT)
        )

    def forward(self, value: Tensor) -> Tensor:
        parts = [_like(stage(value), value) for stage in self.stages]
        return self.bottleneck(torch.cat([*parts, value], 1))


class _Edges(nn.Module):
    """The branch of the edges between labels; only its features are used here."""

    def __init__(self) -> None:
        super().__init__()
        for index, width in enumerate(_WIDTHS[:3], start=1):
            block = nn.Sequential(_plain(width * _EXPANSION, _EDGE), Normalisation(_EDGE))
            self.add_module(f"conv{index}", block)
        self.conv4 = nn.Conv2d(_EDGE, 2, 3, padding=1)
        self.conv5 = nn.Conv2d(3 * 2, 2, 1)

    def forward(self, layers: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        seen = [
            self.get_submodule(f"conv{index}")(layer) for index, layer in enumerate(layers, start=1)
        ]
        edges = [_like(self.conv4(each), seen[0]) for each in seen]
        alike = [_like(each, seen[0]) for each in seen]
        return self.conv5(torch.cat(edges, 1)), torch.cat(alike, 1)


class _Decoder(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(_plain(_CONTEXT, _EDGE), Normalisation(_EDGE))
        self.conv2 = nn.Sequential(_plain(_EDGE, _SHALLOW), Normalisation(_SHALLOW))
        self.conv3 = nn.Sequential(
            _plain(_EDGE + _SHALLOW, _EDGE),
            Normalisation(_EDGE),
            _plain(_EDGE, _EDGE),
            Normalisation(_EDGE),
        )
        self.conv4 = nn.Conv2d(_EDGE, classes, 1)

    def forward(self, deep: Tensor, shallow: Tensor) -> tuple[Tensor, Tensor]:
        both = torch.cat([_like(self.conv1(deep), shallow), self.conv2(shallow)], 1)
        seen = self.conv3(both)
        return self.conv4(seen), seen


class Schp(nn.Module):
    """Predict the parsing before and after fusion with the edge features, and the edges."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        sizes = ((3, 64, 2), (64, 64, 1), (64, _STEM, 1))
        for index, (given, made, stride) in enumerate(sizes, start=1):
            self.add_module(f"conv{index}", _plain(given, made, 3, stride=stride, padding=1))
            self.add_module(f"bn{index}", Normalisation(made, active=False))
        given = _STEM
        for index, (count, width) in enumerate(zip(_BLOCKS, _WIDTHS, strict=True), start=1):
            stride = 2 if index in (2, 3) else 1
            dilation = _LAST_DILATION if index == len(_BLOCKS) else 1
            blocks = []
            for block in range(count):
                blocks.append(_Bottleneck(given, width, 1 if block else stride, dilation))
                given = width * _EXPANSION
            self.add_module(f"layer{index}", nn.Sequential(*blocks))
        self.context_encoding = _Context(given)
        self.edge = _Edges()
        self.decoder = _Decoder(classes)
        # The official spelling.
        self.fushion = nn.Sequential(
            _plain(4 * _EDGE, _EDGE),
            Normalisation(_EDGE),
            nn.Identity(),
            nn.Conv2d(_EDGE, classes, 1),
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map 1 x 3 x H x W to 1 x classes, classes and 2 x H/4 x W/4."""
        value = picture
        for index in (1, 2, 3):
            value = self.get_submodule(f"conv{index}")(value)
            value = torch.relu(self.get_submodule(f"bn{index}")(value))
        value = functional.max_pool2d(value, 3, 2, 1)
        layers = []
        for index in range(1, len(_BLOCKS) + 1):
            value = self.get_submodule(f"layer{index}")(value)
            layers.append(value)
        parsing, seen = self.decoder(self.context_encoding(layers[3]), layers[0])
        edge, edge_seen = self.edge(layers[:3])
        return parsing, self.fushion(torch.cat([seen, edge_seen], 1)), edge


def example(height: int, width: int) -> tuple[Tensor, ...]:
    """Make an input of height x width."""
    return (torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(0)),)


def make_conversion_spec(classes: int, side: int) -> ConversionSpec:
    """Describe the conversion of the network with ``classes``, for ``side`` x ``side`` pixels."""
    return ConversionSpec(
        build=partial(_built, classes),
        example=example,
        inputs=("picture",),
        outputs=("parsing", "fusion", "edge"),
        classes=("parsing", "fusion"),
        size=(side, side),
    )


def _built(classes: int) -> nn.Module:
    return Schp(classes).eval()
