"""Each warning from drawn joints and masks, on both sides of its threshold."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray

from gateway import quality_warnings
from gateway.quality_warnings import (
    QUALITY_WARNINGS,
    QualityWarning,
    WarningCode,
    WarningInputs,
    WarningThresholds,
)
from gateway.settings import PROJECT_ROOT
from services.kit.garment_attributes import NO_ATTRIBUTES
from services.kit.joints import Joint
from services.kit.types import Keypoints, Mask
from tests.placements import make_placement

pytestmark = pytest.mark.unit

Box: TypeAlias = tuple[int, int, int, int]

WHOLE = make_placement()
NARROW = make_placement(600, 1024, left=84, width=600)
HANGING = {
    Joint.RIGHT_SHOULDER: (284.0, 300.0),
    Joint.LEFT_SHOULDER: (484.0, 300.0),
    Joint.RIGHT_HIP: (320.0, 620.0),
    Joint.LEFT_HIP: (448.0, 620.0),
    Joint.RIGHT_ELBOW: (240.0, 460.0),
    Joint.LEFT_ELBOW: (528.0, 460.0),
    Joint.RIGHT_WRIST: (230.0, 600.0),
    Joint.LEFT_WRIST: (538.0, 600.0),
}
FOLDED = {Joint.RIGHT_WRIST: (440.0, 440.0), Joint.LEFT_WRIST: (328.0, 440.0)}


def joints(moved: dict[Joint, tuple[float, float] | None] | None = None) -> Keypoints:
    """Draw a person from the front with hanging arms; ``moved`` puts joints elsewhere."""
    points = np.zeros((25, 3), np.float32)
    for joint, place in {**HANGING, **(moved or {})}.items():
        if place:
            points[joint] = (*place, 1.0)
    return points


def drawn(*boxes: Box, holes: tuple[Box, ...] = ()) -> Mask:
    """Fill boxes of left, top, right, bottom on the canvas."""
    mask = np.zeros((1024, 768), np.uint8)
    for value, each in ((255, boxes), (0, holes)):
        for left, top, right, bottom in each:
            mask[top:bottom, left:right] = value
    return mask


BODY, RIGHT_SLEEVE, LEFT_SLEEVE = (234, 200, 534, 800), (134, 200, 234, 380), (534, 200, 634, 380)
COLLAR = (334, 200, 434, 240)
SHIRT = drawn(BODY, RIGHT_SLEEVE, LEFT_SLEEVE, holes=(COLLAR,))


NO_WARNING = WarningInputs(
    person_count=1,
    body_yaw_degrees=0.0,
    keypoints=joints(),
    person_placement=WHOLE,
    person_height_px=1024,
    garment_mask=SHIRT,
    garment_placement=WHOLE,
    garment_height_px=1024,
)


def inputs(**changes: Any) -> WarningInputs:
    return replace(NO_WARNING, **changes)


def codes(**changes: Any) -> list[str]:
    return [warning.code for warning in quality_warnings.find_warnings(inputs(**changes))]


def test_an_ordinary_pair_gives_no_warning() -> None:
    assert codes() == []
    assert quality_warnings.confidence_of(()) == 1.0


@pytest.mark.parametrize(
    ("yaw", "expected"),
    [
        (0.0, []),
        (49.0, []),
        (-49.0, []),
        (51.0, ["turned_body"]),
        (-51.0, ["turned_body"]),
        (180.0, ["turned_body"]),
    ],
)
def test_a_turned_body(yaw: float, expected: list[str]) -> None:
    assert codes(body_yaw_degrees=yaw) == expected


def test_a_garment_that_somebody_wears() -> None:
    assert codes(garment_worn=True) == ["worn_garment"]
    assert "worn_garment" in codes(garment_worn=True, garment_mask=np.zeros_like(SHIRT))


@pytest.mark.parametrize(("people", "expected"), [(1, []), (2, ["several_people"])])
def test_several_people(people: int, expected: list[str]) -> None:
    assert codes(person_count=people) == expected


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        (FOLDED, ["crossed_arms"]),
        ({Joint.RIGHT_WRIST: (440.0, 440.0)}, ["arms_in_front"]),
        ({Joint.LEFT_WRIST: (328.0, 440.0)}, ["arms_in_front"]),
        # At the chin it crosses the shoulder.
        ({Joint.RIGHT_WRIST: (384.0, 250.0)}, ["arms_in_front"]),
        # On the hips, in the pockets, and barely over the side.
        ({Joint.RIGHT_WRIST: (310.0, 600.0), Joint.LEFT_WRIST: (458.0, 600.0)}, []),
        ({Joint.RIGHT_WRIST: (335.0, 650.0), Joint.LEFT_WRIST: (433.0, 650.0)}, []),
        ({Joint.RIGHT_WRIST: (330.0, 480.0)}, []),
        # An arm that is not seen is not said to be anywhere.
        ({Joint.RIGHT_WRIST: None, Joint.LEFT_ELBOW: None}, []),
    ],
)
def test_arms_in_front(moved: dict[Joint, tuple[float, float] | None], expected: list[str]) -> None:
    assert codes(keypoints=joints(moved)) == expected


def test_arms_are_found_in_a_slanted_body_too() -> None:
    turn = np.array([[0.9, -0.3], [0.3, 0.9]], np.float32)
    for moved, expected in ((None, []), (FOLDED, ["crossed_arms"])):
        slanted = joints(dict(moved) if moved else None)
        slanted[:, :2] = (slanted[:, :2] - (384, 500)) @ turn + (384, 500)
        assert codes(keypoints=slanted) == expected


@pytest.mark.parametrize(
    "hidden", [Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP]
)
def test_a_person_cut_off(hidden: Joint) -> None:
    assert codes(keypoints=joints({hidden: None})) == ["cropped_person"]


def test_the_padding_beside_a_photo_is_not_the_photo() -> None:
    aside = {Joint.LEFT_SHOULDER: (683.0, 300.0), Joint.LEFT_ELBOW: None}
    assert codes(keypoints=joints(aside), person_placement=NARROW) == []
    beyond = joints({**aside, Joint.LEFT_SHOULDER: (685.0, 300.0)})
    assert codes(keypoints=beyond) == []
    assert codes(keypoints=beyond, person_placement=NARROW) == ["cropped_person"]


def test_low_resolution() -> None:
    # The trunk measures 320 of 1024 pixels, the garment 600.
    assert codes(person_height_px=513) == []
    assert codes(person_height_px=511) == ["low_resolution_person"]
    assert codes(garment_height_px=438) == []
    assert codes(garment_height_px=436) == ["low_resolution_garment"]


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        # A hem that hangs a little, a long tie, one sleeve missing, one shoulder bare.
        (drawn(BODY, RIGHT_SLEEVE, LEFT_SLEEVE, (234, 800, 384, 840)), []),
        (
            drawn(BODY, RIGHT_SLEEVE, LEFT_SLEEVE, (474, 800, 534, 1010), (534, 600, 574, 1010)),
            ["asymmetric_garment"],
        ),
        (drawn(BODY, RIGHT_SLEEVE), ["asymmetric_garment"]),
        (drawn(BODY, holes=((234, 200, 400, 420),)), ["asymmetric_garment"]),
    ],
)
def test_an_asymmetric_garment(mask: Mask, expected: list[str]) -> None:
    assert codes(garment_mask=mask) == expected


def test_a_garment_may_lie_anywhere_in_its_photo() -> None:
    assert codes(garment_mask=np.roll(SHIRT, (-150, 110), axis=(0, 1))) == []


def test_a_garment_cut_off_by_the_edge() -> None:
    up = np.roll(SHIRT, -201, axis=0)
    up[-1:] = 0
    assert codes(garment_mask=np.roll(SHIRT, -196, axis=0)) == []
    assert codes(garment_mask=up) == ["garment_at_edge"]
    # A photo in portrait is padded at the sides: its edge is not the canvas's.
    assert codes(garment_mask=np.roll(SHIRT, 50, axis=1), garment_placement=NARROW) == [
        "garment_at_edge"
    ]


@pytest.mark.parametrize(
    ("other", "expected"),
    [((600, 850, 700, 940), []), ((560, 850, 760, 1010), ["several_garments"])],
)
def test_several_garments(other: Box, expected: list[str]) -> None:
    assert codes(garment_mask=drawn(BODY, RIGHT_SLEEVE, LEFT_SLEEVE, other)) == expected


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (drawn(BODY, RIGHT_SLEEVE, LEFT_SLEEVE), []),
        # The ground around it, the whole photo, next to nothing, and nothing at all.
        (drawn((100, 150, 668, 850)), ["doubtful_mask"]),
        (drawn((4, 4, 764, 1020)), ["doubtful_mask"]),
        (drawn((300, 300, 330, 700), (290, 300, 340, 320)), ["doubtful_mask"]),
        (drawn(), ["doubtful_mask"]),
    ],
)
def test_a_doubtful_mask(mask: Mask, expected: list[str]) -> None:
    assert codes(garment_mask=mask) == expected


def test_warnings_come_in_one_order() -> None:
    found = codes(
        person_count=3,
        body_yaw_degrees=90.0,
        keypoints=joints({Joint.LEFT_HIP: None}),
        garment_height_px=100,
    )
    assert found == ["turned_body", "several_people", "cropped_person", "low_resolution_garment"]
    places = [[str(each.code) for each in QUALITY_WARNINGS].index(code) for code in found]
    assert all(first < second for first, second in pairwise(places))


def test_a_threshold_can_be_set() -> None:
    strict = WarningThresholds(min_turned_yaw_degrees=20.0)
    turned = inputs(body_yaw_degrees=30.0)
    assert quality_warnings.find_warnings(turned) == ()
    [warning] = quality_warnings.find_warnings(turned, strict)
    assert warning.code == "turned_body"


def test_the_confidence_is_the_product_of_the_weights() -> None:
    found = quality_warnings.find_warnings(inputs(person_count=2, body_yaw_degrees=80.0))
    weights = [warning.weight for warning in found]
    assert len(weights) == 2
    assert quality_warnings.confidence_of(found) == round(weights[0] * weights[1], 2)
    assert (
        0
        < quality_warnings.confidence_of(QUALITY_WARNINGS)
        < quality_warnings.confidence_of(found)
        < 1
    )


def test_every_warning_is_a_code_and_a_sentence_with_a_remedy() -> None:
    names = [warning.code for warning in QUALITY_WARNINGS]
    assert names == list(WarningCode)
    assert len(set(names)) == len(names)
    for warning in QUALITY_WARNINGS:
        assert warning.code.replace("_", "").isalpha()
        assert warning.code == warning.code.lower()
        assert 0 < warning.weight < 1
        assert warning.message.endswith((" works better.",))
        assert warning.message.count(";") == 1


@pytest.mark.parametrize("warning", QUALITY_WARNINGS, ids=lambda warning: str(warning.code))
def test_the_documentation_lists_every_warning_and_weight(warning: QualityWarning) -> None:
    lines = (PROJECT_ROOT / "docs" / "photos.md").read_text().splitlines()
    [row] = [line for line in lines if line.startswith(f"| `{warning.code}` |")]
    assert f"| {warning.weight} |" in row


def test_components_are_connected_along_rows_and_columns() -> None:
    spiral: NDArray[np.bool_] = np.zeros((40, 40), np.bool_)
    for inset in range(0, 16, 4):
        spiral[inset, inset : 40 - inset] = True
        spiral[inset : 40 - inset, 39 - inset] = True
        spiral[39 - inset, inset : 40 - inset] = True
        spiral[inset + 4 : 40 - inset, inset] = True
        spiral[inset + 4, inset : inset + 5] = True
    assert quality_warnings.second_component_ratio(spiral) == 0.0
    assert quality_warnings.second_component_ratio(np.zeros((9, 9), np.bool_)) == 0.0
    spiral[:] = False
    spiral[:10] = spiral[20:25] = True
    assert quality_warnings.second_component_ratio(spiral) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"neckline": "one_shoulder", "neckline_confidence": 0.95}, ["asymmetric_garment"]),
        ({"neckline": "one_shoulder", "neckline_confidence": 0.6}, []),
        ({"left_sleeve": "long", "right_sleeve": "none"}, ["asymmetric_garment"]),
        ({"left_sleeve": "long", "right_sleeve": "three_quarter"}, []),
    ],
)
def test_a_bare_shoulder_that_the_network_saw(changes: dict[str, Any], expected: list[str]) -> None:
    sure = {"left_sleeve_confidence": 0.95, "right_sleeve_confidence": 0.95}
    assert codes(garment_attributes=replace(NO_ATTRIBUTES, **(sure | changes))) == expected
