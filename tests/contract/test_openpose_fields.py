"""What the warnings are made from arrives as it was sent."""

import numpy as np
import pytest

from services.kit.service import Service
from services.kit.wire import channels
from services.openpose.contract import (
    CONTRACT,
    ESTIMATE_POSE,
    EstimatePoseRequest,
    EstimatePoseResponse,
)
from tests.contract.conftest import Serve

pytestmark = pytest.mark.contract


@pytest.mark.parametrize(("people", "yaw"), [(1, 0.0), (3, -73.123456789), (2, 180.0)])
async def test_people_and_yaw_survive_the_wire(serve: Serve, people: int, yaw: float) -> None:
    image, plane = np.zeros((20, 16, 3), np.uint8), np.zeros((20, 16), np.uint8)

    def estimate(request: EstimatePoseRequest) -> EstimatePoseResponse:
        keypoints = np.zeros((25, 3), np.float32)
        return EstimatePoseResponse(
            keypoints=keypoints,
            skeleton=request.image,
            person_mask=plane,
            person_count=people,
            openpose_json="{}",
            body_yaw_degrees=yaw,
        )

    served = await serve(
        CONTRACT, lambda: Service(engine="test", handlers={"EstimatePose": estimate})
    )
    await served.running.loading
    answer = await channels.call(served.channel, ESTIMATE_POSE, EstimatePoseRequest(image))
    assert (answer.person_count, answer.body_yaw_degrees) == (people, yaw)
