"""HR-VITON's picture without the garment against what its own code drew.

``README.md`` tells how the reference was made. Needs no PyTorch.
"""

from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.agnostic import hr_viton
from services.agnostic.contract import RemoveGarmentRequest
from services.agnostic.core import parse_agnostic
from services.agnostic.service import ENGINES
from services.kit.errors import InvalidRequest
from tests.parity import stored
from tests.unit.services.agnostic.test_core import figure, grey, without

pytestmark = pytest.mark.parity

EDGE_PIXELS_ALLOWED: Final = 100
"""Of 786,432. None differ with the locked Pillow; another version may draw an edge differently."""
POSES: Final = ("standing", "bent", "no_wrist", "slim")


def pose(name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float32]]:
    """Draw a person with hands: picture, labels and joints, not on whole pixels."""
    image, labels, keypoints = figure()
    labels = labels.copy()
    labels[720:900, 560:640] = 14
    labels[720:900, 130:200] = 15
    keypoints[keypoints[:, 2] > 0, :2] += 0.37
    if name == "bent":
        keypoints[4, :2] = 401.2, 470.9
        labels[440:500, 200:520] = 15
    elif name == "no_wrist":
        keypoints[7] = 0
    elif name == "slim":
        keypoints[:, 0] = np.where(keypoints[:, 2] > 0, 384 + (keypoints[:, 0] - 384) * 0.4, 0)
    return image, labels, keypoints


@pytest.mark.parametrize("name", POSES)
def test_the_picture_is_the_original_s(name: str) -> None:
    image, labels, keypoints = pose(name)
    agnostic = hr_viton.image_agnostic(image, labels, keypoints)
    painted = grey(agnostic)
    expected = np.unpackbits(stored.load("hr_viton_agnostic")[name], count=painted.size)
    differing = painted.ravel() != (expected > 0)
    assert np.count_nonzero(differing) <= EDGE_PIXELS_ALLOWED
    np.testing.assert_array_equal(agnostic[~painted], image[~painted])


def test_hands_stay_and_arms_go() -> None:
    image, labels, keypoints = pose("standing")
    painted = grey(hr_viton.image_agnostic(image, labels, keypoints))
    assert not painted[820:900, 560:640].any()
    assert painted[320:640][np.isin(labels[320:640], (5, 14, 15))].all()
    assert not painted[np.isin(labels, (9, 13))].any()


@pytest.mark.parametrize("missing", [(1,), (2,), (5,), (9,), (12,), (1, 2), (1, 2, 5, 9, 12)])
def test_the_garment_is_hidden_whatever_is_missing_of_the_torso(missing: tuple[int, ...]) -> None:
    image, labels, keypoints = figure()
    agnostic = hr_viton.image_agnostic(image, labels, without(keypoints, *missing))
    assert grey(agnostic)[np.isin(labels, (5, 10))].all()


@given(
    st.lists(
        st.tuples(*[st.floats(-1e6, 1e6, width=32) | st.just(0.0) | st.just(float("nan"))] * 2),
        min_size=25,
        max_size=25,
    )
)
@settings(max_examples=25, deadline=None)
def test_any_joints_are_answered(points: list[tuple[float, float]]) -> None:
    image, labels, _ = figure(96, 128)
    keypoints = np.ones((25, 3), np.float32)
    keypoints[:, :2] = points
    agnostic = hr_viton.image_agnostic(image, labels, keypoints)
    assert agnostic.shape == image.shape
    assert not grey(agnostic)[np.isin(labels, (9, 13))].any()


def test_what_does_not_belong_together_is_refused() -> None:
    image, labels, keypoints = figure()
    with pytest.raises(InvalidRequest, match="differ in size"):
        hr_viton.image_agnostic(image[1:], labels, keypoints)
    with pytest.raises(InvalidRequest, match="25 joints"):
        hr_viton.image_agnostic(image, labels, keypoints[:18])


def test_the_engine_gives_this_picture_and_viton_hd_s_labels() -> None:
    image, labels, keypoints = figure()
    answer: Any = ENGINES["hr_viton"]().handlers["RemoveGarment"](
        RemoveGarmentRequest(image, labels, keypoints)
    )
    np.testing.assert_array_equal(answer.labels, parse_agnostic(labels, keypoints))
    np.testing.assert_array_equal(answer.image, hr_viton.image_agnostic(image, labels, keypoints))
