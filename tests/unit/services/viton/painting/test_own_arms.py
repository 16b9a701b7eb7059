import numpy as np
import pytest

from services.viton.painting.own_arms import add_own_arms
from services.viton.person.segmentation import segment_person
from services.viton.raster.layers import LayerStack
from tests.unit.services.viton.drawings import SKIN

pytestmark = pytest.mark.unit


def test_a_sliver_of_made_skin_beside_a_seen_arm_leaves_the_arm_alone() -> None:
    arm = np.zeros((160, 200), bool)
    arm[40:, 80:130] = True
    photo = np.full((160, 200, 3), 235, np.float32)
    photo[arm] = SKIN
    beside, above = np.zeros(arm.shape, np.float32), np.zeros(arm.shape, np.float32)
    beside[80:110, 80:134] = 1
    above[:60, 80:130] = 1
    worn = np.zeros(arm.shape, np.float32)
    segmentation = segment_person(np.where(arm, 14, 0).astype(np.uint8), np.zeros(arm.shape, bool))
    for made, kept in ((beside, True), (above, False)):
        stack = LayerStack(np.where(made[..., None] > 0, np.float32(90), photo))
        add_own_arms(stack, photo, arm, segmentation, (worn, made))
        rim = stack.image[84:106, 124:128] if kept else stack.image[42:46, 90:120]
        same = np.abs(rim - np.array(SKIN)).max() < 2
        assert same == kept
