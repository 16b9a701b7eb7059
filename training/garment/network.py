"""The network: an encoder, a decoder to landmark heat maps, and classification heads."""

import torch
from torch import Tensor, nn

from services.kit.categories import GARMENT_CATEGORIES
from services.kit.garment_attributes import LANDMARKS, NECKLINES, OPENINGS, SLEEVES

HEADS = (len(GARMENT_CATEGORIES), len(SLEEVES), len(SLEEVES), len(NECKLINES), len(OPENINGS))
"""Classes of each head: category, left and right sleeve, neckline, opening."""


def _block(channels: int, wanted: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, wanted, 3, stride, 1, bias=False),
        nn.BatchNorm2d(wanted),
        nn.ReLU(inplace=True),
    )


class Refined(nn.Module):  # type: ignore[misc]
    """A residual block: what two convolutions add to their input (He et al., CVPR 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.added = nn.Sequential(
            _block(channels, channels),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.bent = nn.ReLU(inplace=True)

    def forward(self, layer: Tensor) -> Tensor:
        """Map a tensor to one of the same shape."""
        changed: Tensor = self.bent(layer + self.added(layer))
        return changed


def _stage(channels: int, wanted: int, blocks: int) -> nn.Sequential:
    """Return what halves a layer's sides and looks at it so many times."""
    return nn.Sequential(_block(channels, wanted, 2), *(Refined(wanted) for _ in range(blocks)))


class GarmentNet(nn.Module):  # type: ignore[misc]
    """4 x 128 x 128 in; heat maps 24 x 32 x 32 and class scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _block(4, 24, 2)
        self.quarter = _stage(24, 48, 1)
        self.eighth = _stage(48, 96, 2)
        self.sixteenth = _stage(96, 160, 2)
        self.least = _stage(160, 192, 2)
        self.up = nn.ModuleList(
            [nn.Conv2d(192, 160, 1), nn.Conv2d(160, 96, 1), nn.Conv2d(96, 48, 1)]
        )
        self.mix = nn.ModuleList([_block(160, 160), _block(96, 96), _block(48, 48)])
        self.heat = nn.Conv2d(48, len(LANDMARKS), 1)
        self.told = nn.Sequential(
            nn.Flatten(), nn.Linear(192 * 16, 128), nn.ReLU(inplace=True), nn.Dropout(0.2)
        )
        self.seen = nn.Sequential(
            nn.Linear(128 + 3 * len(LANDMARKS), 128), nn.ReLU(inplace=True), nn.Dropout(0.1)
        )
        self.classes = nn.Linear(128, sum(HEADS))
        self.reach = nn.Linear(128, 2)
        self.there = nn.Linear(128, len(LANDMARKS))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return heat maps, class scores, the sleeves' reach and whether landmarks are there."""
        quarter = self.quarter(self.first(inputs))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        least = self.least(sixteenth)
        layer = least
        for skip, up, mix in zip((sixteenth, eighth, quarter), self.up, self.mix, strict=True):
            grown = nn.functional.interpolate(up(layer), size=skip.shape[2:], mode="nearest")
            layer = mix(grown + skip)
        told = self.told(least)
        heat, there = self.heat(layer), self.there(told)
        # The landmarks are inputs of the classes, because a sleeve's ends give its length.
        places = expected(heat).detach().flatten(1) * 4 - 2
        seen = self.seen(torch.cat([told, places, torch.sigmoid(there).detach()], dim=1))
        return heat, self.classes(seen), self.reach(seen), there


class Answer(nn.Module):  # type: ignore[misc]
    """What is exported: landmarks as x, y, confidence; probabilities; the reach."""

    def __init__(self, network: GarmentNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return N x 24 x 3, N x sum(HEADS) and N x 2."""
        heat, scores, reach, there = self.network(inputs)
        places = expected(heat)
        points = torch.cat([places, torch.sigmoid(there)[..., None]], dim=2)
        shares = [torch.softmax(part, dim=1) for part in torch.split(scores, list(HEADS), dim=1)]
        return points, torch.cat(shares, dim=1), reach


def expected(heat: Tensor) -> Tensor:
    """Return the mean position of each heat map, N x K x 2, as fractions of the window."""
    count, kinds, rows, columns = heat.shape
    share = torch.softmax(heat.reshape(count, kinds, rows * columns), dim=2)
    share = share.reshape(count, kinds, rows, columns)
    across = (torch.arange(columns, dtype=heat.dtype, device=heat.device) + 0.5) / columns
    down = (torch.arange(rows, dtype=heat.dtype, device=heat.device) + 0.5) / rows
    x = (share.sum(dim=2) * across).sum(dim=2)
    y = (share.sum(dim=3) * down).sum(dim=2)
    return torch.stack([x, y], dim=2)
