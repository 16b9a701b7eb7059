import numpy as np
import pytest

from services.openpose import drawing
from services.openpose.core import F32

pytestmark = pytest.mark.unit


def joints() -> F32:
    points = np.zeros((25, 3), np.float32)
    points[1] = [200, 100, 0.9]
    points[2] = [100, 100, 0.8]
    points[3] = [80, 300, 0.8]
    points[5] = [300, 100, 0.8]
    points[8] = [200, 400, 0.7]
    return points


def test_limbs_and_joints_have_openposes_colours() -> None:
    picture = drawing.draw_skeleton(joints(), 500, 400)
    assert picture.shape == (500, 400, 3)
    assert tuple(picture[100, 150]) == (255, 85, 0)  # neck to right shoulder
    assert tuple(picture[100, 250]) == (170, 255, 0)  # neck to left shoulder
    assert tuple(picture[250, 200]) == (255, 0, 0)  # neck to mid hip
    assert tuple(picture[200, 90]) == (255, 170, 0)  # right shoulder to right elbow
    assert tuple(picture[300, 80]) == (255, 170, 0)


def test_unseen_joints_take_their_limbs_along() -> None:
    points = joints()
    points[3] = 0
    picture = drawing.draw_skeleton(points, 500, 400)
    assert not picture[200, 90].any()
    assert not picture[:60].any()
    assert not picture[0, 0].any()


def test_nobody_is_black() -> None:
    assert not drawing.draw_skeleton(np.zeros((25, 3), np.float32), 30, 20).any()


def test_lines_grow_with_the_person() -> None:
    def width(scale: float) -> int:
        points = joints()
        points[:, :2] *= scale
        picture = drawing.draw_skeleton(points, 1000, 800)
        return int(picture[round(250 * scale)].any(axis=-1).sum())

    assert width(2.0) > width(1.0)


def test_a_single_joint_is_not_a_skeleton() -> None:
    points = np.zeros((25, 3), np.float32)
    points[4] = [10, 10, 1]
    assert not drawing.draw_skeleton(points, 50, 50).any()
