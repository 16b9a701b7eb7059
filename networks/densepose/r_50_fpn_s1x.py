"""DensePose R_50_FPN_s1x, as detectron2's model zoo publishes it."""

from pathlib import Path
from typing import Final

from torch import Tensor

from networks.densepose.heads import SurfaceHead
from networks.densepose.rcnn import make_conversion_spec, select_learned
from networks.pickles import read_arrays


def _read(path: Path) -> dict[str, Tensor]:
    return select_learned(read_arrays(path))


SPEC: Final = make_conversion_spec(SurfaceHead, _read)
"""How `models add` converts the network."""
