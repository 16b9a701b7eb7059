"""What the converter must know of a network: how to build, read, feed and export it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from networks.loading import read_torch


def _same(network: nn.Module) -> nn.Module:
    return network


def _nothing(_: Path) -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True)
class Published:
    """A network in its official layout, and the form it is exported in.

    ``build`` makes it fresh, in evaluation mode, its ``state_dict`` keyed as the official file is.
    ``read`` brings the official file into such a state, ``beside`` names what else it reads.
    ``exported`` wraps the loaded network in what is written to ONNX (weights folded, noise an
    input, ...). ``example`` makes inputs of the export for a picture of height x width. ``inputs``,
    ``outputs`` name the export's tensors; ``axes`` the ones whose size is free, as
    ``torch.onnx.export`` wants them; ``classes`` the outputs of which only the greatest channel of
    every pixel is read, a class. ``scales`` is what seeded weights are multiplied by, by a part of
    their key, where the network would not do its work with them as they are drawn.
    """

    build: Callable[[], nn.Module]
    example: Callable[[int, int], tuple[Tensor, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    read: Callable[[Path], dict[str, Tensor]] = read_torch
    beside: Callable[[Path], tuple[Path, ...]] = _nothing
    exported: Callable[[nn.Module], nn.Module] = _same
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    scales: Mapping[str, float] = field(default_factory=dict)
    size: tuple[int, int] = (1024, 768)
    """Height and width that the export is traced and checked at."""
