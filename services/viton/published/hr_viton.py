"""HR-VITON at test time, after github.com/sangyun884/HR-VITON.

Lee et al., "High-Resolution Virtual Try-On with Misalignment and Occlusion-Handled Conditions"
(ECCV 2022): one network bends the garment and draws the labels of the person wearing it, one draws
the person. What a hand or hair hides of the garment is taken out before, as its authors run it
(``--occlusion``).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from services.kit.types import Image
from services.viton.contract import TryOnRequest
from services.viton.published import common
from services.viton.published.common import Planes, Run
from services.viton.raster.sampling import sample_image

NAMES: Final = ("condition", "spade")
"""Of ``Networks``, as their files end."""
UPPER_KIND: Final = 3
HIDING: Final = (1, 2, *range(5, common.KINDS))
"""Kinds that lie over the garment; background and bottom do not."""


@dataclass(frozen=True)
class Networks:
    """The two, as ``published.Run``: condition generator and image generator."""

    condition: Run
    spade: Run


@dataclass(frozen=True)
class Given:
    """What the networks are fed, C x H x W."""

    garment: Planes
    garment_mask: Planes
    agnostic: Planes
    parts: Planes
    kinds: Planes

    @classmethod
    def of(cls, request: TryOnRequest) -> "Given":
        """Prepare a request that ``published.examine`` let pass."""
        return cls(
            garment=common.signed(request.garment),
            garment_mask=common.inside(request.garment_mask),
            agnostic=common.signed(request.agnostic_image),
            parts=common.signed(request.part_image),
            kinds=common.kinds(request.agnostic_labels),
        )


@dataclass(frozen=True)
class Condition:
    """What the first network told: blurred scores 13 x H x W, and the flow 2 x h x w."""

    scores: Planes
    flow: Planes


def wear(networks: Networks, request: TryOnRequest, seed: int) -> Image:
    """Draw the person wearing the garment; the same request and seed give the same picture.

    Raises what ``published.examine`` raises.
    """
    common.examine(request, "hr_viton")
    given = Given.of(request)
    condition = foresee(networks.condition, given)
    parts = common.parts(common.winners(condition.scores))
    garment = bend(given, condition)
    noises = common.noises(np.random.default_rng(seed), *request.person.shape[:2])
    return common.picture(draw(networks.spade, given, parts, garment, noises))


def foresee(condition: Run, given: Given) -> Condition:
    """Tell where the garment goes and what each pixel will be."""
    garment = (common.smooth(given.garment), common.nearest(given.garment_mask))
    person = (common.nearest(given.kinds), common.smooth(given.parts))
    flow, scores, mask = condition(garment=np.concatenate(garment), person=np.concatenate(person))
    scores = scores.copy()
    # No garment where none was bent to.
    scores[UPPER_KIND] *= mask[0]
    return Condition(common.enlarged(scores, *given.parts.shape[1:]), flow)


def bend(given: Given, condition: Condition) -> Planes:
    """Bend the garment, 3 x H x W, white where it is not or something lies over it."""
    height, width = given.parts.shape[1:]
    places = grid(condition.flow, height, width)
    garment = np.concatenate((given.garment, given.garment_mask)).transpose(1, 2, 0)
    bent = sample_image(np.ascontiguousarray(garment), common.place(places)).transpose(2, 0, 1)
    hidden = _softmax(condition.scores)[list(HIDING)].sum(axis=0)
    seen = bent[3] * (1 - hidden)
    return np.asarray(bent[:3] * seen + (1 - seen), np.float32)


def grid(flow: Planes, height: int, width: int) -> Planes:
    """Give the place that each pixel shows, H x W x 2, -1 to 1, of a flow in its own pixels.

    Its pixels lie from the picture's one end to the other, as published.
    """
    reach = (np.array(flow.shape[:0:-1], np.float32) - 1) / 2
    moved = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in flow]
    still = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return np.asarray(np.stack(still, axis=2) + np.stack(moved, axis=2) / reach, np.float32)


def _softmax(scores: Planes) -> Planes:
    raised = np.exp(scores - scores.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0), np.float32)


def draw(
    spade: Run, given: Given, parts: Planes, garment: Planes, noises: dict[str, Planes]
) -> Planes:
    """Draw the person, 3 x H x W, -1 to 1."""
    [drawn] = spade(
        conditions=np.concatenate((given.agnostic, given.parts, garment)), labels=parts, **noises
    )
    return drawn
