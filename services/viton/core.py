"""Puts the garment of one photo on the person of another."""

import numpy as np
from numpy.typing import NDArray

from services.kit.errors import InvalidRequest
from services.kit.garments import UNREAD, GarmentReading
from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.viton.body import measure
from services.viton.compose import assemble, dress, flesh
from services.viton.cut import cut
from services.viton.finish import finish
from services.viton.fit import ACROSS, fit_sleeve, fit_torso
from services.viton.garment import describe
from services.viton.warp import spline, strip


def try_on(
    person: Image,
    keypoints: Keypoints,
    labels: LabelMap,
    garment: Image,
    garment_mask: Mask,
    *,
    reading: GarmentReading = UNREAD,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the person wearing the garment, and the mask of what was changed.

    ``person``, ``labels`` (CIHP ids), ``garment`` and ``garment_mask`` share one H x W canvas;
    ``keypoints`` are BODY_25 joints in its pixels, ``reading`` what a network read of the garment.
    Where the mask is 0 the picture is identical to ``person``. Raises ``NoGarment`` or ``NoPerson``
    where one of them is not to be found, and ``InvalidRequest`` where the shapes do not agree.
    """
    shape = (labels.shape[0], labels.shape[1])
    _check(shape, person, keypoints, garment, garment_mask)
    cloth = describe(garment, garment_mask, reading)
    body, parts = measure(keypoints, labels)
    torso = fit_torso(cloth, body)
    first, second = (
        fit_sleeve(cloth, g, body, b) for g, b in zip(cloth.sides, body.sides, strict=True)
    )
    strips = (
        strip(first.target, first.source, ACROSS, shape),
        strip(second.target, second.source, ACROSS, shape),
    )
    pieces = cut(garment, garment_mask, cloth)
    warped = spline(torso.target, torso.source, shape)
    worn = dress(pieces, warped, torso.seams, strips, (first, second))
    photo = person.astype(np.float32)
    skin = flesh(photo, parts, body, strips)
    picture = assemble(
        photo, parts, body, worn=worn, skin=skin, strips=strips, fits=(first, second)
    )
    return finish(person, picture)


def _check(
    shape: tuple[int, int],
    person: Image,
    keypoints: Keypoints,
    garment: Image,
    garment_mask: Mask,
) -> None:
    pictures = person.shape == garment.shape == (*shape, 3)
    if not (pictures and garment_mask.shape == shape and keypoints.shape == (25, 3)):
        raise InvalidRequest(
            "Person, labels, garment and mask must share one canvas, and joints must be 25 x 3."
        )
    if not np.isfinite(keypoints).all():
        raise InvalidRequest("Joints must be finite numbers; run the pose stage again.")
