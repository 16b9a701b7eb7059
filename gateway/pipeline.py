"""TRY_ON_PIPELINE: the graph of a try-on, from two uploads and the options to the picture.

A step starts as soon as its inputs exist. So the steps of the person and those of the garment run
at the same time. If somebody wears the garment in its photo, that wearer is parsed too, and the
garment is isolated.

``docs/glossary.md`` lists the values.
"""

from typing import Final

import numpy as np

from gateway.dag import Input, Pipeline, Step
from gateway.options import PIPELINE_INPUTS
from services.agnostic.contract import REMOVE_GARMENT
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
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image, Placement
from services.openpose.contract import ESTIMATE_POSE, FIND_WEARER
from services.resize.contract import FIT, RESTORE, FitRequest, FitResponse
from services.super_resolution.contract import (
    UPSCALE,
    UpscaleRequest,
    UpscaleResponse,
    needs_upscaling,
)
from services.viton.contract import TRY_ON

HIGH_RES_SCALE: Final = 2
"""Side of the high-resolution canvas, as a multiple of the canvas's."""


def skip_upscaling_if_large(request: UpscaleRequest) -> UpscaleResponse | None:
    """Return the photo as it is if super-resolution would not enlarge it."""
    return None if needs_upscaling(request) else UpscaleResponse(request.image)


def skip_fitting_if_canvas_sized(request: FitRequest) -> FitResponse | None:
    """Return a photo of the canvas's size as it is: a larger canvas would show no more of it."""
    if request.image.shape[:2] != (CANVAS_HEIGHT, CANVAS_WIDTH):
        return None
    placement = Placement(
        source_width=CANVAS_WIDTH,
        source_height=CANVAS_HEIGHT,
        canvas_width=CANVAS_WIDTH,
        canvas_height=CANVAS_HEIGHT,
        left=0,
        top=0,
        width=CANVAS_WIDTH,
        height=CANVAS_HEIGHT,
    )
    return FitResponse(request.image, placement)


def skip_parsing_without_wearer(request: ParseRequest) -> ParseResponse | None:
    """Return an empty label map if no wearer was found."""
    if request.keypoints.any():
        return None
    return ParseResponse(np.zeros(request.image.shape[:2], np.uint8))


def skip_isolating_if_unworn(request: IsolateRequest) -> IsolateResponse | None:
    """Return the garment as it is if nobody wears it."""
    return None if is_worn(request) else as_it_is(request)


