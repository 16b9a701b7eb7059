"""GMM: predict the warp of the garment onto the body.

The geometric matching module of CP-VTON (Wang et al., ECCV 2018), from
github.com/shadow2496/VITON-HD. The output is the control points. The service computes the spline,
which would add 164 MB to the graph.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec

PERSON: Final = 7
"""Channels of the person input: predicted garment mask 1, pose 3, agnostic image 3."""

GARMENT: Final = 3
"""Channels of the garment's image."""

SIZE: Final = (256, 192)
"""Height and width of the network's input, in pixels."""

CONTROLS: Final = 25
"""Number of control points of the warp, 5 x 5."""

PLACES: Final = (SIZE[0] // 16) * (SIZE[1] // 16)
"""Positions of a feature map, each a channel of the correlation."""


class Features(nn.Module):
    """Features at 1/16 of the size, normalised after the activation."""

    def __init__(self, given: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in (64, 128, 256, 512):
            kernel = nn.Conv2d(given, width, 4, stride=2, padding=1)
            layers += [kernel, nn.ReLU(), nn.BatchNorm2d(width)]
            given = width
        layers += [nn.Conv2d(512, 512, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(512)]
        layers += [nn.Conv2d(512, 512, 3, padding=1), nn.ReLU()]
        self.model = nn.Sequential(*layers)

    def forward(self, given: Tensor) -> Tensor:
        """Return 1 x 512 x h/16 x w/16, with vectors of length 1."""
        return functional.normalize(self.model(given), dim=1)


class Regression(nn.Module):
    """Predict the control points from the correlation."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        given = PLACES
        for width, side, stride in ((512, 4, 2), (256, 4, 2), (128, 3, 1), (64, 3, 1)):
            kernel = nn.Conv2d(given, width, side, stride=stride, padding=1)
            layers += [kernel, nn.BatchNorm2d(width), nn.ReLU()]
            given = width
        self.conv = nn.Sequential(*layers)
        self.linear = nn.Linear(given * PLACES // 16, 2 * CONTROLS)

    def forward(self, correlation: Tensor) -> Tensor:
        """Return 1 x 50, each -1 to 1."""
        return torch.tanh(self.linear(self.conv(correlation).flatten(1)))


class GMM(nn.Module):
    """Correlate every position of the person with every position of the garment."""

    def __init__(self) -> None:
        super().__init__()
        self.extractionA = Features(PERSON)
        self.extractionB = Features(GARMENT)
        self.regression = Regression()

    def forward(self, person: Tensor, garment: Tensor) -> Tensor:
        """Map 1 x 7 x 256 x 192 and 1 x 3 x 256 x 192 to 25 offsets in x and 25 in y, 1 x 50."""
        of_person = self.extractionA(person)
        of_garment = self.extractionB(garment).flatten(2)
        # As published: the person's positions in column order, the garment's in row order.
        correlation = of_person.transpose(2, 3).flatten(2).transpose(1, 2) @ of_garment
        offsets: Tensor = self.regression(correlation.unflatten(2, of_person.shape[2:]))
        return offsets


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    person = torch.rand(1, PERSON, height, width, generator=random) * 2 - 1
    return person, torch.rand(1, GARMENT, height, width, generator=random) * 2 - 1


SPEC: Final = ConversionSpec(
    build=lambda: GMM().eval(),
    example=_example,
    inputs=("person", "garment"),
    outputs=("offsets",),
    size=SIZE,
)
"""How `models add` converts the network."""
