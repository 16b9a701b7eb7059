"""Puts the garment of one photo on the person of another."""

import numpy as np

from services.kit.categories import DRESS, LOWER, UPPER, WORN, check
from services.kit.errors import InvalidRequest
from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.viton import frame
from services.viton.body import measure
from services.viton.compose import assemble
from services.viton.cut import cut
from services.viton.dresses import wear_dress
from services.viton.finish import Outcome, finish
from services.viton.fit import ACROSS, fit_sleeve, fit_torso
from services.viton.garment import describe
from services.viton.lower import wear_lower
from services.viton.skin import flesh
from services.viton.warp import spline, strip
from services.viton.worn import dress


def try_on(
    person: Image,
    keypoints: Keypoints,
    labels: LabelMap,
    garment: Image,
    garment_mask: Mask,
    *,
    category: str = UPPER,
) -> Outcome:
    """Dress the person in the garment.

    ``person``, ``labels`` (CIHP ids), ``garment`` and ``garment_mask`` share one H x W canvas;
    ``keypoints`` are BODY_25 joints in its pixels; ``category`` is ``upper``, ``lower`` or
    ``dress``. Raises ``NoGarment`` or ``NoPerson`` where one of them is not to be found,
    ``LegsNotShown`` where a garment for the legs finds none, and ``InvalidRequest`` where the
    shapes do not agree.
    """
    check(category, WORN)
    _check((labels.shape[0], labels.shape[1]), person, keypoints, garment, garment_mask)
    if category == UPPER:
        return _wear_upper(person, keypoints, labels, garment, garment_mask)
    wear = {LOWER: wear_lower, DRESS: wear_dress}[category]
    return finish(person, wear(person, keypoints, labels, garment, garment_mask), garment_mask)


def _wear_upper(
    person: Image, keypoints: Keypoints, labels: LabelMap, garment: Image, garment_mask: Mask
) -> Outcome:
    cloth = describe(garment, garment_mask)
    window = frame.find(labels, keypoints)
    seen = np.ascontiguousarray(person[window])
    shape = (seen.shape[0], seen.shape[1])
    body, parts = measure(frame.moved(keypoints, window), np.ascontiguousarray(labels[window]))
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
    photo = seen.astype(np.float32)
    skin = flesh(photo, parts, body, strips)
    stack = assemble(photo, parts, body, worn=worn, skin=skin, strips=strips, fits=(first, second))
    return frame.put_back(person, window, finish(seen, stack, garment_mask))


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
