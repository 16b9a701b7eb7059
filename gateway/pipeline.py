"""TRY_ON: the whole graph, from two uploads and the garment's category to the picture.

A step starts as soon as the values it takes exist, so the person's side and the garment's side run
at the same time, and so do cloth mask and pose. Where somebody wears the garment in its photo, that
person is parsed too, and the garment taken off.
"""

from typing import Final

import numpy as np

from gateway.dag import Pipeline, Step
from services.agnostic.contract import REMOVE
from services.cloth_mask.contract import (
    ISOLATE,
    SEGMENT,
    IsolateRequest,
    IsolateResponse,
    as_it_is,
    is_worn,
)
from services.densepose.contract import ESTIMATE_SURFACE
from services.human_parse.contract import PARSE, ParseRequest, ParseResponse
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image
from services.openpose.contract import ESTIMATE_POSE, FIND_WEARER
from services.resize.contract import FIT, RESTORE
from services.super_resolution.contract import (
    UPSCALE,
    UpscaleRequest,
    UpscaleResponse,
    needs_upscaling,
)
from services.viton.contract import TRY_ON as SYNTHESISE

DETAIL: Final = 2
"""How many times larger than the canvas the garment is kept for pictures larger than the canvas."""


def large_enough(request: UpscaleRequest) -> UpscaleResponse | None:
    """Pass a photo on as it is where super-resolution would not enlarge it."""
    return None if needs_upscaling(request) else UpscaleResponse(request.image)


def nobody_to_parse(request: ParseRequest) -> ParseResponse | None:
    """Have no labels where no person was found."""
    if request.keypoints.any():
        return None
    return ParseResponse(np.zeros(request.image.shape[:2], np.uint8))


def nobody_wears_it(request: IsolateRequest) -> IsolateResponse | None:
    """Pass a garment on as it is where nobody wears it."""
    return None if is_worn(request) else as_it_is(request)


TRY_ON: Final = Pipeline(
    "try_on",
    inputs={"person_upload": Image, "garment_upload": Image, "category": str},
    steps=(
        Step(
            "person_super_resolution",
            "Enlarging your photo",
            UPSCALE,
            takes={"image": "person_upload"},
            gives={"image": "person_photo"},
            skip=large_enough,
        ),
        Step(
            "garment_super_resolution",
            "Enlarging the garment's photo",
            UPSCALE,
            takes={"image": "garment_upload"},
            gives={"image": "garment_photo"},
            skip=large_enough,
        ),
        Step(
            "person_resize",
            "Fitting your photo",
            FIT,
            takes={"image": "person_photo"},
            gives={"image": "person", "placement": "placement"},
        ),
        Step(
            "garment_resize",
            "Fitting the garment's photo",
            FIT,
            takes={"image": "garment_photo"},
            gives={"image": "garment_fitted", "placement": "garment_placement"},
        ),
        Step(
            "garment_detail",
            "Keeping the garment's detail",
            FIT,
            takes={"image": "garment_photo"},
            gives={"image": "garment_fitted_closer"},
            fixed={"width": DETAIL * CANVAS_WIDTH, "height": DETAIL * CANVAS_HEIGHT},
        ),
        Step(
            "openpose",
            "Finding your pose",
            ESTIMATE_POSE,
            takes={"image": "person"},
            gives={
                "keypoints": "keypoints",
                "skeleton": "skeleton",
                "silhouette": "silhouette",
                "people": "people",
                "yaw": "yaw",
            },
        ),
        Step(
            "cloth_mask",
            "Cutting out the garment",
            SEGMENT,
            takes={"image": "garment_fitted", "category": "category"},
            gives={
                "mask": "found_mask",
                "category": "found_category",
                "reading": "found_reading",
            },
        ),
        Step(
            "wearer",
            "Looking whether somebody wears the garment",
            FIND_WEARER,
            takes={"image": "garment_fitted", "garment": "found_mask"},
            gives={"keypoints": "wearer_keypoints"},
        ),
        Step(
            "wearer_parse",
            "Telling the garment from its wearer",
            PARSE,
            takes={"image": "garment_fitted", "keypoints": "wearer_keypoints"},
            gives={"labels": "wearer_labels"},
            skip=nobody_to_parse,
        ),
        Step(
            "take_off",
            "Taking the garment off its wearer",
            ISOLATE,
            takes={
                "image": "garment_fitted",
                "closer": "garment_fitted_closer",
                "mask": "found_mask",
                "reading": "found_reading",
                "found_category": "found_category",
                "keypoints": "wearer_keypoints",
                "labels": "wearer_labels",
                "category": "category",
            },
            gives={
                "image": "garment",
                "closer": "garment_closer",
                "mask": "garment_mask",
                "reading": "garment_reading",
                "category": "garment_category",
            },
            skip=nobody_wears_it,
        ),
        Step(
            "human_parse",
            "Telling body and clothes apart",
            PARSE,
            takes={"image": "person", "keypoints": "keypoints"},
            gives={"labels": "labels"},
        ),
        Step(
            "densepose",
            "Mapping the body's surface",
            ESTIMATE_SURFACE,
            takes={
                "image": "person",
                "keypoints": "keypoints",
                "silhouette": "silhouette",
                "labels": "labels",
            },
            gives={"parts": "parts", "picture": "parts_picture"},
        ),
        Step(
            "agnostic",
            "Taking off what you wear",
            REMOVE,
            takes={"image": "person", "labels": "labels", "keypoints": "keypoints"},
            gives={"labels": "agnostic_labels", "image": "agnostic"},
        ),
        Step(
            "viton",
            "Putting the garment on",
            SYNTHESISE,
            takes={
                "person": "person",
                "keypoints": "keypoints",
                "skeleton": "skeleton",
                "labels": "labels",
                "agnostic_labels": "agnostic_labels",
                "agnostic": "agnostic",
                "parts": "parts",
                "parts_picture": "parts_picture",
                "garment": "garment",
                "garment_mask": "garment_mask",
                "category": "garment_category",
                "garment_reading": "garment_reading",
            },
            gives={"image": "worn", "edit_mask": "edit_mask", "flow": "flow", "cloth": "cloth"},
        ),
        Step(
            "restore",
            "Putting the result into your photo",
            RESTORE,
            takes={
                "original": "person_photo",
                "image": "worn",
                "edit_mask": "edit_mask",
                "placement": "placement",
                "garment": "garment_closer",
                "flow": "flow",
                "cloth": "cloth",
            },
            gives={"image": "picture"},
        ),
    ),
    # The picture, and what tells how far it is to be trusted.
    outputs=(
        "picture",
        "people",
        "wearer_keypoints",
        "yaw",
        "keypoints",
        "placement",
        "garment_mask",
        "garment_reading",
        "garment_placement",
        "garment_category",
    ),
)
