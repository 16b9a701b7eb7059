"""Trousers, shorts and skirts: laid on the legs, under a top that hangs over them."""

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.viton.garment.bottoms_landmarks import detect_bottoms_landmarks
from services.viton.garment.cutout import extract_colours_and_alpha, to_rgba
from services.viton.painting.bare_legs import background, bare_legs, removed, rim
from services.viton.painting.existing_shading import folds
from services.viton.painting.shading import contact
from services.viton.painting.shoes import over_hem, without_hems
from services.viton.person.legs import LowerBody, measure_lower_body
from services.viton.person.segmentation import PersonSegmentation
from services.viton.placing.skirt import hang_skirt
from services.viton.placing.trousers import hang_trousers
from services.viton.placing.warp_grid import Hung, Waistline, spread, waistline
from services.viton.raster.fill import (
    antialias,
    dilate,
    erode,
    estimate_alpha_matte,
    gaussian_blur,
    pull_push,
    to_three_channels,
)
from services.viton.raster.layers import LayerStack, alpha_blend
from services.viton.raster.warp import sample_image

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]

_BAND: Final = 7


@dataclass(frozen=True)
class Laid:
    """The garment on the canvas: coverage 0 to 1, shaded colours, and where in its photo it is."""

    coverage: Floats
    colour: Floats
    source: Floats


def wear_lower(
    person: Image, keypoints: Keypoints, labels: LabelMap, garment: Image, mask: Mask
) -> LayerStack:
    """Return the person in the trousers, shorts or skirt.

    Raises ``NoGarment``, ``NoPerson`` and ``LegsNotShown``.
    """
    described = detect_bottoms_landmarks(mask)
    body, worn = measure_lower_body(keypoints, labels)
    worn = without_hems(person, worn, body)
    line = waistline(body, worn)
    colours, cover = extract_colours_and_alpha(garment, described.mask)
    layer = to_rgba(colours, cover)
    shape = (labels.shape[0], labels.shape[1])
    photo = person.astype(np.float32)
    light = folds(photo, worn)
    if described.crotch is None:
        laid = lay([hang_skirt(described, body, line)], layer, light, shape)
    else:
        first, second = hang_trousers(described, described.crotch, body, line)
        # The leg that stands nearer to the camera ends lower in the picture.
        halves = [first, second]
        if body.left.centreline[-1, 1] > body.right.centreline[-1, 1] + 0.1 * body.torso_length:
            halves = [second, first]
        laid = lay(halves, layer, light, shape)
        worn = _covered(worn, body, first, second)
    if not line.shown:
        laid = replace(laid, coverage=laid.coverage * _below_top(worn, body))
    return dressed(photo, worn, body, laid, line)


def _below_top(worn: PersonSegmentation, body: LowerBody) -> Floats:
    """Coverage, 0 to 1, of what lies below the hem of a top: nothing sticks out beside it."""
    height, width = worn.upper_garment.shape
    columns = np.arange(width)
    row = int(np.clip(body.waistband_row, 0, height - 1))
    inside = (columns > body.flanks_x[0][row]) & (columns < body.flanks_x[1][row])
    low = worn.upper_garment & (np.arange(height)[:, None] > row)
    found = np.flatnonzero(low.any(axis=0) & inside)
    if not len(found):
        return np.ones((height, width), np.float32)
    last = height - 1 - low[::-1, found].argmax(axis=0)
    hem = np.interp(columns, found, last.astype(np.float64))
    below = np.clip(np.arange(height)[:, None] - hem[None, :] + 3.0, 0, 1)
    return np.asarray(np.maximum(below, erode(worn.upper_garment, 4)), np.float32)


def _covered(
    worn: PersonSegmentation, body: LowerBody, first: Hung, second: Hung
) -> PersonSegmentation:
    """Count bare legs above the new hems as clothed: trousers leave nothing of them to see."""
    height, width = worn.leg_skin.shape
    columns = np.arange(width)[None, :]
    rows = np.arange(height)[:, None]
    ends = [float(h.target[-1, :, 1].mean()) - 0.05 * body.torso_length for h in (first, second)]
    lines = [h.target[..., 0].mean(axis=1) for h in (first, second)]
    between = np.interp(np.arange(height), first.target[:, 4, 1], (lines[0] + lines[1]) / 2)
    end = np.where(columns < between[:, None], ends[0], ends[1])
    above = worn.leg_skin & (rows < end)
    return replace(worn, bottoms=worn.bottoms | above, leg_skin=worn.leg_skin & ~above)


