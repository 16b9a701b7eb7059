"""ConditionGenerator: predict the garment's flow and the label map of the result together.

Lee et al., "High-Resolution Virtual Try-On with Misalignment and Occlusion-Handled Conditions"
(ECCV 2022), from github.com/sangyun884/HR-VITON. Submodules are named as in the official file.
"""

from collections import OrderedDict
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec

GARMENT: Final = 4
"""Channels of the garment input: image 3, mask 1."""

PERSON: Final = 16
"""Channels of the person input: agnostic labels 13, DensePose image 3."""

LABELS: Final = 13
"""Channels of the label map."""

SIZE: Final = (256, 192)
"""Height and width of the network's input, in pixels."""

WIDTH: Final = 96
"""Channels of the first level."""

ENCODED: Final = (WIDTH, 2 * WIDTH, 4 * WIDTH, 4 * WIDTH, 4 * WIDTH)
"""Channels of the encoders' levels, the finest first."""

DECODED: Final = (4 * WIDTH, 4 * WIDTH, 2 * WIDTH, WIDTH, WIDTH)
"""Output channels of the decoder's levels, the coarsest first."""

SHARED: Final = 4 * WIDTH
"""Channels of the features that predict the flow, at every level."""


class Residual(nn.Module):
    """A kernel that sets the size (``down``, ``up``, ``same``), and a residual of two kernels."""

    def __init__(self, given: int, width: int, size: str) -> None:
        super().__init__()
        if size == "down":
            self.scale: nn.Module = nn.Conv2d(given, width, 3, stride=2, padding=1, bias=False)
        elif size == "up":
            # Published in the other order. A 1 x 1 kernel before the enlargement gives the same
            # values for a quarter of the work.
            layers = {"1": nn.Conv2d(given, width, 1), "0": nn.Upsample(None, 2, "bilinear")}
            self.scale = nn.Sequential(OrderedDict(layers))
        else:
            self.scale = nn.Conv2d(given, width, 1)
        self.block = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map 1 x given x h x w to 1 x width, at half, twice or the same height and width."""
        scaled = self.scale(x)
        return functional.relu(scaled + self.block(scaled))


def _encoder(given: int) -> nn.Sequential:
    before = (given, *ENCODED)
    return nn.Sequential(*(Residual(a, b, "down") for a, b in zip(before, ENCODED, strict=False)))


class ConditionGenerator(nn.Module):
    """Two encoders, and a decoder that refines flow and labels from the coarsest level up."""

    def __init__(self) -> None:
        super().__init__()
        self.ClothEncoder = _encoder(GARMENT)
        self.PoseEncoder = _encoder(PERSON)
        self.conv = Residual(ENCODED[-1], 2 * SHARED, "same")
        beside = ENCODED[-2::-1]
        # Later levels get the previous level, the person's features and the warped garment's.
        given = (2 * SHARED, *(a + b + SHARED for a, b in zip(DECODED, beside, strict=False)))
        self.SegDecoder = nn.Sequential(
            *(Residual(a, b, "up") for a, b in zip(given, DECODED, strict=True))
        )
        self.out_layer = Residual(WIDTH + GARMENT + PERSON, LABELS, "same")
        self.conv1 = nn.Sequential(*(nn.Conv2d(width, SHARED, 1) for width in ENCODED[:-1]))
        self.conv2 = nn.Sequential(*(nn.Conv2d(width, SHARED, 1) for width in ENCODED[:-1]))
        self.flow_conv = nn.ModuleList(nn.Conv2d(2 * SHARED, 2, 3, padding=1) for _ in ENCODED)
        self.bottleneck = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(width, SHARED, 3, padding=1), nn.ReLU())
                for width in DECODED[:-1]
            )
        )

    def forward(self, garment: Tensor, person: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map garment 1 x 4 x h x w and person 1 x 16 x h x w to flow, labels and warped mask.

        h and w are multiples of 32. The flow, 1 x 2 x h/2 x w/2, is in pixels of its own grid, x
        first. The label scores, 1 x 13 x h x w, are at least 0.
        """
        of_garment, of_person = [garment], [person]
        for encode_garment, encode_person in zip(self.ClothEncoder, self.PoseEncoder, strict=True):
            of_garment.append(encode_garment(of_garment[-1]))
            of_person.append(encode_person(of_person[-1]))
        cloth, pose = of_garment.pop(), of_person.pop()
        flow = self.flow_conv[0](torch.cat((cloth, pose), 1))
        x = self.SegDecoder[0](self.conv(pose))
        for level in range(1, len(ENCODED)):
            side, beside = of_garment.pop(), of_person.pop()
            cloth = _twice(cloth) + self.conv1[-level](side)
            pose = _twice(pose) + self.conv2[-level](beside)
            flow = _twice(flow)
            bent = _bend(cloth, flow)
            flow = flow + self.flow_conv[level](torch.cat((bent, self.bottleneck[level - 1](x)), 1))
            x = self.SegDecoder[level](torch.cat((x, beside, bent), 1))
        bent = _bend(garment, _twice(flow))
        labels = self.out_layer(torch.cat((x, person, bent), 1))
        return flow, labels, bent[:, GARMENT - 1 :]


def _twice(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear")


def _bend(x: Tensor, flow: Tensor) -> Tensor:
    """Sample ``x`` at its pixels plus a flow in pixels of half the size, with repeated borders.

    As published, the grid ends at the centres of the outermost pixels, the sampler at the edges.
    """
    height, width = x.shape[2:]
    across = torch.linspace(-1, 1, width)[None, None, :] + flow[:, 0] / ((width / 2 - 1) / 2)
    down = torch.linspace(-1, 1, height)[None, :, None] + flow[:, 1] / ((height / 2 - 1) / 2)
    grid = torch.stack((across, down), dim=3)
    return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    # Smooth inputs, because in noise the least difference of the flow changes the values.
    garment, person = (
        functional.interpolate(
            torch.rand(1, channels, 8, 6, generator=random), size=(height, width), mode="bilinear"
        )
        for channels in (GARMENT, PERSON)
    )
    return garment, person


SPEC: Final = ConversionSpec(
    build=lambda: ConditionGenerator().eval(),
    example=_example,
    inputs=("garment", "person"),
    outputs=("flow", "labels", "mask"),
    size=SIZE,
)
"""How `models add` converts the network."""
