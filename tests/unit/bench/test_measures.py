"""The quality measures on drawn pictures: planted faults are found, and none is invented."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bench.measures import agreement, colour, edges, foreign_pixels, garment_cut, prints, unchanged
from bench.measures.case_figures import means
from bench.measures.regions import TryOnImages
from bench.measures.targets import verdicts
from bench.reports import compare
from bench.reports import report as reports
from bench.reports.report import CasePictures, Run, number
from bench.runs import cases
from bench.runs.cases import CaseError, Truth
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, LabelMap
from tests.conftest import forget_settings

pytestmark = pytest.mark.unit

HEIGHT: Final = 1024
WIDTH: Final = 768
SKIN: Final = (224, 182, 160)
WALL: Final = (236, 234, 230)
OLD: Final = (90, 150, 90)
NEW: Final = (60, 80, 170)

TORSO: Final = ((284, 300), (484, 300), (504, 500), (496, 760), (272, 760), (264, 500))
LEFT: Final = ((478, 300), (520, 330), (560, 520), (590, 800), (550, 806), (500, 530), (486, 430))
LEFT_SLEEVE: Final = ((478, 300), (522, 326), (556, 470), (504, 486), (486, 430))
LEFT_LONG: Final = ((478, 300), (524, 326), (566, 520), (592, 770), (546, 776), (498, 530))
KEYPOINTS: Final = {
    Joint.NOSE: (384, 170),
    Joint.NECK: (384, 310),
    Joint.RIGHT_SHOULDER: (284, 320),
    Joint.RIGHT_ELBOW: (238, 540),
    Joint.RIGHT_WRIST: (200, 740),
    Joint.LEFT_SHOULDER: (484, 320),
    Joint.LEFT_ELBOW: (530, 540),
    Joint.LEFT_WRIST: (568, 740),
    Joint.MID_HIP: (384, 780),
}


def polygon(*points: tuple[int, int], mirror: bool = False) -> NDArray[np.bool_]:
    ring = np.array([(WIDTH - x, y) if mirror else (x, y) for x, y in points], np.int32)
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(canvas, [ring], 1)
    return canvas > 0


def ellipse(x: int, y: int, across: int, down: int) -> NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(canvas, (x, y), (across, down), 0, 0, 360, 1, -1)
    return canvas > 0


def keypoints() -> NDArray[np.float32]:
    joints = np.zeros((25, 3), np.float32)
    for joint, (x, y) in KEYPOINTS.items():
        joints[joint] = (x, y, 1)
    return joints


def grain(picture: Image, seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).normal(0, 1.5, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def person() -> tuple[Image, LabelMap]:
    """Draw somebody in a short-sleeved green top before a light wall."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[ellipse(384, 170, 90, 120)] = Label.HAIR
    labels[polygon((344, 220), (424, 220), (430, 340), (338, 340))] = Label.TORSO_SKIN
    labels[ellipse(384, 180, 62, 84)] = Label.FACE
    labels[polygon((274, 740), (494, 740), (520, 1023), (248, 1023))] = Label.PANTS
    labels[polygon(*LEFT)] = Label.LEFT_ARM
    labels[polygon(*LEFT, mirror=True)] = Label.RIGHT_ARM
    labels[polygon(*TORSO) & ~ellipse(384, 296, 56, 40)] = Label.UPPER
    labels[polygon(*LEFT_SLEEVE) | polygon(*LEFT_SLEEVE, mirror=True)] = Label.UPPER
    colours = np.zeros((20, 3), np.uint8)
    colours[:] = SKIN
    colours[[Label.BACKGROUND, Label.HAIR, Label.UPPER, Label.PANTS]] = (
        WALL,
        (70, 45, 30),
        OLD,
        (40, 42, 60),
    )
    return grain(colours[labels]), labels


