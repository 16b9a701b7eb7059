"""What the try-on networks are fed in the parity tests, and were when the originals ran."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.viton.published import common
from services.viton.published.viton_hd import NOISE_THRESHOLD
from tests.parity.stored import seeded

SMALL: Final = (512, 384)
FULL: Final = (1024, 768)


def network_inputs(name: str, height: int, width: int) -> dict[str, NDArray[np.float32]]:
    """Give a network's inputs by name, without the leading 1; only generators know two sizes."""
    if name == "seg":
        return {"given": seeded("given", 21, 256, 192)}
    if name == "gmm":
        return {"person": seeded("person", 7, 256, 192), "garment": seeded("garment", 3, 256, 192)}
    if name == "condition":
        return {
            "garment": seeded("condition_garment", 4, 256, 192),
            "person": seeded("condition_person", 16, 256, 192),
        }
    conditions = {"conditions": seeded("conditions", 9, height, width)}
    labels = {"labels": np.abs(seeded("labels", 7, height, width))}
    masked = {
        "divided": np.abs(seeded("divided", 8, height, width)),
        "mask": np.maximum(seeded("mask", 1, height, width), 0),
    }
    noises = common.draw_noise(np.random.default_rng(1), height, width)
    return {**conditions, **labels, **(masked if name == "alias" else {}), **noises}


def sequence_noise(height: int, width: int) -> tuple[common.Planes, dict[str, common.Planes]]:
    """Give the noise of the first network and of the last."""
    random = np.random.default_rng(2)
    first = (random.standard_normal((1, *common.WARP_SHAPE)) > NOISE_THRESHOLD).astype(np.float32)
    return first, common.draw_noise(random, height, width)
