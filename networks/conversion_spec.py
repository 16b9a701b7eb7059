"""What the converter must know of a network: how to build, read, feed and export it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from networks.loading import fits, load_strictly, read_torch


def _same(network: nn.Module) -> nn.Module:
    return network


def _nothing(_: Path) -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class ConversionSpec:
    """A network in its official layout, and the form it is exported in."""

    build: Callable[[], nn.Module]
    """Make the network, in evaluation mode, its ``state_dict`` keyed as the official file is."""
    older_layouts: tuple[Callable[[], nn.Module], ...] = ()
    """Make the network as earlier official files are keyed."""
    read: Callable[[Path], dict[str, Tensor]] = read_torch
    """Read the official file into a state in one of these layouts."""
    companion_files: Callable[[Path], tuple[Path, ...]] = _nothing
    """Name the other files that ``read`` opens."""
    exported: Callable[[nn.Module], nn.Module] = _same
    """Wrap the loaded network in what is written to ONNX: weights folded, noise an input, ..."""
    example: Callable[[int, int], tuple[Tensor, ...]]
    """Make inputs of the export for a picture of height x width."""
    inputs: tuple[str, ...]
    """Names of the export's input tensors."""
    outputs: tuple[str, ...]
    """Names of the export's output tensors."""
    axes: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    """Axes of free size, by tensor, as ``torch.onnx.export`` takes them."""
    classes: tuple[str, ...] = ()
    """Outputs of which only the greatest channel of every pixel is read, as a class."""
    scales: Mapping[str, float] = field(default_factory=dict)
    """Factors of seeded weights, by a part of their key; as drawn, some saturate a network."""
    size: tuple[int, int] = (1024, 768)
    """Height and width that the export is traced and checked at, in pixels."""

    def load(self, state: Mapping[str, Tensor], title: str) -> nn.Module:
        """Build the network in the layout of ``state`` and load it.

        Raises NotTheWeights, which names the present layout's keys, if ``state`` has no layout of
        the network ``title``.
        """
        networks = (build() for build in self.older_layouts)
        network = next((each for each in networks if fits(each, state)), None)
        if network is None:
            network = self.build()
        load_strictly(network, state, title)
        return network
