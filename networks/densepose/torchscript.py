"""DensePose R_50_FPN_DL_s1x, from an export to TorchScript.

https://github.com/dajes/DensePose-TorchScript makes such exports, in float32 and float16. The
network is a submodule there. Some modules are also in lists that TorchScript can loop over, so that
the file holds each of them under two names.
"""

from pathlib import Path
from typing import Final

from torch import Tensor

from networks.densepose.heads import DeepLabHead
from networks.densepose.rcnn import make_conversion_spec, select_learned
from networks.loading import rename_tensors
from networks.torchscript import read_torchscript

FIRST: Final = "backbone.bottom_up.stem.conv1.weight"
"""Official name that locates the export's prefix of every name."""

LISTED: Final = (
    "backbone.bottom_up.stages.",
    "backbone.lateral_convs.",
    "backbone.output_convs.",
    "roi_heads.decoder.scale_heads.",
    "roi_heads.densepose_head.stacked_convs.",
)
"""Prefixes of lists of modules that also have their official names."""


def _read(path: Path) -> dict[str, Tensor]:
    """Read the file's tensors under their official names."""
    state = read_torchscript(path)
    before = next((key.removesuffix(FIRST) for key in state if key.endswith(FIRST)), "")
    named = rename_tensors(state, lambda key: key.removeprefix(before), path.name)
    return select_learned(
        {key: value for key, value in named.items() if not key.startswith(LISTED)}
    )


SPEC: Final = make_conversion_spec(DeepLabHead, _read)
"""How `models add` converts the network."""
