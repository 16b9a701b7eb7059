"""Heads of DensePose's networks: detect people and predict their surface coordinates.

Guler et al., "DensePose: Dense Human Pose Estimation In The Wild" (CVPR 2018); Kirillov et al.,
"Panoptic Feature Pyramid Networks" (CVPR 2019); Chen et al., "Rethinking Atrous Convolution for
Semantic Image Segmentation" (2017). Submodules have the names of the official weight files.
"""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.densepose.backbone import CHANNELS, Normal

ANCHORS: Final = 3
"""Anchors at each position of each level."""

BOX_SIDE: Final = 7
"""Side of the features that classify a box, in cells."""

SURFACE_SIDE: Final = 28
"""Side of the features that predict a surface, in cells; the surface has 4 times the side."""

PARTS: Final = 25
"""Classes: background and the surface's 24 parts."""

WIDTH: Final = 512
"""Channels of the surface heads."""

_CONVOLUTIONS: Final = 8
"""Convolutions of the head's trunk."""

_GROUPS: Final = 32
"""Groups of channels of a group norm."""

_DILATIONS: Final = (6, 12, 56)
"""Dilations of the atrous convolutions, in cells."""


class AnchorHead(nn.Module):
    """Predict for every anchor whether an object is there, and the deltas to the object's box."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.objectness_logits = nn.Conv2d(CHANNELS, ANCHORS, 1)
        self.anchor_deltas = nn.Conv2d(CHANNELS, ANCHORS * 4, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map 1 x 256 x h x w to logits 1 x 3 x h x w and deltas 1 x 12 x h x w."""
        seen = torch.relu(self.conv(features))
        return self.objectness_logits(seen), self.anchor_deltas(seen)


class BoxHead(nn.Module):
    """Two linear layers over the features of a box."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(CHANNELS * BOX_SIDE * BOX_SIDE, 1024)
        self.fc2 = nn.Linear(1024, 1024)

    def forward(self, taken: Tensor) -> Tensor:
        """Map N x 256 x 7 x 7 to N x 1024."""
        return torch.relu(self.fc2(torch.relu(self.fc1(taken.flatten(1)))))


class BoxPredictor(nn.Module):
    """Predict whether a box holds a person, and the deltas to the person's box."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_score = nn.Linear(1024, 2)
        self.bbox_pred = nn.Linear(1024, 4)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Map N x 1024 to logits N x 2, a person's first, and deltas N x 4."""
        return self.cls_score(seen), self.bbox_pred(seen)


class Decoder(nn.Module):
    """Merge four levels at the size of the finest."""

    def __init__(self) -> None:
        super().__init__()
        for index in range(4):
            layers: list[nn.Module] = []
            for _ in range(max(index, 1)):
                layers.append(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1))
                layers.append(_Enlarged() if index else nn.ReLU())
            self.add_module(f"p{index + 2}", nn.Sequential(*layers))
        self.predictor = nn.Conv2d(CHANNELS, CHANNELS, 1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Map levels 1 x 256 x h x w, 1 x 256 x h/2 x w/2 and so on to 1 x 256 x h x w."""
        brought = [
            self.get_submodule(f"p{index}")(level) for index, level in enumerate(levels[:4], 2)
        ]
        return self.predictor(sum(brought[1:], brought[0]))


class _Enlarged(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.interpolate(
            torch.relu(x), scale_factor=2.0, mode="bilinear", align_corners=False
        )


class SurfaceHead(nn.Module):
    """Eight convolutions over the features of a box."""

    def __init__(self) -> None:
        super().__init__()
        for index in range(_CONVOLUTIONS):
            given = WIDTH if index else CHANNELS
            self.add_module(f"body_conv_fcn{index + 1}", nn.Conv2d(given, WIDTH, 3, padding=1))

    def forward(self, taken: Tensor) -> Tensor:
        """Map N x 256 x 28 x 28 to N x 512 x 28 x 28."""
        for convolution in self.children():
            taken = torch.relu(convolution(taken))
        return taken


class DeepLabHead(nn.Module):
    """Atrous spatial pyramid pooling, then eight normalised convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.ASPP = _Distances()
        for index in range(_CONVOLUTIONS):
            given = WIDTH if index else CHANNELS
            convolution = Normal(given, WIDTH, 3, norm=nn.GroupNorm(_GROUPS, WIDTH))
            self.add_module(f"body_conv_fcn{index + 1}", convolution)

    def forward(self, taken: Tensor) -> Tensor:
        """Map N x 256 x 28 x 28 to N x 512 x 28 x 28."""
        for layer in self.children():
            taken = torch.relu(layer(taken))
        return taken


class _Distances(nn.Module):
    """Atrous spatial pyramid pooling; the last branch averages the whole input."""

    def __init__(self) -> None:
        super().__init__()
        looks = [_look(1)]
        looks += [_look(3, dilation) for dilation in _DILATIONS]
        looks.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), *_look(1)))
        self.convs = nn.ModuleList(looks)
        joined = nn.Conv2d(len(looks) * CHANNELS, CHANNELS, 1, bias=False)
        self.project = nn.Sequential(joined, nn.ReLU())

    def forward(self, taken: Tensor) -> Tensor:
        looks = [look(taken) for look in self.convs]
        looks[-1] = looks[-1].expand_as(looks[0])
        return self.project(torch.cat(looks, 1))


def _look(side: int, dilation: int = 1) -> nn.Sequential:
    padding = side // 2 * dilation
    convolution = nn.Conv2d(
        CHANNELS, CHANNELS, side, padding=padding, dilation=dilation, bias=False
    )
    return nn.Sequential(convolution, nn.GroupNorm(_GROUPS, CHANNELS), nn.ReLU())


class SurfacePredictor(nn.Module):
    """Predict person or background, parts, and U and V of each part, at four times the size."""

    def __init__(self) -> None:
        super().__init__()
        sizes = {"ann_index": 2, "index_uv": PARTS, "u": PARTS, "v": PARTS}
        for name, made in sizes.items():
            grown = nn.ConvTranspose2d(WIDTH, made, 4, stride=2, padding=1)
            self.add_module(f"{name}_lowres", grown)

    def forward(self, seen: Tensor) -> tuple[Tensor, ...]:
        """Map N x 512 x 28 x 28 to N x 2, 25, 25 and 25 x 112 x 112."""
        return tuple(
            functional.interpolate(
                grown(seen), scale_factor=2.0, mode="bilinear", align_corners=False
            )
            for grown in self.children()
        )
