"""SPADEGenerator: synthesise the person in the warped garment, as VITON-HD without a mask.

Lee et al., ECCV 2022, from github.com/sangyun884/HR-VITON.
"""

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from networks.conversion_spec import ConversionSpec
from networks.label_generator import BLOCKS, CONDITIONS, NOISES, LabelGenerator, noise_shape
from networks.loading import read_torch, rename_tensors
from networks.spectral import fold_spectral_norm

LABELS: Final = 7
"""Channels of the label map."""


class SPADEGenerator(LabelGenerator):
    """The generator of HR-VITON."""

    def __init__(self, *, spectral: bool = True) -> None:
        super().__init__(LABELS, 0, spectral=spectral)

    def forward(self, conditions: Tensor, labels: Tensor, *noise: Tensor) -> Tensor:
        """Synthesise 1 x 3 x H x W, -1 to 1; H and W are multiples of 128.

        ``conditions``, 1 x 9: agnostic image, DensePose image, warped garment. ``labels``: 1 x 7.
        ``noise``: eight tensors of ``noise_shape``.
        """
        return self.draw(conditions, labels, noise)


def _read(path: Path) -> dict[str, Tensor]:
    """Read the official file, whose keys may be those of the authors' earlier code."""
    return rename_tensors(read_torch(path), lambda key: key.replace(".Spade", ""), path.name)


def _folded(network: nn.Module) -> nn.Module:
    plain = SPADEGenerator(spectral=False)
    plain.load_state_dict(fold_spectral_norm(network.state_dict()))
    return plain


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    conditions = torch.rand(1, CONDITIONS, height, width, generator=random) * 2 - 1
    labels = torch.rand(1, LABELS, height, width, generator=random)
    noise = [
        torch.randn(noise_shape(block, height, width), generator=random)
        for block in range(len(BLOCKS))
    ]
    return conditions, labels, *noise


_WHOLE: Final = {2: "height", 3: "width"}
"""Axes whose length is free in the ONNX file."""

SPEC: Final = ConversionSpec(
    build=lambda: SPADEGenerator().eval(),
    example=_example,
    read=_read,
    exported=_folded,
    inputs=("conditions", "labels", *NOISES),
    outputs=("picture",),
    axes={
        **dict.fromkeys(("conditions", "labels", "picture"), _WHOLE),
        **{name: {2: f"height_{block}", 3: f"width_{block}"} for block, name in enumerate(NOISES)},
    },
    size=(256, 128),
)
"""How `models add` converts the network."""