def shirt(*, printed: bool = True, sleeves: str = "short", depth: int = 40) -> NDArray[np.uint8]:
    """Draw the new garment where it is worn, H x W x 4: colours and where it is."""
    inside = polygon(*TORSO) & ~ellipse(384, 296, 60, depth)
    arm = {"short": LEFT_SLEEVE, "long": LEFT_LONG, "none": ()}[sleeves]
    if arm:
        inside |= polygon(*arm) | polygon(*arm, mirror=True)
    inside &= ~ellipse(384, 296, 60, depth)
    layer = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    layer[..., :3] = NEW
    if printed:
        draw = np.ascontiguousarray(layer[..., :3])
        rng = np.random.default_rng(3)
        for x, y in rng.integers((310, 420), (460, 560), (60, 2)).tolist():
            size = int(rng.integers(3, 12))
            cv2.rectangle(
                draw, (x, y), (x + size, y + size // 2 + 2), rng.integers(90, 255, 3).tolist(), -1
            )
        layer[..., :3] = draw
    layer[..., 3] = inside
    return layer


def wear(layer: NDArray[np.uint8], seed: int = 1) -> TryOnImages:
    """Put a layer on the person; its photo shows it a little larger, on white."""
    photo, before = person()
    inside = layer[..., 3] > 0
    labels = np.where(before == Label.UPPER, Label.TORSO_SKIN, before).astype(np.uint8)
    arm = polygon(*LEFT) & (labels == Label.TORSO_SKIN)
    labels[arm] = Label.LEFT_ARM
    labels[polygon(*LEFT, mirror=True) & (labels == Label.TORSO_SKIN)] = Label.RIGHT_ARM
    bare = before == Label.UPPER
    picture = np.where(bare[..., None], np.array(SKIN, np.uint8), photo)
    picture = np.where(inside[..., None], grain(layer[..., :3], seed), picture)
    labels[inside] = Label.UPPER
    garment, mask = garment_photo(layer)
    return TryOnImages(
        picture=picture.astype(np.uint8),
        labels=labels,
        person=photo,
        person_labels=before,
        keypoints=keypoints(),
        garment=garment,
        garment_mask=mask,
    )


def garment_photo(
    layer: NDArray[np.uint8], across: float = 1.15, down: float = 1.15
) -> tuple[Image, NDArray[np.uint8]]:
    scaling = np.array([[across, 0, 384 * (1 - across)], [0, down, 520 * (1 - down)]])
    moved = np.asarray(cv2.warpAffine(layer, scaling, (WIDTH, HEIGHT)), np.uint8)
    inside = moved[..., 3:] > 0
    colours = grain(moved[..., :3], 2)
    return np.where(inside, colours, 255).astype(np.uint8), inside[..., 0].astype(np.uint8) * 255


@pytest.fixture(scope="module")
def worn() -> TryOnImages:
    return wear(shirt())


def painted(worn: TryOnImages, where: NDArray[np.bool_], tone: tuple[int, int, int]) -> TryOnImages:
    picture = np.where(where[..., None], grain(np.full_like(worn.picture, tone), 5), worn.picture)
    return replace(worn, picture=picture.astype(np.uint8))


def relabelled(worn: TryOnImages, where: NDArray[np.bool_], label: Label) -> TryOnImages:
    return replace(worn, labels=np.where(where, label, worn.labels).astype(np.uint8))


def test_a_clean_picture_has_no_fault(worn: TryOnImages) -> None:
    foreign, slits = foreign_pixels.foreign(worn), foreign_pixels.slits(worn)
    assert foreign.amount == slits.amount == 0
    assert not foreign.where.any()
    assert not slits.where.any()
    assert set(unchanged.touched(worn).values()) == {0}
    difference, aspect = colour.colour_difference(worn), prints.print_shape(worn).aspect
    rough = edges.roughness(worn)
    assert difference is not None
    assert difference < 1
    assert aspect == pytest.approx(1, abs=0.03)
    assert rough is not None
    assert rough < 0.5


# Inside the garment: what is not of it


@pytest.mark.parametrize("tone", [WALL, OLD], ids=["background", "old garment"])
@pytest.mark.parametrize("parsed", [True, False], ids=["as cloth", "as a hole"])
def test_what_shows_through_is_found(
    worn: TryOnImages, tone: tuple[int, int, int], parsed: bool
) -> None:
    spot = ellipse(330, 650, 14, 20)
    faulty = painted(worn, spot, tone)
    if not parsed:
        faulty = relabelled(faulty, spot, Label.BACKGROUND)
    found = foreign_pixels.foreign(faulty)
    assert found.amount == pytest.approx(100 * spot.sum() / worn.garment_region.sum(), rel=0.25)
    assert (found.where & spot).sum() > 0.8 * spot.sum()


def test_a_leftover_of_the_old_hem_is_found(worn: TryOnImages) -> None:
    rim = worn.garment_region & (np.arange(HEIGHT)[:, None] > 750) & (np.arange(WIDTH)[None] < 380)
    found = foreign_pixels.foreign(painted(worn, rim, OLD))
    assert found.amount is not None
    assert found.amount > 0.3


def test_white_buttons_are_the_garments_own() -> None:
    layer = shirt(printed=False)
    for y in range(380, 600, 50):
        layer[ellipse(384, y, 6, 6), :3] = WALL
    assert foreign_pixels.foreign(wear(layer)).amount == 0


def test_a_hand_in_front_is_no_fault(worn: TryOnImages) -> None:
    hand = ellipse(400, 600, 30, 20)
    before = replace(
        worn,
        person=np.where(hand[..., None], SKIN, worn.person).astype(np.uint8),
        person_labels=np.where(hand, Label.LEFT_ARM, worn.person_labels).astype(np.uint8),
    )
    after = relabelled(
        replace(before, picture=np.where(hand[..., None], SKIN, worn.picture).astype(np.uint8)),
        hand,
        Label.LEFT_ARM,
    )
    assert foreign_pixels.foreign(after).amount == 0
    assert foreign_pixels.slits(after).amount == 0


def test_background_between_arm_and_body_is_no_fault() -> None:
    gap = polygon((510, 540), (520, 540), (546, 740), (506, 740))
    both = wear(shirt(sleeves="long"))
    labels, picture, photo, before = (
        np.array(a) for a in (both.labels, both.picture, both.person, both.person_labels)
    )
    for pixels, label_map in ((picture, labels), (photo, before)):
        pixels[gap] = WALL
        label_map[gap] = Label.BACKGROUND
    both = replace(both, labels=labels, picture=picture, person=photo, person_labels=before)
    assert foreign_pixels.foreign(both).amount == 0
    assert foreign_pixels.slits(both).amount == 0


def test_white_on_white_cannot_be_told() -> None:
    layer = shirt(printed=False)
    layer[..., :3] = (244, 243, 240)
    worn = wear(layer)
    photo = np.where(worn.existing_garment_region[..., None], 238, worn.person).astype(np.uint8)
    assert foreign_pixels.foreign(replace(worn, person=photo)).amount is None


def test_an_old_sleeve_that_was_left_is_found() -> None:
    worn = wear(shirt(sleeves="none"))
    assert foreign_pixels.leftovers(worn).amount == 0
    sleeve = polygon(*LEFT_SLEEVE) & ~worn.garment_region
    picture = np.where(sleeve[..., None], worn.person, worn.picture)
    found = foreign_pixels.leftovers(replace(worn, picture=picture))
    assert (found.where & sleeve).sum() > 0.6 * sleeve.sum()
    assert found.amount == pytest.approx(
        100 * sleeve.sum() / worn.existing_garment_region.sum(), rel=0.4
    )


def test_an_old_garment_of_the_walls_colour_cannot_be_told() -> None:
    worn = wear(shirt(sleeves="none"))
    photo = np.where(worn.existing_garment_region[..., None], np.array(WALL, np.uint8), worn.person)
    assert foreign_pixels.leftovers(replace(worn, person=photo)).amount is None


def test_a_dress_below_a_new_top_is_its_skirt(worn: TryOnImages) -> None:
    skirt = np.isin(worn.person_labels, (Label.UPPER, Label.PANTS))
    photo = np.where((worn.person_labels == Label.PANTS)[..., None], OLD, worn.person)
    below = (worn.labels == Label.PANTS)[..., None]
    dressed = replace(
        worn,
        person=photo.astype(np.uint8),
        picture=np.where(below, photo, worn.picture).astype(np.uint8),
        person_labels=np.where(skirt, Label.DRESS, worn.person_labels).astype(np.uint8),
    )
    assert foreign_pixels.leftovers(dressed).amount == 0


# Slits


def seam(width: int) -> NDArray[np.bool_]:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(canvas, (480, 312), (488, 372), 1, width)
    return canvas > 0


@pytest.mark.parametrize("tone", [SKIN, WALL, OLD], ids=["skin", "background", "old garment"])
@pytest.mark.parametrize("parsed", [True, False], ids=["as cloth", "as a gap"])
def test_a_slit_at_the_armhole_is_found(
    worn: TryOnImages, tone: tuple[int, int, int], parsed: bool
) -> None:
    slit = seam(5)
    faulty = painted(worn, slit, tone)
    if not parsed:
        faulty = relabelled(faulty, slit, Label.LEFT_ARM)
    found = foreign_pixels.slits(faulty)
    assert found.amount is not None
    assert 0.4 * slit.sum() < found.amount < 1.6 * slit.sum()
    assert not (
        found.where & ~cv2.dilate(slit.astype(np.uint8), np.ones((9, 9))).astype(bool)
    ).any()


def test_background_between_long_sleeve_and_torso_is_found() -> None:
    worn = wear(shirt(sleeves="long"))
    slit = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.line(slit, (503, 430), (505, 500), 1, 5)
    faulty = relabelled(painted(worn, slit > 0, WALL), slit > 0, Label.BACKGROUND)
    assert foreign_pixels.slits(worn).amount == 0
    assert (foreign_pixels.slits(faulty).amount or 0) > 0.4 * slit.sum()


# What must stay


def test_one_pixel_outside_the_edit_mask_is_counted(worn: TryOnImages) -> None:
    mask = np.where((worn.picture != worn.person).any(axis=2), 255, 0).astype(np.uint8)
    assert unchanged.outside_edit_mask(worn.picture, worn.person, mask) == 0
    picture = np.array(worn.picture)
    picture[5, 5, 1] ^= 1
    assert unchanged.outside_edit_mask(picture, worn.person, mask) == 1


@pytest.mark.parametrize(
    ("part", "x", "y"),
    [
        ("face", 384, 200),
        ("hair", 384, 70),
        ("hands", 570, 780),
        ("lower", 384, 940),
        ("background", 80, 80),
    ],
)
def test_a_touched_part_is_named(worn: TryOnImages, part: str, x: int, y: int) -> None:
    touched = unchanged.touched(painted(worn, ellipse(x, y, 8, 8), (10, 200, 200)))
    changed = {name for name, share in touched.items() if share}
    assert changed == {"touched", f"touched.{part}"}


# Colour

SHARMA: Final = (
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
    ((50, 2.8361, -74.02), (50, 0, -82.7485), 3.4412),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (61, -5, 29), 22.8977),
    ((50, 2.5, 0), (56, -27, -3), 31.9030),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
    ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
)
"""Pairs published with Sharma, Wu, Dalal: The CIEDE2000 color-difference formula (2005)."""


