"""HR-VITON at test time, after github.com/sangyun884/HR-VITON.

Lee et al., "High-Resolution Virtual Try-On with Misalignment and Occlusion-Handled Conditions"
(ECCV 2022): one network predicts the garment's flow and the labels of the person wearing it, one
synthesises the image. The parts of the garment that a hand or hair occludes are removed first, as
the authors run it (``--occlusion``).
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from services.kit.types import Image
from services.viton.contract import TryOnRequest
from services.viton.published import common
from services.viton.published.common import NetworkInputs, Planes, RunNetwork
from services.viton.raster.sampling import sample_image

NETWORK_NAMES: Final = ("condition", "spade")
"""Fields of ``Networks``, and the ends of their files' names."""
UPPER_CLASS: Final = 3
"""The class of the upper garment."""
OCCLUDING_CLASSES: Final = (1, 2, *range(5, common.CLASS_COUNT))
"""Classes that occlude the garment: all but background, upper garment and bottoms."""


@dataclass(frozen=True)
class Networks:
    """The two networks."""

    condition: RunNetwork
    """Condition generator: labels and flow."""
    spade: RunNetwork
    """Image generator."""


@dataclass(frozen=True)
class PredictedCondition:
    """Output of the condition generator."""

    scores: Planes
    """13 x H x W class scores, blurred."""
    flow: Planes
    """2 x h x w offsets in pixels of its own size."""


def try_on(networks: Networks, request: TryOnRequest, seed: int) -> Image:
    """Synthesise the person wearing the garment; one request and seed give one image.

    Raises what ``common.validate_request`` raises.
    """
    common.validate_request(request, "hr_viton")
    given = network_inputs(request)
    condition = predict_labels_and_flow(networks.condition, given)
    merged = common.merge_classes(common.argmax_classes(condition.scores))
    garment = warp_garment(given, condition)
    noises = common.draw_noise(np.random.default_rng(seed), *request.person.shape[:2])
    return common.to_image(synthesise(networks.spade, given, merged, garment, noises))


def network_inputs(request: TryOnRequest) -> NetworkInputs:
    """Convert a request that passed ``common.validate_request``; the pose is DensePose's image."""
    return common.network_inputs(request, request.part_image)


def predict_labels_and_flow(condition: RunNetwork, given: NetworkInputs) -> PredictedCondition:
    """Predict the garment's flow and the class of each pixel."""
    garment = (
        common.downsample_linear(given.garment),
        common.downsample_nearest(given.garment_mask),
    )
    person = (common.downsample_nearest(given.classes), common.downsample_linear(given.pose))
    flow, scores, mask = condition(garment=np.concatenate(garment), person=np.concatenate(person))
    scores = scores.copy()
    # No garment outside the warped one.
    scores[UPPER_CLASS] *= mask[0]
    return PredictedCondition(common.upsample_scores(scores, *given.pose.shape[1:]), flow)


def warp_garment(given: NetworkInputs, condition: PredictedCondition) -> Planes:
    """Return the warped garment, 3 x H x W: white outside it and where something occludes it."""
    height, width = given.pose.shape[1:]
    places = flow_to_grid(condition.flow, height, width)
    garment = np.concatenate((given.garment, given.garment_mask)).transpose(1, 2, 0)
    warped = sample_image(np.ascontiguousarray(garment), common.to_pixel_map(places)).transpose(
        2, 0, 1
    )
    hidden = _softmax(condition.scores)[list(OCCLUDING_CLASSES)].sum(axis=0)
    seen = warped[3] * (1 - hidden)
    return np.asarray(warped[:3] * seen + (1 - seen), np.float32)


def flow_to_grid(flow: Planes, height: int, width: int) -> Planes:
    """Convert a flow (2 x h x w, its own pixels) to a sampling grid H x W x 2, -1 to 1.

    The outer pixels lie on the image's edges, as published.
    """
    reach = (np.array(flow.shape[:0:-1], np.float32) - 1) / 2
    moved = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR) for plane in flow]
    still = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    return np.asarray(np.stack(still, axis=2) + np.stack(moved, axis=2) / reach, np.float32)


def _softmax(scores: Planes) -> Planes:
    raised = np.exp(scores - scores.max(axis=0))
    return np.asarray(raised / raised.sum(axis=0), np.float32)


def synthesise(
    spade: RunNetwork,
    given: NetworkInputs,
    merged: Planes,
    garment: Planes,
    noises: dict[str, Planes],
) -> Planes:
    """Synthesise the image, 3 x H x W, -1 to 1."""
    [drawn] = spade(
        conditions=np.concatenate((given.agnostic, given.pose, garment)),
        labels=merged,
        **noises,
    )
    return drawn
