"""DensePose R_50_FPN_DL_s1x, out of its export to TorchScript.

https://github.com/dajes/DensePose-TorchScript makes such exports, in float32 and float16. The
network is a submodule there, and some of its modules are also in lists that TorchScript can loop
over: each of those is in the file by two names.
"""

from pathlib import Path
from typing import Final

from torch import Tensor

from networks.densepose.heads import DeepLabHead
from networks.densepose.rcnn import learned, make_conversion_spec
from networks.loading import renamed
from networks.torchscript import read_torchscript

FIRST: Final = "backbone.bottom_up.stem.conv1.weight"
"""The official name by which is found what the export puts before every name."""
LISTED: Final = (
    "backbone.bottom_up.stages.",
    "backbone.lateral_convs.",
    "backbone.output_convs.",
    "roi_heads.decoder.scale_heads.",
    "roi_heads.densepose_head.stacked_convs.",
)
"""Lists of modules that are also there by their official names."""


def _read(path: Path) -> dict[str, Tensor]:
    """Take the file's tensors by their official names."""
    state = read_torchscript(path)
    before = next((key.removesuffix(FIRST) for key in state if key.endswith(FIRST)), "")
    named = renamed(state, lambda key: key.removeprefix(before), path.name)
    return learned({key: value for key, value in named.items() if not key.startswith(LISTED)})


SPEC: Final = make_conversion_spec(DeepLabHead, _read)
"""How `models add` converts the network."""
