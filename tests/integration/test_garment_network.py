"""The network that comes with the code, on drawn garments it was not trained on."""

import numpy as np
import pytest

from bench.measures.garment_landmarks import (
    class_accuracies,
    compare_classes,
    evaluate_garment,
    summarise,
)
from services.cloth_mask.model import load_attributes_network
from services.kit.categories import GARMENT_CATEGORIES
from services.kit.garment_attributes import LANDMARKS
from services.viton.garment.top_landmarks import detect_top_landmarks
from training.garment.drawn.photo import Drawn, draw

pytestmark = pytest.mark.integration

SEED = 77


@pytest.fixture(scope="module")
def drawings() -> list[Drawn]:
    return [draw(SEED, n, category=c, height=320) for c in GARMENT_CATEGORIES for n in range(40)]


def test_classes_of_drawn_garments(drawings: list[Drawn]) -> None:
    reader = load_attributes_network()
    told = [(drawn, reader.read(drawn.image, drawn.mask)) for drawn in drawings]
    figures = class_accuracies([compare_classes(drawn, attributes) for drawn, attributes in told])
    assert figures["category"]["right"] >= 0.95
    assert figures["left sleeve"]["right"] >= 0.92
    assert figures["right sleeve"]["right"] >= 0.92
    assert figures["neckline"]["right"] >= 0.7
    assert figures["opening"]["right"] >= 0.8
    away = []
    for drawn, attributes in told:
        size = max(np.ptp(axis) for axis in np.nonzero(drawn.mask))
        for name, place in drawn.landmarks.items():
            x, y, confidence = attributes.landmarks[LANDMARKS.index(name)]
            if confidence > 0.5:
                away.append(np.hypot(x - place[0], y - place[1]) / size)
    assert len(away) > 0.9 * sum(len(drawn.landmarks) for drawn in drawings)
    assert np.median(away) < 0.02
    assert np.quantile(away, 0.9) < 0.06


def test_the_engine_reads_better_with_the_network() -> None:
    reader = load_attributes_network()
    garments = [draw(SEED + 1, number) for number in range(12)]
    ruled = summarise([evaluate_garment(n, drawn) for n, drawn in enumerate(garments)])
    readings = [reader.read(drawn.image, drawn.mask) for drawn in garments]
    told = summarise(
        [
            evaluate_garment(n, d, attributes=r)
            for n, (d, r) in enumerate(zip(garments, readings, strict=True))
        ]
    )
    assert told["sleeve_class_right"] >= ruled["sleeve_class_right"]
    assert told["neckline_depth_error"] < ruled["neckline_depth_error"]


def test_a_sleeve_on_one_side_counts_though_the_bare_shoulder_carries_none() -> None:
    drawn = draw(3, 170, height=512)
    assert drawn.spec.neck == "one shoulder"
    attributes = load_attributes_network().read(drawn.image, drawn.mask)
    assert (
        detect_top_landmarks(drawn.image, drawn.mask, attributes).sleeve_length.value
        == drawn.spec.sleeves
        == "long"
    )
