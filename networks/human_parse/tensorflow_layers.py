"""Layers of TensorFlow 1, whose padding, pooling and enlargement differ from PyTorch's."""

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

EPSILON: Final = 1e-3
"""Addend of a variance, TensorFlow's default."""


class Convolution(nn.Module):
    """A convolution with SAME padding; at stride 2, an even side gets less padding in front."""

    def __init__(
        self,
        given: int,
        made: int,
        side: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        biased: bool = True,
    ) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(made, given, side, side))
        self.biases = nn.Parameter(torch.zeros(made)) if biased else None
        self._stride, self._dilation = stride, dilation

    def forward(self, value: Tensor) -> Tensor:
        """Return an output of height / stride x width / stride, rounded up."""
        reach = self._dilation * (self.weights.shape[-1] - 1) // 2
        pads = reach
        if self._stride > 1 and reach:
            value, pads = pad_same(value, reach), 0
        return functional.conv2d(
            value, self.weights, self.biases, self._stride, pads, self._dilation
        )


class Normalisation(nn.Module):
    """Batch normalisation with TensorFlow's names, for evaluation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("moving_mean", torch.zeros(channels))
        self.register_buffer("moving_variance", torch.ones(channels))

    def forward(self, value: Tensor) -> Tensor:
        """Normalise by the moving statistics."""
        mean, variance = self.get_buffer("moving_mean"), self.get_buffer("moving_variance")
        return functional.batch_norm(
            value, mean, variance, self.gamma, self.beta, training=False, eps=EPSILON
        )


class PyramidPooling(nn.Module):
    """Average over squares of ``pool`` pixels a side, convolve, and enlarge to the input size."""

    def __init__(self, given: int, made: int, pool: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(made, given, 3, 3))
        self.biases = nn.Parameter(torch.zeros(made))
        self._pool = pool

    def forward(self, value: Tensor) -> Tensor:
        """Return an output of the input's height and width."""
        height, width = value.shape[2:]
        rows, columns = (self._means(size).to(value) for size in (height, width))
        pooled = rows @ value @ columns.transpose(0, 1)
        seen = torch.relu(functional.conv2d(pooled, self.weights, self.biases, padding=1))
        down, across = (
            _enlarging(made, given).to(value)
            for made, given in ((height, rows.shape[0]), (width, columns.shape[0]))
        )
        return down @ seen @ across.transpose(0, 1)

    def _means(self, size: int) -> Tensor:
        """Return weights, squares x pixels; padding is half in front and does not count."""
        squares = (size + self._pool - 1) // self._pool
        before = (squares * self._pool - size) // 2
        square = (torch.arange(size) + before) // self._pool
        members = (square[None] == torch.arange(squares)[:, None]).float()
        return members / members.sum(dim=1, keepdim=True)


def pad_same(value: Tensor, reach: int) -> Tensor:
    """Pad with zeros for a window of radius ``reach`` at stride 2."""
    height, width = value.shape[2:]
    pads = [reach - 1 + width % 2, reach, reach - 1 + height % 2, reach]
    return functional.pad(value, pads)


def _enlarging(made: int, given: int) -> Tensor:
    """Return the weights, ``made`` x ``given``, of ``resize_bilinear``; only pixel 0 is aligned."""
    places = torch.clamp(torch.arange(made) * (given / made), max=given - 1)
    return torch.relu(1 - (places[:, None] - torch.arange(given)[None]).abs())
