"""Tops: a torso and two sleeves, in the part of the photo that they can change.

A second thread sees to the person while the first sees to the garment, for the sake of two cores.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from services.kit.garment_attributes import GarmentAttributes
from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.viton.garment.cutout import cut_out_garment
from services.viton.garment.top_landmarks import detect_top_landmarks
from services.viton.painting import edit_window
from services.viton.painting.around_neck import lay_pieces
from services.viton.painting.composition import assemble
from services.viton.painting.extend_bottoms import uncovered
from services.viton.painting.response import Outcome, finish
from services.viton.painting.shading import torso_light
from services.viton.painting.skin import flesh, light_from
from services.viton.person.body import measure_body, raise_bare_armpits
from services.viton.placing.garment_layers import below_shoulders, dress, without_notches
from services.viton.placing.sleeve import ACROSS, fit_sleeve
from services.viton.placing.torso import fit_torso
from services.viton.raster.warp import rasterise_ruled_surface, thin_plate_spline_map

_TOO_SHORT: Final = 1.3
"""A garment that would have to be stretched by more than this to reach as far as the worn one shows
what is below it instead.
"""


def wear_upper(
    person: Image,
    keypoints: Keypoints,
    labels: LabelMap,
    garment: Image,
    mask: Mask,
    *,
    attributes: GarmentAttributes,
) -> Outcome:
    """Return the person in the top. Raises ``NoGarment`` and ``NoPerson``."""
    window = edit_window.find(labels, keypoints)
    seen = np.ascontiguousarray(person[window])
    joints, parsed = edit_window.moved(keypoints, window), np.ascontiguousarray(labels[window])
    shape = (seen.shape[0], seen.shape[1])
    with ThreadPoolExecutor(1, "person") as beside:
        measured = beside.submit(measure_body, joints, parsed)
        cloth = detect_top_landmarks(garment, mask, attributes)
        body, parts = measured.result()
        torso = fit_torso(cloth, body)
        shown = seen
        if torso.reach > _TOO_SHORT and not (body.existing_top_tucked or body.cropped_by_frame):
            below = uncovered(seen, joints, parsed)
            if below is not None:
                shown, relabelled = below
                body, parts = measure_body(joints, relabelled)
                torso = fit_torso(cloth, body)
        body = raise_bare_armpits(body, cloth.sleeveless_sides)
        first, second = (
            fit_sleeve(cloth, g, body, b) for g, b in zip(cloth.halves, body.sides, strict=True)
        )
        strips = (
            rasterise_ruled_surface(first.target, first.source, ACROSS, shape),
            rasterise_ruled_surface(second.target, second.source, ACROSS, shape),
        )
        photo = shown.astype(np.float32)
        fleshed = beside.submit(flesh, photo, parts, body, strips)
        lit = beside.submit(torso_light, photo, parts, body, light_from(photo, parts))
        pieces = cut_out_garment(garment, mask, cloth, gussets=torso.gussets)
        warped = thin_plate_spline_map(torso.target, torso.source, shape)
        worn = dress(pieces, warped, torso.seams, strips, (first, second))
        worn = below_shoulders(worn, body) if torso.straps else without_notches(worn, body)
        skin, light = fleshed.result(), lit.result()
    stack = assemble(
        photo,
        parts,
        body,
        worn=worn,
        skin=skin,
        strips=strips,
        fits=(first, second),
        neck=lay_pieces(cloth, garment, worn, parts=parts, body=body, skin=skin),
        light=light,
    )
    return edit_window.put_back(person, window, finish(seen, stack, mask))
