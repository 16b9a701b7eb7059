"""Describe how a network is built, read, fed and exported."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from networks.loading import load_strictly, matches_layout, read_torch


def _same(network: nn.Module) -> nn.Module:
    return network


def _nothing(_: Path) -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class ConversionSpec:
    """A network in its official layout, and the form in which it is exported."""

    build: Callable[[], nn.Module]
    """Make the network in evaluation mode, with the keys of the official file."""
    older_layouts: tuple[Callable[[], nn.Module], ...] = ()
    """Make the network with the keys of earlier official files."""
    read: Callable[[Path], dict[str, Tensor]] = read_torch
    """Read the official file; return a state in one of these layouts."""
    companion_files: Callable[[Path], tuple[Path, ...]] = _nothing
    """List the other files that ``read`` opens."""
    exported: Callable[[nn.Module], nn.Module] = _same
    """Wrap the loaded network in the module that is exported, for example with folded weights."""
    example: Callable[[int, int], tuple[Tensor, ...]]
    """Make inputs of the export for an image of height x width."""
    inputs: tuple[str, ...]
    """Names of the export's input tensors."""
    outputs: tuple[str, ...]
    """Names of the export's output tensors."""
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Axes of free size, by tensor: ``dynamic_axes`` of ``torch.onnx.export``."""
    classes: tuple[str, ...] = ()
    """Outputs that are read as classes: the channel of the largest value at every pixel."""
    scales: Mapping[str, float] = field(default_factory=dict)
    """Factors of seeded weights, by a part of their key. Without them some networks saturate."""
    size: tuple[int, int] = (1024, 768)
    """Height and width of the inputs that trace and check the export, in pixels."""

    def load(self, state: Mapping[str, Tensor], title: str) -> nn.Module:
        """Build the network in the layout of ``state`` and load it.

        Raises WrongWeightFile, with keys of the present layout, if ``state`` has no layout of the
        network ``title``.
        """
        networks = (build() for build in self.older_layouts)
        network = next((each for each in networks if matches_layout(each, state)), None)
        if network is None:
            network = self.build()
        load_strictly(network, state, title)
        return network
