"""SRGAN's official file in the layout of 2018, with seeded weights."""

from pathlib import Path
from typing import Any, Final

import torch

from networks import loading, seeded
from networks.super_resolution import srgan

OFFICIAL_NAME: Final = "netG_epoch_4_100.pth"
"""The name of the file in leftthomas/SRGAN at commit b0323c6."""
LAST_SCALE: Final = 0.002
"""The factor of the last convolution; unscaled, every value would be at an end of the tanh."""


def seeded_state_2018() -> dict[str, Any]:
    """Draw the state of 2018: a PReLU ends block 7, and batch norms have no counters."""
    [build] = srgan.SPEC.older_layouts
    layout = {
        key: value
        for key, value in build().state_dict().items()
        if not key.endswith(loading.BATCH_COUNTER)
    }
    state = seeded.seeded_state(layout)
    for part in ("weight", "bias"):
        state[f"block8.2.{part}"] *= LAST_SCALE
    return state


def write_2018(folder: Path) -> Path:
    """Write the state of 2018 as PyTorch did then, a chain of pickles."""
    file = folder / OFFICIAL_NAME
    torch.save(seeded_state_2018(), file, _use_new_zipfile_serialization=False)
    return file
