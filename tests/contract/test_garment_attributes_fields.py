"""What was read of a garment arrives as it was sent."""

import dataclasses

import numpy as np
import pytest

from services.cloth_mask.contract import CONTRACT, SEGMENT, SegmentRequest, SegmentResponse
from services.kit.garment_attributes import LANDMARKS, NO_ATTRIBUTES
from services.kit.service import Service
from services.kit.wire import channels
from tests.contract.conftest import Serve

pytestmark = pytest.mark.contract


async def test_attributes_survive_the_wire(serve: Serve) -> None:
    landmarks = np.random.default_rng(3).uniform(-5, 900, (len(LANDMARKS), 3)).astype(np.float32)
    attributes = dataclasses.replace(
        NO_ATTRIBUTES,
        landmarks=landmarks,
        category="dress",
        category_confidence=0.75,
        left_sleeve="short",
        left_sleeve_confidence=0.5,
        right_sleeve="none",
        right_sleeve_confidence=0.25,
        neckline="one_shoulder",
        neckline_confidence=1.0,
        opening="fastened",
        opening_confidence=0.125,
        collar=True,
        left_sleeve_arm_fraction=0.375,
        right_sleeve_arm_fraction=0.0,
    )

    def segment(request: SegmentRequest) -> SegmentResponse:
        mask = np.full(request.image.shape[:2], 255, np.uint8)
        return SegmentResponse(mask, "dress", attributes)

    served = await serve(CONTRACT, lambda: Service(engine="test", handlers={"Segment": segment}))
    await served.running.loading
    request = SegmentRequest(np.zeros((20, 16, 3), np.uint8))
    answer = await channels.call(served.channel, SEGMENT, request)
    assert np.array_equal(answer.attributes.landmarks, landmarks)
    assert not answer.attributes.landmarks.flags.writeable
    for field in dataclasses.fields(attributes):
        if field.name != "landmarks":
            assert getattr(answer.attributes, field.name) == getattr(attributes, field.name)
