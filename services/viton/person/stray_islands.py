"""Pieces of the existing top's label that are mistakes of the segmentation."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from services.kit.raster.components import label_components
from services.kit.raster.morphology import dilate, open_mask
from services.viton.geometry import Bool
from services.viton.person.joints import Joints


@dataclass(frozen=True, kw_only=True)
class StrayIslandOptions:
    """Which pieces of the existing top are dropped; lengths in shoulder widths."""

    max_island_fraction: float = 0.03
    """Fraction of the existing top below which a piece of it may be a mistake."""
    island_neck: float = 0.03
    """Radius of the opening that parts a piece from the rest of the top."""
    min_part_distance: float = 0.16
    """Distance from trunk and arms of a piece that the opening parted from the rest."""
    min_island_distance: float = 0.05
    """Distance from trunk and arms of a piece that lies apart on its own."""
    rim_distance: float = 0.14
    """Distance from trunk and arms from which a dropped piece takes its rim along."""


STRAY_ISLAND_OPTIONS: Final = StrayIslandOptions()


def remove_stray_islands(
    garment: Bool, joints: Joints, options: StrayIslandOptions = STRAY_ISLAND_OPTIONS
) -> Bool:
    """Return the existing top (H x W) without small pieces that lie well away from the body."""
    scale = joints.shoulder_width
    near = np.zeros(garment.shape, np.uint8)
    trunk = np.array([*joints.shoulders, *joints.hips[::-1]])
    cv2.fillPoly(near, [np.round(trunk).astype(np.int32)], 1)
    for limb in zip(joints.shoulders, joints.elbows, joints.wrists, strict=True):
        bones = np.round(np.array(limb)).astype(np.int32)
        cv2.polylines(near, [bones], isClosed=False, color=1, thickness=3)
    away = cv2.distanceTransform(1 - near, cv2.DIST_L2, 3)
    radius = max(int(options.island_neck * scale), 1)
    island = np.zeros(garment.shape, bool)
    total = float(garment.sum())
    for mask, least in (
        (open_mask(garment, radius), options.min_part_distance * scale),
        (garment, options.min_island_distance * scale),
    ):
        pieces = label_components(mask)
        for index in range(1, pieces.count):
            if pieces.areas[index] > options.max_island_fraction * total:
                continue
            inside = pieces.labels == index
            if float(away[inside].min()) > least:
                island |= inside
    rim = dilate(island, radius) & (away > options.rim_distance * scale)
    return np.asarray(garment & ~rim & ~island)