TRY_ON_PIPELINE: Final = Pipeline(
    "try_on",
    inputs={
        "person_upload": Input(Image),
        "garment_upload": Input(Image),
        **PIPELINE_INPUTS,
    },
    steps=(
        Step(
            name="person_super_resolution",
            progress_text="Enlarging your photo",
            method=UPSCALE,
            inputs={"image": "person_upload"},
            outputs={"image": "person_photo"},
            short_circuit=skip_upscaling_if_large,
        ),
        Step(
            name="garment_super_resolution",
            progress_text="Enlarging the garment's photo",
            method=UPSCALE,
            inputs={"image": "garment_upload"},
            outputs={"image": "garment_photo"},
            short_circuit=skip_upscaling_if_large,
        ),
        Step(
            name="person_resize",
            progress_text="Fitting your photo",
            method=FIT,
            inputs={"image": "person_photo"},
            outputs={"image": "person", "placement": "person_placement"},
        ),
        Step(
            name="garment_resize",
            progress_text="Fitting the garment's photo",
            method=FIT,
            inputs={"image": "garment_photo"},
            outputs={"image": "garment_fitted", "placement": "garment_placement"},
        ),
        Step(
            name="garment_high_res_resize",
            progress_text="Keeping the garment's detail",
            method=FIT,
            inputs={"image": "garment_photo"},
            outputs={"image": "garment_fitted_high_res"},
            constants={
                "width": HIGH_RES_SCALE * CANVAS_WIDTH,
                "height": HIGH_RES_SCALE * CANVAS_HEIGHT,
            },
            short_circuit=skip_fitting_if_canvas_sized,
        ),
        Step(
            name="openpose",
            progress_text="Finding your pose",
            method=ESTIMATE_POSE,
            inputs={"image": "person"},
            outputs={
                "keypoints": "keypoints",
                "skeleton": "skeleton",
                "person_mask": "person_mask",
                "person_count": "person_count",
                "body_yaw_degrees": "body_yaw_degrees",
            },
        ),
        Step(
            name="cloth_mask",
            progress_text="Cutting out the garment",
            method=SEGMENT,
            inputs={"image": "garment_fitted", "category": "category"},
            outputs={
                "mask": "found_mask",
                "category": "found_category",
                "attributes": "found_attributes",
            },
        ),
        Step(
            name="find_wearer",
            progress_text="Checking whether somebody wears the garment",
            method=FIND_WEARER,
            inputs={"image": "garment_fitted", "garment_mask": "found_mask"},
            outputs={"keypoints": "wearer_keypoints"},
        ),
        Step(
            name="wearer_human_parse",
            progress_text="Separating the wearer's body and clothes",
            method=PARSE,
            inputs={"image": "garment_fitted", "keypoints": "wearer_keypoints"},
            outputs={"labels": "wearer_labels"},
            short_circuit=skip_parsing_without_wearer,
        ),
        Step(
            name="isolate_garment",
            progress_text="Isolating the garment",
            method=ISOLATE,
            inputs={
                "image": "garment_fitted",
                "image_high_res": "garment_fitted_high_res",
                "mask": "found_mask",
                "attributes": "found_attributes",
                "found_category": "found_category",
                "keypoints": "wearer_keypoints",
                "labels": "wearer_labels",
                "category": "category",
            },
            outputs={
                "image": "garment",
                "image_high_res": "garment_high_res",
                "mask": "garment_mask",
                "attributes": "garment_attributes",
                "category": "garment_category",
            },
            short_circuit=skip_isolating_if_unworn,
        ),
        Step(
            name="human_parse",
            progress_text="Separating body and clothes",
            method=PARSE,
            inputs={"image": "person", "keypoints": "keypoints"},
            outputs={"labels": "labels"},
        ),
        Step(
            name="densepose",
            progress_text="Mapping the body's surface",
            method=ESTIMATE_SURFACE,
            inputs={
                "image": "person",
                "keypoints": "keypoints",
                "person_mask": "person_mask",
                "labels": "labels",
            },
            outputs={"part_labels": "part_labels", "part_image": "part_image"},
        ),
        Step(
            name="agnostic",
            progress_text="Removing what you wear",
            method=REMOVE_GARMENT,
            inputs={"image": "person", "labels": "labels", "keypoints": "keypoints"},
            outputs={"labels": "agnostic_labels", "image": "agnostic_image"},
        ),
        Step(
            name="try_on",
            progress_text="Putting the garment on",
            method=TRY_ON,
            inputs={
                "person": "person",
                "keypoints": "keypoints",
                "skeleton": "skeleton",
                "labels": "labels",
                "agnostic_labels": "agnostic_labels",
                "agnostic_image": "agnostic_image",
                "part_labels": "part_labels",
                "part_image": "part_image",
                "garment": "garment",
                "garment_mask": "garment_mask",
                "category": "garment_category",
                "garment_attributes": "garment_attributes",
            },
            outputs={
                "image": "try_on_canvas",
                "edit_mask": "edit_mask",
                "flow": "flow",
                "garment_alpha": "garment_alpha",
            },
        ),
        Step(
            name="restore_frame",
            progress_text="Putting the result into your photo",
            method=RESTORE,
            inputs={
                "original": "person_photo",
                "image": "try_on_canvas",
                "edit_mask": "edit_mask",
                "placement": "person_placement",
                "garment": "garment_high_res",
                "flow": "flow",
                "garment_alpha": "garment_alpha",
            },
            outputs={"image": "result_image"},
        ),
    ),
    # The picture, and the inputs of the quality warnings.
    outputs=(
        "result_image",
        "person_count",
        "wearer_keypoints",
        "body_yaw_degrees",
        "keypoints",
        "person_placement",
        "garment_mask",
        "garment_attributes",
        "garment_placement",
        "garment_category",
    ),
)
"""The graph of a try-on."""

PROGRESS_TEXTS: Final = {step.name: step.progress_text for step in TRY_ON_PIPELINE.steps}
"""What a user reads of each stage."""
