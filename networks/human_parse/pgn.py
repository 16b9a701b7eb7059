"""CIHP-PGN: a parsing and an edge branch that refine each other, on a dilated ResNet-101.

Gong et al., "Instance-level Human Parsing via Part Grouping Network" (ECCV 2018),
https://github.com/Engineering-Course/CIHP_PGN. The input is N x 3 x height x width, BGR, minus the
mean. The outputs have 1/8 of that size.

The official file is a TensorFlow 1 checkpoint. The authors' test averages both parsings. The export
therefore gives their mean, and omits the refined edges, which have no reader here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec
from networks.human_parse.tensorflow_layers import (
    Convolution,
    Normalisation,
    PyramidPooling,
    pad_same,
)
from networks.loading import WrongWeightFile
from networks.tf_bundle import companion_files, read_checkpoint

CLASSES: Final = 20
"""Number of CIHP's classes."""

LEARNED: Final = frozenset({"weights", "biases", "gamma", "beta", "moving_mean", "moving_variance"})
"""Last parts of the names of weights; the other variables are the optimiser's."""

_POOLS: Final = (60, 30, 20, 10)
"""Cells along a side of each pooling pyramid level."""

_WIDE: Final = 512
"""Channels of the parsing branches."""

_FEATURES: Final = 256
"""Channels of the edge branches."""

_REMAPPED: Final = 128
"""Channels of a remapped score map."""

_EXPANSION: Final = 4
"""Ratio of a block's output channels to the inner channels."""

_SUPERVISED: Final = (1, 2, 4, 8, 16)
"""Dilations of layers that only training uses; the file holds them."""


def _later(stage: int, count: int) -> list[str]:
    return [f"{stage}a", *(f"{stage}b{index}" for index in range(1, count))]


_STAGES: Final = (
    (["2a", "2b", "2c"], 64, 1, 1),
    (_later(3, 4), 128, 2, 1),
    (_later(4, 23), 256, 1, 2),
    (["5a", "5b", "5c"], 512, 1, 4),
)
"""Stages of ResNet-101: blocks, inner channels, stride of the first block, dilation."""

_TAPS: Final = ("3b3", "4b22", "5c")
"""Blocks whose outputs feed the branches."""

_TAP_CHANNELS: Final = (512, 1024, 2048)
"""Output channels of the blocks ``_TAPS``."""


