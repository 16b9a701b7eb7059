"""The light on the torso of a garment."""

import numpy as np
import pytest

from services.viton.painting.shading import RoundTorsoOptions, TorsoShadingOptions, shade_torso
from services.viton.person.body import measure_body
from tests.unit.services.viton.drawings import figure

pytestmark = pytest.mark.unit


def test_a_larger_loss_at_the_rim_darkens_the_flank_and_not_the_midline() -> None:
    person = figure()
    body, segmentation = measure_body(person.keypoints, person.labels)
    image = person.image.astype(np.float32)
    usual, darker = (
        shade_torso(
            image,
            segmentation,
            body,
            0.0,
            TorsoShadingOptions(
                roundness=RoundTorsoOptions(rim_loss=RoundTorsoOptions().rim_loss + added)
            ),
        )
        for added in (0.0, 0.3)
    )
    row = 560
    flank, midline = int(body.left.flank_x[row]), int(body.midline_x[row])
    assert darker[row, flank] < usual[row, flank] - 0.15
    assert darker[row, midline] == pytest.approx(usual[row, midline], abs=1e-3)
