"""The third stage of a top: its torso and its sleeves placed on the body and sampled."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.viton.garment.cutout import cut_out_garment, finish_torso
from services.viton.garment.landmarks import TopLandmarks
from services.viton.garment.photo import GarmentPhoto
from services.viton.person.body import Body
from services.viton.placing.garment_layers import (
    GarmentLayers,
    end_at_shoulders,
    fill_shoulder_notches,
    sample_garment_layers,
)
from services.viton.placing.sleeve import PlacedSleeve, place_sleeves
from services.viton.placing.torso import TorsoFit, fit_torso
from services.viton.raster.thin_plate_spline import thin_plate_spline_map

Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class TopPlacement:
    """Where each part of a top lies on the canvas."""

    torso: TorsoFit
    """Control points of the torso's warp."""
    sleeves: tuple[PlacedSleeve, PlacedSleeve]
    """The left and the right sleeve."""
    canvas_shape: tuple[int, int]
    """Height and width of the canvas, in pixels."""


def place_top(top: TopLandmarks, body: Body, shape: tuple[int, int]) -> TopPlacement:
    """Place the torso and both sleeves of a top on a body, on a canvas of ``shape``."""
    return TopPlacement(fit_torso(top, body), place_sleeves(top, body, shape), shape)


def warp_torso(placement: TopPlacement) -> Floats:
    """Return the torso's map, H x W x 2: the place in the garment's photo of each canvas pixel."""
    torso = placement.torso
    return thin_plate_spline_map(torso.canvas_points, torso.photo_points, placement.canvas_shape)


def sample_top(
    garment_photo: GarmentPhoto, top: TopLandmarks, placement: TopPlacement, body: Body
) -> GarmentLayers:
    """Sample the top's layers from its photo."""
    torso = placement.torso
    cutout = garment_photo.recall(
        "top cutout", lambda: cut_out_garment(garment_photo.image, garment_photo.mask, top)
    )
    layers = sample_garment_layers(
        finish_torso(cutout.torso, top, torso.gusset_fractions),
        cutout.sleeves,
        warp_torso(placement),
        torso.armhole_seams,
        placement.sleeves,
    )
    return (
        end_at_shoulders(layers, body)
        if torso.hangs_from_straps
        else fill_shoulder_notches(layers, body)
    )