class Pgn(nn.Module):
    """Predict the parsing, the parsing refined by edges, and the edges refined by the parsing."""

    def __init__(self) -> None:
        super().__init__()
        self.add_module("conv1", Convolution(3, 64, 7, stride=2, biased=False))
        self.add_module("bn_conv1", Normalisation(64))
        given = 64
        for blocks, width, stride, dilation in _STAGES:
            for index, block in enumerate(blocks):
                first = stride if index == 0 else 1
                self._block(block, given, width, first, dilation, projected=index == 0)
                given = width * _EXPANSION
        self._branches("parsing", _WIDE)
        self._context("parsing", _WIDE, CLASSES)
        self._branches("edge", _FEATURES)
        self._context("edge", _FEATURES, 1)
        for stage in (3, 4, 5):
            for order, dilation in enumerate(_SUPERVISED):
                name = f"fc1_edge_c{order}_res{stage}"
                self.add_module(name, Convolution(_FEATURES, 1, 3, dilation=dilation))
        for name, made in (("parsing", CLASSES), ("edge", 1)):
            self.add_module(f"{name}_fea", Convolution(_WIDE, _FEATURES, 3))
            self.add_module(f"{name}_remap", Convolution(made, _REMAPPED, 1))
        for name, made in (("parsing_rf", CLASSES), ("edge_rf", 1)):
            self.add_module(name, Convolution(2 * (_FEATURES + _REMAPPED), _WIDE, 3))
            self._context(name, _WIDE, made)

    def _normalised(
        self, name: str, given: int, made: int, side: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        self.add_module(
            f"res{name}",
            Convolution(given, made, side, stride=stride, dilation=dilation, biased=False),
        )
        self.add_module(f"bn{name}", Normalisation(made))

    def _block(
        self, block: str, given: int, width: int, stride: int, dilation: int, *, projected: bool
    ) -> None:
        made = width * _EXPANSION
        if projected:
            self._normalised(f"{block}_branch1", given, made, 1, stride=stride)
        self._normalised(f"{block}_branch2a", given, width, 1, stride=stride)
        self._normalised(f"{block}_branch2b", width, width, 3, dilation=dilation)
        self._normalised(f"{block}_branch2c", width, made, 1)

    def _branches(self, name: str, made: int) -> None:
        for index, given in enumerate(_TAP_CHANNELS, start=1):
            self.add_module(f"{name}_branch{index}", Convolution(given, made, 3))
        self.add_module(f"{name}_branch", Convolution(len(_TAPS) * made, made, 3))

    def _context(self, name: str, given: int, made: int) -> None:
        """Add pyramid pooling and the classifier behind it."""
        for index, pool in enumerate(_POOLS, start=1):
            self.add_module(f"{name}_pp{index}", PyramidPooling(given, _WIDE, pool))
        self.add_module(self._decider(name), Convolution(given + len(_POOLS) * _WIDE, _WIDE, 3))
        self.add_module(f"{name}_fc", Convolution(_WIDE, made, 3))

    @staticmethod
    def _decider(name: str) -> str:
        return f"{name}_conv" if name.endswith("_rf") else f"{name}_pp_conv"

    def _run(self, name: str, *values: Tensor) -> Tensor:
        result: Tensor = self.get_submodule(name)(torch.cat(values, 1))
        return result

    def _active(self, name: str, *values: Tensor) -> Tensor:
        return torch.relu(self._run(name, *values))

    def _residual(self, blocks: Iterable[str], value: Tensor) -> Tensor:
        for index, block in enumerate(blocks):
            inner = value
            for part in ("2a", "2b", "2c"):
                inner = self._run(
                    f"bn{block}_branch{part}", self._run(f"res{block}_branch{part}", inner)
                )
                inner = inner if part == "2c" else torch.relu(inner)
            if index == 0:
                value = self._run(f"bn{block}_branch1", self._run(f"res{block}_branch1", value))
            value = torch.relu(value + inner)
        return value

    def _decided(self, name: str, value: Tensor) -> tuple[Tensor, Tensor]:
        pools = [self._run(f"{name}_pp{index}", value) for index in range(1, len(_POOLS) + 1)]
        seen = self._active(self._decider(name), value, *pools)
        return seen, self._run(f"{name}_fc", seen)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map N x 3 x H x W to N x 20, 20 and 1 x H/8 x W/8."""
        value = torch.relu(self._run("bn_conv1", self._run("conv1", picture)))
        value = functional.max_pool2d(pad_same(value, 1), 3, 2)
        taps = []
        for blocks, *_ in _STAGES:
            value = self._residual(blocks, value)
            if blocks[-1] in _TAPS:
                taps.append(value)
        found = {}
        for name in ("parsing", "edge"):
            branches = [
                self._active(f"{name}_branch{index}", tap)
                for index, tap in enumerate(taps, start=1)
            ]
            found[name] = self._decided(name, self._active(f"{name}_branch", *branches))
        told = {
            name: [self._active(f"{name}_fea", seen), self._active(f"{name}_remap", answer)]
            for name, (seen, answer) in found.items()
        }
        parsing = self._active("parsing_rf", *told["parsing"], *told["edge"])
        edge = self._active("edge_rf", *told["edge"], *told["parsing"])
        return (
            found["parsing"][1],
            self._decided("parsing_rf", parsing)[1],
            self._decided("edge_rf", edge)[1],
        )


class Parsing(nn.Module):
    """Map 1 x 3 x H x W to the mean of both parsings, 1 x 20 x H/8 x W/8."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor) -> Tensor:
        """Run the network."""
        parsing, refined, _ = self.network(picture)
        mean: Tensor = (parsing + refined) / 2
        return mean


def read(path: Path) -> dict[str, Tensor]:
    """Read the weights of a checkpoint, ``LAYER.weights`` and so on, from its ``.data-*`` file.

    Raises WrongWeightFile if the files are not a checkpoint with weights.
    """
    state = {}
    for name, value in read_checkpoint(path).items():
        layer, _, kind = name.rpartition("/")
        if kind in LEARNED:
            state[f"{layer}.{kind}"] = value.permute(3, 2, 0, 1) if value.dim() == 4 else value
    if not state:
        raise WrongWeightFile(f"{path.name} names no weights of a network.")
    return state


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    return (torch.randn((1, 3, height, width), generator=torch.Generator().manual_seed(0)) * 60,)


SPEC: Final = ConversionSpec(
    build=lambda: Pgn().eval(),
    example=_example,
    read=read,
    companion_files=companion_files,
    exported=Parsing,
    inputs=("picture",),
    outputs=("parsing",),
    classes=("parsing",),
    axes={"picture": {2: "height", 3: "width"}, "parsing": {2: "rows", 3: "columns"}},
    size=(256, 192),
)
"""How `models add` converts the network."""
