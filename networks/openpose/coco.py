"""The COCO network: six stages of fields and maps side by side (Cao et al., CVPR 2017)."""

from typing import Final

import torch
from torch import Tensor

from networks.openpose.layers import FEATURES, BodyNetwork, make_conversion_spec

BRANCHES: Final = {"L1": 38, "L2": 19}
"""Channels of each branch: x and y of 19 limbs; maps of 18 joints and background."""

_STAGES: Final = 6
"""Stages of the network."""

_WIDTH: Final = 128
"""Channels of the later stages."""

_FIRST_WIDE: Final = 512
"""Channels of the last layer but one in the first stage."""

_SIDE: Final = 7
"""Side of the later kernels, in pixels of the map."""


class Coco(BodyNetwork):
    """Map 1 x 3 x H x W to 1 x 57 x H/8 x W/8: 19 maps, then 38 fields."""

    def __init__(self) -> None:
        super().__init__(learned=False)
        self._chains: dict[tuple[int, str], list[str]] = {}
        for branch, made in BRANCHES.items():
            names = [f"conv5_{index}_CPM_{branch}" for index in range(1, 6)]
            self._add(1, branch, names, (FEATURES, 3, 3, _FIRST_WIDE, made))
            for stage in range(2, _STAGES + 1):
                names = [f"Mconv{index}_stage{stage}_{branch}" for index in range(1, 8)]
                given = FEATURES + sum(BRANCHES.values())
                self._add(stage, branch, names, (given, 5, _SIDE, _WIDTH, made))

    def _add(
        self, stage: int, branch: str, names: list[str], sizes: tuple[int, int, int, int, int]
    ) -> None:
        given, count, side, wide, made = sizes
        for name in names[:count]:
            given = self.convolution(name, given, _WIDTH, side, "relu")
        given = self.convolution(names[-2], given, wide, 1, "relu")
        self.convolution(names[-1], given, made, 1)
        self._chains[stage, branch] = names

    def forward(self, picture: Tensor) -> Tensor:
        """Run every stage on the features and the output of the stage before."""
        features = value = self.features(picture)
        for stage in range(1, _STAGES + 1):
            fields, maps = (self.through(value, self._chains[stage, each]) for each in BRANCHES)
            value = torch.cat([fields, maps, features], 1)
        return torch.cat([maps, fields], 1)


SPEC: Final = make_conversion_spec(Coco)
"""How `models add` converts the network."""
