"""TRY_ON: the whole graph, from two uploads and the garment's category to the picture.

A step starts as soon as the values it takes exist, so the person's side and the garment's side run
at the same time, and so do cloth mask and pose.
"""

from typing import Final

from gateway.dag import Pipeline, Step
from services.agnostic.contract import REMOVE
from services.cloth_mask.contract import SEGMENT
from services.densepose.contract import ESTIMATE_SURFACE
from services.human_parse.contract import PARSE
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image
from services.openpose.contract import ESTIMATE_POSE
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
            gives={"image": "garment", "placement": "garment_placement"},
        ),
        Step(
            "garment_detail",
            "Keeping the garment's detail",
            FIT,
            takes={"image": "garment_photo"},
            gives={"image": "garment_closer"},
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
            takes={"image": "garment", "category": "category"},
            gives={
                "mask": "garment_mask",
                "category": "garment_category",
                "reading": "garment_reading",
            },
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
        "yaw",
        "keypoints",
        "placement",
        "garment_mask",
        "garment_reading",
        "garment_placement",
        "garment_category",
    ),
)
