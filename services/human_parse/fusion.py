"""Fuse the probabilities of the person segmenter and of the clothes network."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.human_parse import outfit
from services.human_parse.coarse_classes import (
    BACKGROUND,
    DRESS,
    FACE,
    HAIR,
    LOWER,
    OTHERS,
    SKIN,
    UPPER,
)
from services.human_parse.crops import PersonProbabilities
from services.human_parse.parse_frame import Flags, ParseFrame
from services.human_parse.regions import dilate
from services.kit.raster.guided_filter import Plane


@dataclass(frozen=True, kw_only=True)
class GarmentEvidenceOptions:
    """How far the clothes network counts against the person segmenter."""

    found_weight: float = 0.55
    """Weight of the clothes network if it finds a garment."""
    absent_weight: float = 0.8
    """Weight of the clothes network if it finds no garment."""
    min_garment: float = 0.1
    """Probability of a garment above which a pixel is a garment's."""
    reach_px: int = 6
    """Reach around garments within which the clothes network counts, in pixels of the reduced
    photo."""
    min_other: float = 0.05
    """Least probability of all other classes that the clothes' share is divided among."""


GARMENT_EVIDENCE_OPTIONS: Final = GarmentEvidenceOptions()

_MIN_TOTAL: Final = 1e-3
"""Least divisor for the sum of a pixel's probabilities."""

_OTHER_CHANNELS: Final = (0, 1, 2, 3, 5)
"""Channels of ``PersonProbabilities`` that are not clothes."""


def add_garment_evidence(
    people: PersonProbabilities,
    garments: NDArray[np.float32],
    unlikely: Flags,
    options: GarmentEvidenceOptions = GARMENT_EVIDENCE_OPTIONS,
) -> PersonProbabilities:
    """Mix the clothes network's probabilities into the person segmenter's, near garments.

    ``people`` is H x W x 6, ``garments`` H x W x 4, ``unlikely`` H x W. The clothes network draws
    garments more exactly and hardly ever invents one. So a garment that it does not find weighs
    more than one that it finds. It overlooks some garments. So far from those that it found, the
    segmenter alone decides, except in ``unlikely`` places.
    """
    garment = 1 - garments[..., 0]
    near = dilate(garment > options.min_garment, options.reach_px)
    weight = np.where(
        near,
        options.found_weight * garment + options.absent_weight * (1 - garment),
        options.absent_weight * unlikely,
    ).astype(np.float32)
    fused = people * (1 - weight)[..., None]
    fused[..., 4] += weight * garment
    # What is no garment goes where the person segmenter would have put it, as far as it had doubts.
    others = np.maximum(1 - people[..., 4], options.min_other)
    shared = np.minimum(weight * (1 - garment) / others, 1)
    for channel in _OTHER_CHANNELS:
        fused[..., channel] += shared * people[..., channel]
    fused[..., 0] += np.where(unlikely & ~near, weight * people[..., 4], 0)
    total = fused[..., 0].copy()
    for channel in range(1, fused.shape[2]):
        total += fused[..., channel]
    fused /= np.maximum(total, _MIN_TOTAL)[..., None]
    return fused


def initial_class_probabilities(
    lab: NDArray[np.float32],
    people: PersonProbabilities,
    garments: NDArray[np.float32],
    frame: ParseFrame,
) -> dict[int, Plane]:
    """Return the probability of each coarse class, H x W; ``lab`` is the photo in CIE Lab."""
    background, hair, skin, face, clothes, others = (
        np.ascontiguousarray(people[..., channel]) for channel in range(people.shape[2])
    )
    classes = outfit.split_upper_lower_dress(lab, garments, clothes, frame)
    apart = (1 - classes.dress) * classes.clothes
    return {
        BACKGROUND: background,
        HAIR: hair,
        SKIN: skin,
        FACE: face,
        UPPER: apart * (1 - classes.lower),
        LOWER: apart * classes.lower,
        DRESS: classes.dress * classes.clothes,
        OTHERS: others,
    }
