"""ALIASGenerator: synthesise the person in the warped garment.

Choi et al., CVPR 2021, from github.com/shadow2496/VITON-HD. The first five blocks normalise the
misaligned area separately: the garment's area that the warped garment leaves uncovered.
"""

from typing import Final

import torch
from torch import Tensor, nn

from networks.conversion_spec import ConversionSpec
from networks.label_generator import BLOCKS, CONDITIONS, NOISES, LabelGenerator, noise_shape
from networks.spectral import fold_spectral_norm

LABELS: Final = 7
"""Channels of the label map."""

MASKED: Final = 5
"""Blocks that normalise with the misalignment mask."""


class ALIASGenerator(LabelGenerator):
    """The generator of VITON-HD."""

    def __init__(self, *, spectral: bool = True) -> None:
        super().__init__(LABELS, MASKED, spectral=spectral)

    def forward(
        self, conditions: Tensor, labels: Tensor, divided: Tensor, mask: Tensor, *noise: Tensor
    ) -> Tensor:
        """Synthesise 1 x 3 x H x W, -1 to 1; H and W are multiples of 128.

        ``conditions``, 1 x 9: agnostic image, pose, warped garment. ``labels``: 1 x 7. ``mask``,
        1 x 1: the misaligned area. ``divided``, 1 x 8: the labels, with the mask subtracted from
        the garment's, and the mask. ``noise``: eight tensors of ``noise_shape``.
        """
        return self.draw(conditions, labels, noise, divided, mask)


def _folded(network: nn.Module) -> nn.Module:
    plain = ALIASGenerator(spectral=False)
    plain.load_state_dict(fold_spectral_norm(network.state_dict()))
    return plain


def _example(height: int, width: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    conditions = torch.rand(1, CONDITIONS, height, width, generator=random) * 2 - 1
    kinds = torch.randint(LABELS, (1, height // 32, width // 32), generator=random)
    kinds = kinds.repeat_interleave(32, 1).repeat_interleave(32, 2)
    labels = nn.functional.one_hot(kinds, LABELS).permute(0, 3, 1, 2).float()
    mask = labels[:, 2:3] * torch.rand(1, 1, height, width, generator=random)
    divided = torch.cat((labels, mask), 1)
    divided[:, 2:3] -= mask
    noise = [
        torch.randn(noise_shape(block, height, width), generator=random)
        for block in range(len(BLOCKS))
    ]
    return conditions, labels, divided, mask, *noise


_WHOLE: Final = {2: "height", 3: "width"}
"""Axes whose length is free in the ONNX file."""

SPEC: Final = ConversionSpec(
    build=lambda: ALIASGenerator().eval(),
    example=_example,
    exported=_folded,
    inputs=("conditions", "labels", "divided", "mask", *NOISES),
    outputs=("picture",),
    axes={
        **dict.fromkeys(("conditions", "labels", "divided", "mask", "picture"), _WHOLE),
        **{name: {2: f"height_{block}", 3: f"width_{block}"} for block, name in enumerate(NOISES)},
    },
    size=(384, 256),
)
"""How `models add` converts the network."""
