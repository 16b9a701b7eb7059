"""Layers of both body networks: convolutions under their Caffe names, and VGG's first ten."""

from collections.abc import Callable, Iterable
from typing import Final

import torch
from torch import Tensor, nn

from networks.caffe import read_caffemodel
from networks.conversion_spec import ConversionSpec

FEATURES: Final = 128
"""Channels of the trunk's features."""

MULTIPLE: Final = 16
"""Divisor of the sides of OpenPose's network input, in pixels."""

_BLOCKS: Final = ((64, 2), (128, 2), (256, 4))
"""VGG-19's first blocks: channels, number of convolutions. Each block halves the size."""

_LAST: Final = (("4_1", 512), ("4_2", 512), ("4_3_CPM", 256), ("4_4_CPM", FEATURES))
"""The trunk's last layers: name, channels."""

_RELU: Final = "relu"
"""Prefix of the names of activations."""


class BodyNetwork(nn.Module):
    """Layers as attributes, named as in the prototxt, and the trunk.

    The state therefore has the file's keys: ``LAYER.weight``, ``LAYER.bias``. The input is 1 x 3 x
    H x W, BGR, value / 256 - 0.5. With ``learned`` a PReLU follows the trunk's last three
    convolutions instead of a ReLU.
    """

    def __init__(self, *, learned: bool) -> None:
        super().__init__()
        self._after: dict[str, str] = {}
        self._blocks: list[list[str]] = []
        channels = 3
        for block, (made, count) in enumerate(_BLOCKS, start=1):
            names = [f"conv{block}_{index}" for index in range(1, count + 1)]
            for name in names:
                channels = self.convolution(name, channels, made, 3, _RELU)
            self._blocks.append(names)
        for name, made in _LAST:
            after = f"prelu{name}" if learned and name != _LAST[0][0] else _RELU
            channels = self.convolution(f"conv{name}", channels, made, 3, after)
        self._last = [f"conv{name}" for name, _ in _LAST]

    def convolution(self, name: str, given: int, made: int, side: int, after: str = "") -> int:
        """Add a convolution that keeps the size; return the number of output channels.

        ``after`` is the name of the PReLU that follows, ``"relu"``, or empty.
        """
        self.add_module(name, nn.Conv2d(given, made, side, padding=side // 2))
        if after and after != _RELU:
            self.add_module(after, nn.PReLU(made))
        self._after[name] = after
        return made

    def through(self, value: Tensor, names: Iterable[str]) -> Tensor:
        """Run a chain of convolutions, each with its activation."""
        for name in names:
            value = self.get_submodule(name)(value)
            after = self._after[name]
            if after == _RELU:
                value = torch.relu(value)
            elif after:
                value = self.get_submodule(after)(value)
        return value

    def features(self, picture: Tensor) -> Tensor:
        """Map 1 x 3 x H x W to 1 x 128 x H/8 x W/8."""
        value = picture
        for names in self._blocks:
            value = torch.max_pool2d(self.through(value, names), 2, 2)
        return self.through(value, self._last)


def make_conversion_spec(network: Callable[[], BodyNetwork]) -> ConversionSpec:
    """Describe how a body network is read from a ``.caffemodel`` and exported."""
    return ConversionSpec(
        build=lambda: network().eval(),
        example=_example,
        read=read_caffemodel,
        inputs=("image",),
        outputs=("net_output",),
        axes={"image": {2: "height", 3: "width"}, "net_output": {2: "rows", 3: "columns"}},
        size=(368, 272),
    )


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    """Make an input of at least height x width, with sides that are multiples of 16."""
    sides = (-(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE)
    return (torch.rand((1, 3, *sides), generator=torch.Generator().manual_seed(0)) - 0.5,)