@pytest.mark.parametrize(("first", "second", "difference"), SHARMA)
def test_the_colour_difference_is_ciede2000(
    first: tuple[float, ...], second: tuple[float, ...], difference: float
) -> None:
    found = colour.ciede2000(np.array(first), np.array(second))
    assert float(found) == pytest.approx(difference, abs=1e-4)


def test_another_hue_or_tone_is_found_and_folds_are_not(worn: TryOnImages) -> None:
    greener = painted(wear(shirt(printed=False)), worn.garment_region, (60, 105, 165))
    assert (colour.colour_difference(greener) or 0) > 6
    folds = 0.94 + 0.06 * np.sin(np.arange(WIDTH) / 15)[None, :, None]
    for light, least, most in ((folds, 0, 1.5), (0.7, 6, 30)):
        lit = np.where(worn.garment_region[..., None], worn.picture * light, worn.picture)
        difference = colour.colour_difference(replace(worn, picture=lit.astype(np.uint8)))
        assert difference is not None
        assert least <= difference < most


def test_stripes_need_no_correspondence() -> None:
    layer = shirt(printed=False)
    layer[np.arange(HEIGHT) // 20 % 2 == 0, :, :3] = (230, 225, 215)
    worn = wear(layer)
    assert (colour.colour_difference(worn) or 9) < 1.5
    moved = replace(
        worn, picture=np.where(worn.garment_region[..., None], np.roll(worn.picture, 20, 0), 0)
    )
    assert (colour.colour_difference(replace(moved, labels=worn.labels)) or 9) < 2.5


# Print


@pytest.mark.parametrize(("across", "down", "aspect"), [(1.15, 0.8, 0.696), (0.7, 1.1, 0.636)])
def test_a_squashed_print_is_measured(across: float, down: float, aspect: float) -> None:
    layer = shirt()
    garment, mask = garment_photo(layer, across, down)
    found = prints.print_shape(replace(wear(layer), garment=garment, garment_mask=mask))
    assert found.aspect == pytest.approx(aspect, abs=0.05)


def test_a_mirrored_print_is_negative() -> None:
    worn = wear(shirt())
    flipped = replace(
        worn, garment=worn.garment[:, ::-1], garment_mask=np.array(worn.garment_mask[:, ::-1])
    )
    assert prints.print_shape(flipped).aspect == pytest.approx(-1, abs=0.03)


def test_a_plain_garment_has_no_print() -> None:
    assert prints.print_shape(wear(shirt(printed=False))).aspect is None


# Cut


@pytest.mark.parametrize("sleeves", ["none", "short", "long"])
def test_the_sleeves_class_is_read(sleeves: str) -> None:
    reach = garment_cut.sleeve_reach(wear(shirt(sleeves=sleeves)))
    assert reach is not None
    assert garment_cut.sleeve_class(reach) == sleeves


def test_sleeves_of_unseen_arms_are_not_guessed(worn: TryOnImages) -> None:
    assert garment_cut.sleeve_reach(replace(worn, keypoints=np.zeros((25, 3), np.float32))) is None


@pytest.mark.parametrize("depth", [30, 60, 110])
def test_the_necklines_depth_is_measured(depth: int) -> None:
    worn = wear(shirt(depth=depth))
    # The lower half of an ellipse 120 pixels across, cut 4 below its middle.
    assert garment_cut.neckline_depth(worn) == pytest.approx((depth - 4) / 120, abs=0.05)


def test_a_neckline_under_hair_is_not_guessed(worn: TryOnImages) -> None:
    hair = ellipse(330, 300, 40, 60)
    assert garment_cut.neckline_depth(relabelled(worn, hair, Label.HAIR)) is None


# Edges


def test_a_ragged_edge_is_found(worn: TryOnImages) -> None:
    rng = np.random.default_rng(0)
    shift = np.repeat(rng.integers(-4, 5, HEIGHT // 4), 4)
    ragged = np.array(worn.picture)
    for row in range(500, 740):
        edge = int(np.flatnonzero(worn.garment_region[row])[0])
        ragged[row, edge - 5 : edge + 6] = WALL
        ragged[row, edge + int(shift[row]) : edge + 6] = NEW
    clean, found = edges.roughness(worn), edges.roughness(replace(worn, picture=ragged))
    assert clean is not None
    assert found is not None
    assert found > clean + 0.2


def test_an_outline_without_an_edge_is_not_judged(worn: TryOnImages) -> None:
    flat = np.full_like(worn.picture, 128)
    assert edges.roughness(replace(worn, picture=flat)) is None


# Agreement


def test_overlaps_of_label_maps() -> None:
    theirs = np.zeros((100, 100), np.uint8)
    theirs[:50, :40] = Label.UPPER
    theirs[50:, :40] = Label.LEFT_ARM
    ours = np.zeros((100, 100), np.uint8)
    ours[:50, :50] = Label.UPPER
    figures = agreement.parse(ours, theirs)
    assert figures["parse_iou.upper"] == pytest.approx(0.8)
    assert figures["parse_iou.left_arm"] == 0
    assert figures["parse_iou.background"] == pytest.approx(5500 / 8000)
    assert figures["parse_iou"] == pytest.approx((0.8 + 0 + 5500 / 8000) / 3)
    assert "parse_iou.hair" not in figures


def test_parts_only_of_the_reference_count() -> None:
    theirs = np.zeros((100, 100), np.uint8)
    theirs[:50] = 2
    ours = np.array(theirs)
    ours[40:50] = 3
    assert agreement.part_map(ours, theirs) == pytest.approx(0.8)


def test_joints_that_both_see_are_compared() -> None:
    theirs = keypoints()
    ours = np.array(theirs)
    ours[Joint.LEFT_WRIST, :2] += (30, 40)
    ours[Joint.NOSE] = 0
    figures = agreement.keypoints(ours, theirs)
    assert figures["keypoint_error"] == pytest.approx(50 / 8)
    assert figures["keypoint_error.arms"] == pytest.approx(50 / 6)
    assert figures["keypoint_error.relative"] == pytest.approx(50 / 8 / 200)
    assert figures["keypoints_missed"] == 1


def test_similarity_is_one_for_the_same_and_less_for_another(worn: TryOnImages) -> None:
    assert agreement.ssim(worn.picture, worn.picture) == pytest.approx(1)
    assert agreement.ssim(worn.picture, worn.person) < 0.99


def test_without_its_weights_there_is_no_perceptual_distance(
    worn: TryOnImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    forget_settings()
    assert agreement.lpips(worn.picture, worn.person) is None


# Report


def test_a_report_holds_figures_means_and_verdicts(tmp_path: Path, worn: TryOnImages) -> None:
    figures: dict[str, agreement.Figures] = {
        "1": {"parse_iou": 0.97, "colour_difference": 1.0, "ancestor.colour_difference": 4.0},
        "2": {"parse_iou": 0.95, "colour_difference": 5.0, "ancestor.colour_difference": None},
    }
    folders = []
    for name, changed in (("before", 2.0), ("now", 5.0)):
        figures["2"]["colour_difference"] = changed
        folder = tmp_path / name
        (folder / "pictures").mkdir(parents=True)
        pictures = CasePictures(
            person=worn.person,
            garment=worn.garment,
            try_on_canvas=worn.picture,
            ancestor=None,
            labels=worn.person,
            faults=worn.person,
        )
        reports.save(worn.picture, folder / "pictures" / "1.png")
        run = Run(commit=name, when="today", threads=1, folder="drawn", photos="uploaded")
        reports.write(folder, run, figures, {"3": "human_parse: nobody"}, {"1": pictures})
        folders.append(folder)
    written = json.loads((folders[1] / "report.json").read_text())
    assert written["cases"]["2"]["colour_difference"] == 5
    assert written["mean"]["colour_difference"] == 3
    assert written["mean"]["ancestor.colour_difference"] == 4
    met = {target["measure"]: target["met"] for target in written["targets"]}
    assert met["parse_iou"] is True
    assert met["colour_difference"] is False
    assert met["ssim"] is None
    assert "human_parse: nobody" in (folders[1] / "report.md").read_text()
    page = (folders[1] / "report.html").read_text()
    assert page.count("<img") == len(["person", "garment", "worn", "labels", "faults"])
    assert "http" not in page
    text = compare.write(folders[1], folders[0])
    assert "| 2 | colour_difference | 2 | 5 | +3 | worse |" in text
    assert (folders[1] / "compare-1.png").is_file()


@pytest.mark.parametrize(
    ("measure", "before", "now", "told"),
    [
        ("parse_iou", 0.9, 0.95, "better"),
        ("colour_difference", 1.0, 2.0, "worse"),
        ("ssim", 0.9, 0.9001, ""),
        ("slits", None, 2.0, ""),
    ],
)
def test_better_and_worse(measure: str, before: Any, now: Any, told: str) -> None:
    assert compare.better(measure, before, now) == told


def test_means_leave_out_what_was_not_measured() -> None:
    assert means({"a": {"x": 1.0, "y": None}, "b": {"x": 3.0}}) == {"x": 2.0, "y": None}


def test_a_class_below_its_target_in_one_case_is_missed() -> None:
    found = {
        v.measure: v
        for v in verdicts({"a": {"parse_iou.hair": 0.99}, "b": {"parse_iou.hair": 0.8}})
    }
    assert (found["parse_iou.hair"].value, found["parse_iou.hair"].met) == (0.8, False)


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.98765, "0.988"), (123.456, "123.5")])
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


# Cases


def case_folder(folder: Path, worn: TryOnImages) -> Path:
    folder.mkdir()
    reports.save(worn.person, folder / "image.png")
    reports.save(worn.garment, folder / "cloth.png")
    return folder


def test_a_case_without_references_is_read(tmp_path: Path, worn: TryOnImages) -> None:
    case_folder(tmp_path / "10", worn)
    case_folder(tmp_path / "9", worn)
    assert [path.name for path in cases.find_cases(tmp_path)] == ["9", "10"]
    case = cases.read_case(tmp_path / "9")
    assert {getattr(case, name) for name in cases.REFERENCES} == {None}
    assert case.truth == Truth()
    assert np.array_equal(case.person, worn.person)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("keypoints.json", '{"people": []}'),
        ("garment.json", '{"sleeves": "puffy"}'),
        ("garment.json", '{"category": "hat"}'),
        ("garment.json", "[]"),
    ],
)
def test_a_broken_reference_is_named(
    tmp_path: Path, worn: TryOnImages, name: str, text: str
) -> None:
    folder = case_folder(tmp_path / "1", worn)
    (folder / name).write_text(text)
    with pytest.raises(CaseError, match=name):
        cases.read_case(folder)


def test_the_old_name_of_a_sleeve_length_is_accepted(tmp_path: Path, worn: TryOnImages) -> None:
    folder = case_folder(tmp_path / "1", worn)
    (folder / "garment.json").write_text('{"sleeves": "mid"}')
    assert cases.read_case(folder).truth.sleeves == "three_quarter"


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"image\.jpg"):
        cases.find_cases(tmp_path)
