"""Real-ESRGAN's generator RRDBNet at x4, in the layout of its official file.

Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018
(https://arxiv.org/abs/1809.00219) and "Real-ESRGAN: Training Real-World Blind Super-Resolution with
Pure Synthetic Data", 2021 (https://arxiv.org/abs/2107.10833). ``RealESRGAN_x4plus.pth`` of
https://github.com/xinntao/Real-ESRGAN holds its averaged weights under ``params_ema``.
"""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from networks.conversion_spec import ConversionSpec

SCALE: Final = 4
"""Scale factor of both sides."""

CHANNELS: Final = 64
"""Channels of the trunk."""

GROWTH: Final = 32
"""Channels that every convolution of a dense block adds."""
BLOCKS: Final = 23
"""Residual-in-residual dense blocks."""

RESIDUAL: Final = 0.2
"""Factor of a block's residual."""


class Dense(nn.Module):
    """Five 3 x 3 convolutions; each takes the outputs of all before."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(1, 6):
            outputs = CHANNELS if number == 5 else GROWTH
            convolution = nn.Conv2d(CHANNELS + (number - 1) * GROWTH, outputs, 3, padding=1)
            self.add_module(f"conv{number}", convolution)

    def forward(self, x: Tensor) -> Tensor:
        """Map N x 64 x H x W to the same shape."""
        seen = x
        for number in range(1, 5):
            seen = torch.cat([seen, _leaky(self.get_submodule(f"conv{number}")(seen))], 1)
        return x + RESIDUAL * self.conv5(seen)


class DenseInResidual(nn.Module):
    """Three dense blocks with a residual connection (RRDB)."""

    def __init__(self) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = Dense(), Dense(), Dense()

    def forward(self, x: Tensor) -> Tensor:
        """Map N x 64 x H x W to the same shape."""
        return x + RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))


class RRDBNet(nn.Module):
    """23 blocks at the photo's size, then two doublings of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.body = nn.Sequential(*(DenseInResidual() for _ in range(BLOCKS)))
        self.conv_body = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.conv_up1 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.conv_up2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.conv_hr = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.conv_last = nn.Conv2d(CHANNELS, 3, 3, padding=1)

    def forward(self, photo: Tensor) -> Tensor:
        """Map N x 3 x H x W RGB, 0 to 1, to N x 3 x 4 H x 4 W, about 0 to 1."""
        seen = self.conv_first(photo)
        seen = seen + self.conv_body(self.body(seen))
        for doubled in (self.conv_up1, self.conv_up2):
            seen = _leaky(doubled(functional.interpolate(seen, scale_factor=2.0, mode="nearest")))
        return self.conv_last(_leaky(self.conv_hr(seen)))


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2, inplace=True)


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    return (torch.linspace(0, 1, 3 * height * width).reshape(1, 3, height, width),)


SPEC: Final = ConversionSpec(
    build=lambda: RRDBNet().eval(),
    example=_example,
    inputs=("input",),
    outputs=("output",),
    axes={"input": {2: "height", 3: "width"}, "output": {2: "height_x4", 3: "width_x4"}},
    size=(32, 24),
)
"""How `models add` converts the network."""