def lay(halves: list[Hung], layer: Floats, light: Floats, shape: tuple[int, int]) -> Laid:
    """Sample the garment's halves, the first one below."""
    coverage = np.zeros(shape, np.float32)
    colour = np.zeros((*shape, 3), np.float32)
    source = np.zeros((*shape, 2), np.float32)
    for hung in halves:
        laid = spread(hung, shape).windowed
        window = laid.window
        found = sample_image(layer, laid.source)
        edge = np.clip((1.03 - laid.across) * 60 + 0.5, 0, 1) if len(halves) > 1 else 1.0
        alpha = found[..., 3] / 255 * laid.covered * edge
        alpha = gaussian_blur(np.asarray(alpha, np.float32), 0.6)
        down = np.clip((laid.along - hung.crotch) / 0.15, 0, 1)
        place = np.clip(np.abs(laid.across - 0.5) * 2, 0, 1.1)
        if len(halves) == 1:
            shade = 1 - 0.10 * place**5
        else:
            outwards = np.clip(1 - laid.across, 0, 1.1)
            shade = 1 - 0.10 * (down * place**4 + (1 - down) * outwards**6)
        shaded = np.clip(found[..., :3] * to_three_channels(light[window] * shade), 0, 255)
        if coverage.any() and len(halves) > 1:
            front, falling = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
            front[window], falling[window] = alpha, down
            below = contact(front, 5.0, 0.0) * np.float32(0.25) * falling
            colour = colour * to_three_channels(1 - gaussian_blur(below, 2.0))
        mixed = alpha_blend(colour[window], shaded, alpha)
        first = (coverage[window] < 0.5) & (alpha > 0)
        colour[window] = np.where(to_three_channels(first.astype(np.float32)) > 0, shaded, mixed)
        coverage[window] += alpha * (1 - coverage[window])
        seen = alpha > 0.5
        source[window][seen] = laid.source[seen]
    return Laid(coverage, colour, source)


def dressed(
    photo: Floats, worn: PersonSegmentation, body: LowerBody, laid: Laid, line: Waistline
) -> LayerStack:
    """Stack background, bare legs, the garment, and what lies over it."""
    gone = removed(worn)
    canvas, bare = undressed(photo, worn, body, gone)
    canvas = _under_top(canvas, photo, worn, gone, body)
    shadow = contact(laid.coverage, 6.0, 3.0) * np.float32(0.22)
    stack = LayerStack(canvas * to_three_channels(1 - shadow * bare))
    stack.add_garment_layer(laid.colour, laid.coverage, laid.source)
    near = dilate(gone | (laid.coverage > 0) | (rim(worn, body) > 0), 2)
    back = worn.bottoms | worn.leg_skin
    kept = [worn.arms, worn.head_and_torso_skin, over_hem(worn, body)]
    if not line.shown:
        kept.insert(0, worn.upper_garment)
    for region in kept:
        if (region & near).any():
            alpha, colour = estimate_alpha_matte(photo, region, back, _BAND)
            cast = contact(alpha, 5.0, 4.0) * np.float32(0.28) * laid.coverage
            stack.darken(cast)
            stack.add_layer(colour, np.clip((alpha - 0.45) / 0.55, 0, 1) * near)
    away = (~near).astype(np.float32)
    stack.replace(np.where(to_three_channels(away) > 0, photo, stack.image), away)
    return stack


def undressed(
    photo: Floats, worn: PersonSegmentation, body: LowerBody, gone: Bool
) -> tuple[Floats, Floats]:
    """Return the photo without the worn lower garment, and where its bare legs are, 0 to 1."""
    behind = background(photo, worn)
    canvas = alpha_blend(photo, behind, np.maximum(antialias(gone, 1.0), gone.astype(np.float32)))
    colour, cover = bare_legs(photo, worn, body)
    shown = cover * np.maximum(gone.astype(np.float32), rim(worn, body))
    kept = worn.shoes | worn.arms | worn.upper_garment | worn.head_and_torso_skin
    shown = shown * (1 - kept.astype(np.float32))
    return alpha_blend(canvas, colour, shown), np.maximum(
        shown, antialias(worn.leg_skin & ~gone, 1.0)
    )


def _under_top(
    canvas: Floats, photo: Floats, worn: PersonSegmentation, gone: Bool, body: LowerBody
) -> Floats:
    """Continue the top a little below its edge, where the new waistband may lie lower."""
    rows = np.arange(gone.shape[0])[:, None]
    upper = erode(worn.upper_garment, 5)
    if upper.sum() < 500:
        return canvas
    spread = pull_push(photo, upper.astype(np.float32))
    columns = np.arange(gone.shape[1])[None, :]
    inside = (columns > body.flanks_x[0][:, None]) & (columns < body.flanks_x[1][:, None])
    near = (
        dilate(worn.upper_garment, int(0.1 * body.torso_length))
        & gone
        & inside
        & (rows < body.hip_row)
    )
    return alpha_blend(canvas, spread, antialias(near, 1.0) * near)
