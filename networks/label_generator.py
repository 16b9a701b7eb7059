"""The generator of VITON-HD and HR-VITON: synthesise an image from a label map.

Eight residual blocks work at 1/128 of the image's size up to the full size. Each block gets the
conditions (agnostic image, pose, warped garment) at its own size. The label map sets the scale and
the shift of each normalisation: Park et al., "Semantic Image Synthesis with Spatially-Adaptive
Normalization" (CVPR 2019). The normalisation with a mask follows Choi et al., "VITON-HD:
High-Resolution Virtual Try-On via Misalignment-Aware Normalization" (CVPR 2021).

The noise of the normalisations is an input, so that a seed determines the image. Submodules have
the names of the official weight files.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import spectral_norm

CONDITIONS: Final = 9
"""Channels of the conditions: three RGB images."""

MULTIPLE: Final = 128
"""Divisor of height and width, in pixels."""

BLOCKS: Final = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4")
"""Blocks in order; each doubles height and width of the one before."""

WIDTHS: Final = (1024, 1024, 1024, 512, 256, 128, 64, 32)
"""Output channels of each block."""

CONDITION_WIDTH: Final = 16
"""Channels that encode the conditions, concatenated with the previous block's output."""

HIDDEN: Final = 128
"""Hidden channels between the labels and scale and shift."""

NOISES: Final = tuple(f"noise_{number}" for number in range(len(BLOCKS)))
"""Names of the noise inputs, one for each block."""

EPSILON: Final = 1e-5
"""Addend of a variance, PyTorch's default."""


def noise_shape(block: int, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the shape of a block's noise for an image of height x width.

    There is one map for each normalisation: one in the shortcut, which the first block lacks, and
    two in front of the kernels.
    """
    step = MULTIPLE >> block
    return 1, 3 if block else 2, height // step, width // step


class LabelNorm(nn.Module):
    """Normalise with noise, then scale and shift each pixel by the labels around it."""

    def __init__(self, channels: int, labels: int) -> None:
        super().__init__()
        self.noise_scale = nn.Parameter(torch.zeros(channels))
        self.conv_shared = nn.Sequential(nn.Conv2d(labels, HIDDEN, 3, padding=1), nn.ReLU())
        self.conv_gamma = nn.Conv2d(HIDDEN, channels, 3, padding=1)
        self.conv_beta = nn.Conv2d(HIDDEN, channels, 3, padding=1)

    def forward(self, x: Tensor, labels: Tensor, noise: Tensor, mask: Tensor | None) -> Tensor:
        """Normalise 1 x C x h x w; labels are 1 x N x h x w, noise and mask 1 x 1 x h x w."""
        noisy = x + noise * self.noise_scale[:, None, None]
        normal = _normal(noisy) if mask is None else _normal_in_parts(noisy, mask)
        hidden = self.conv_shared(labels)
        scaled: Tensor = normal * (1 + self.conv_gamma(hidden)) + self.conv_beta(hidden)
        return scaled


def _normal(x: Tensor) -> Tensor:
    return functional.instance_norm(x, eps=EPSILON)


def _normal_in_parts(x: Tensor, mask: Tensor) -> Tensor:
    """Normalise the masked part and the rest, each by its own statistics."""
    return _normal_part(x, mask) + _normal_part(x, 1 - mask)


def _normal_part(x: Tensor, mask: Tensor) -> Tensor:
    """Normalise a part; its mean fills the rest, so that the rest adds no variance."""
    part = x * mask
    covered = mask.sum((2, 3), keepdim=True)
    mean = part.sum((2, 3), keepdim=True) / torch.where(covered == 0, 1.0, covered)
    share = mask.mean((2, 3), keepdim=True)
    return _normal(part + (1 - mask) * mean) * torch.sqrt(share)


class Block(nn.Module):
    """Two normalised kernels and a shortcut, which has a kernel if the width changes."""

    def __init__(self, given: int, width: int, labels: int, *, spectral: bool) -> None:
        super().__init__()
        middle = min(given, width)
        self.shortcut = given != width
        wrap = spectral_norm if spectral else _plain
        self.conv_0 = wrap(nn.Conv2d(given, middle, 3, padding=1))
        self.conv_1 = wrap(nn.Conv2d(middle, width, 3, padding=1))
        self.norm_0 = LabelNorm(given, labels)
        self.norm_1 = LabelNorm(middle, labels)
        if self.shortcut:
            self.conv_s = wrap(nn.Conv2d(given, width, 1, bias=False))
            self.norm_s = LabelNorm(given, labels)

    def forward(self, x: Tensor, labels: Tensor, noise: Tensor, mask: Tensor | None) -> Tensor:
        """Map 1 x given x h x w to 1 x width x h x w; ``noise`` has the shape ``noise_shape``."""
        *first, before, between = noise.split(1, dim=1)
        beside = self.conv_s(self.norm_s(x, labels, first[0], mask)) if self.shortcut else x
        through = self.conv_0(_leaky(self.norm_0(x, labels, before, mask)))
        through = self.conv_1(_leaky(self.norm_1(through, labels, between, mask)))
        joined: Tensor = beside + through
        return joined


def _plain(module: nn.Conv2d) -> nn.Conv2d:
    return module


def _leaky(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)


class LabelGenerator(nn.Module):
    """The generator. The first ``masked`` blocks normalise in parts and take one more label.

    ``spectral`` selects the layout of the official files. Without it the layout is that of
    ``spectral.fold_spectral_norm``.
    """

    def __init__(self, labels: int, masked: int, *, spectral: bool) -> None:
        super().__init__()
        self.masked = masked
        self.conv_0 = nn.Conv2d(CONDITIONS, WIDTHS[0], 3, padding=1)
        for number in range(1, len(BLOCKS)):
            self.add_module(f"conv_{number}", nn.Conv2d(CONDITIONS, CONDITION_WIDTH, 3, padding=1))
        given = (WIDTHS[0], *(before + CONDITION_WIDTH for before, _ in pairwise(WIDTHS)))
        for number, name in enumerate(BLOCKS):
            seen = labels + 1 if number < masked else labels
            self.add_module(name, Block(given[number], WIDTHS[number], seen, spectral=spectral))
        self.conv_img = nn.Conv2d(WIDTHS[-1], 3, 3, padding=1)

    def draw(
        self,
        conditions: Tensor,
        labels: Tensor,
        noise: Sequence[Tensor],
        divided: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Synthesise 1 x 3 x H x W, -1 to 1, from conditions 1 x 9 and labels 1 x L (x H x W).

        ``divided`` (1 x (L + 1) x H x W) and ``mask`` (1 x 1 x H x W) are for the masked blocks.
        """
        x = conditions.new_zeros(0)
        for number, name in enumerate(BLOCKS):
            # Both sizes are multiples of the step, so every step-th pixel is the nearest neighbour.
            step = MULTIPLE >> number
            condition = self.get_submodule(f"conv_{number}")(conditions[..., ::step, ::step])
            if number:
                x = torch.cat((functional.interpolate(x, scale_factor=2.0), condition), 1)
            else:
                x = condition
            seen, hidden = (divided, mask) if number < self.masked else (labels, None)
            assert seen is not None  # noqa: S101 - masked generators are drawn with both
            part = None if hidden is None else hidden[..., ::step, ::step]
            x = self.get_submodule(name)(x, seen[..., ::step, ::step], noise[number], part)
        return torch.tanh(self.conv_img(_leaky(x)))
