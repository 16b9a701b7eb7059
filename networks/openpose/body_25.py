"""BODY_25: four stages of part affinity fields, then two of confidence maps (OpenPose 1.3 on)."""

from typing import Final

import torch
from torch import Tensor

from networks.openpose.layers import FEATURES, BodyNetwork, make_conversion_spec

FIELDS: Final = 52
"""Channels of the fields: x and y of 26 limbs."""

MAPS: Final = 26
"""Channels of the maps: 25 joints and background."""


_FIRST: Final = (96, 256)
"""Channels of the first stage: in the 3 x 3 layers, in the 1 x 1 layer behind them."""

_LATER: Final = (128, 512)
"""Channels of the later stages: in the 3 x 3 layers, in the 1 x 1 layer behind them."""

_FIELD_STAGES: Final = 4
"""Stages of limb fields."""

_MAP_STAGES: Final = 2
"""Stages of joint maps."""

_BLOCKS: Final = 5
"""Blocks of a stage."""

_DEPTH: Final = 3
"""3 x 3 layers of a block."""


class Body25(BodyNetwork):
    """Map 1 x 3 x H x W to 1 x 78 x H/8 x W/8: 26 maps, then 52 fields."""

    def __init__(self) -> None:
        super().__init__(learned=True)
        for stage in range(_FIELD_STAGES):
            self._add(f"stage{stage}_L2", FEATURES + (FIELDS if stage else 0), FIELDS)
        for stage in range(_MAP_STAGES):
            self._add(f"stage{stage}_L1", FEATURES + FIELDS + (MAPS if stage else 0), MAPS)

    def _add(self, stage: str, given: int, made: int) -> None:
        narrow, wide = _FIRST if stage.startswith("stage0") else _LATER
        for block in range(1, _BLOCKS + 1):
            for layer in range(_DEPTH):
                name = f"{block}_{stage}_{layer}"
                given = self.convolution(f"Mconv{name}", given, narrow, 3, f"Mprelu{name}")
            given = narrow * _DEPTH
        given = self.convolution(f"Mconv6_{stage}", given, wide, 1, f"Mprelu6_{stage}")
        self.convolution(f"Mconv7_{stage}", given, made, 1)

    def _stage(self, stage: str, value: Tensor) -> Tensor:
        for block in range(1, _BLOCKS + 1):
            layers = []
            for layer in range(_DEPTH):
                value = self.through(value, [f"Mconv{block}_{stage}_{layer}"])
                layers.append(value)
            value = torch.cat(layers, 1)
        return self.through(value, [f"Mconv6_{stage}", f"Mconv7_{stage}"])

    def forward(self, picture: Tensor) -> Tensor:
        """Run every stage on the features and the outputs of the stages before."""
        features = self.features(picture)
        fields = self._stage("stage0_L2", features)
        for stage in range(1, _FIELD_STAGES):
            fields = self._stage(f"stage{stage}_L2", torch.cat([features, fields], 1))
        maps = self._stage("stage0_L1", torch.cat([features, fields], 1))
        for stage in range(1, _MAP_STAGES):
            maps = self._stage(f"stage{stage}_L1", torch.cat([features, maps, fields], 1))
        return torch.cat([maps, fields], 1)


SPEC: Final = make_conversion_spec(Body25)
"""How `models add` converts the network."""
