import numpy as np
import pytest

from services.openpose import core
from services.openpose.core import Detection, Person, RawPose, Region

pytestmark = pytest.mark.unit

WHOLE = Region(384.0, 512.0, 1024.0, 0.0)


def test_anchors_are_the_cells_of_three_grids() -> None:
    anchors = core.anchors()
    assert anchors.shape == (2254, 2)
    assert anchors[0] == pytest.approx([0.5 / 28, 0.5 / 28])
    assert anchors[2] == pytest.approx([1.5 / 28, 0.5 / 28])  # two a cell, rows first
    assert anchors[2 * 28 * 28] == pytest.approx([0.5 / 14, 0.5 / 14])
    assert anchors[-6:] == pytest.approx(np.full((6, 2), 6.5 / 7))
    assert not anchors.flags.writeable


def test_sigmoid_bears_any_logit() -> None:
    values = core.sigmoid(np.array([-1e30, 0.0, 1e30], np.float32))
    assert values == pytest.approx([0.0, 0.5, 1.0])


def test_letterbox_centres_the_picture_in_its_square() -> None:
    assert core.letterbox_region(1024, 768) == WHOLE


def test_decode_adds_the_anchor_and_returns_to_the_picture() -> None:
    raw = np.zeros((2254, 12), np.float32)
    logits = np.full(2254, -100.0, np.float32)
    cell = 1568 + 2 * (14 * 7 + 7)  # the 14 x 14 grid, row 7, column 7: centre (120, 120)
    raw[cell] = [-8, -8, 112, 56, 0, 0, 0, -56, 8, 8, 0, -28]
    logits[cell] = 2.0
    (found,) = core.decode_detections(raw, logits, WHOLE, 0.5)
    scale = 1024 / 224
    assert found.score == pytest.approx(1 / (1 + np.exp(-2)))
    assert found.box == pytest.approx(
        [
            (112 - 56) * scale - 128,
            (112 - 28) * scale,
            (112 + 56) * scale - 128,
            (112 + 28) * scale,
        ],
        abs=1e-2,
    )
    assert found.points[0] == pytest.approx([120 * scale - 128, 120 * scale], abs=1e-2)
    assert found.points[1] == pytest.approx([120 * scale - 128, 64 * scale], abs=1e-2)


def test_decode_gives_the_best_first_and_drops_the_uncertain() -> None:
    logits = np.full(2254, -100.0, np.float32)
    logits[[5, 900, 2000]] = [0.5, 3.0, -0.5]
    found = core.decode_detections(np.zeros((2254, 12), np.float32), logits, WHOLE, 0.5)
    assert [round(one.score, 3) for one in found] == [0.953, 0.622]


def detection(score: float, left: float) -> Detection:
    box = np.array([left, 0, left + 100, 200], np.float32)
    points = np.full((4, 2), left, np.float32)
    return Detection(score, box, points)


def test_suppress_averages_one_person_by_score() -> None:
    (one,) = core.merge_detections([detection(0.2, 20), detection(0.8, 0)])
    assert one.score == 0.8
    assert one.box == pytest.approx([4, 0, 104, 200])
    assert one.points == pytest.approx(np.full((4, 2), 4))


def test_suppress_keeps_people_apart() -> None:
    found = core.merge_detections([detection(0.6, 300), detection(0.9, 0)])
    assert [one.box[0] for one in found] == [0, 300]
    assert core.merge_detections([]) == []


@pytest.mark.parametrize(
    ("rim", "angle"),
    [((100, 50), 0.0), ((150, 100), np.pi / 2), ((50, 100), -np.pi / 2), ((100, 150), np.pi)],
)
def test_a_body_region_turns_the_head_up(rim: tuple[int, int], angle: float) -> None:
    region = core.body_region(np.array([100, 100], np.float32), np.array(rim, np.float32))
    assert (region.x, region.y, region.side) == (100, 100, 125)
    assert region.angle == pytest.approx(angle)
    head = core.crop_matrix(region, 256) @ np.array([*rim, 1])
    assert head == pytest.approx([128, 128 - 256 * 50 / 125], abs=1e-3)


def test_a_body_region_of_no_size_is_still_a_region() -> None:
    point = np.array([3, 4], np.float32)
    assert core.body_region(point, point).side == 1.0


@pytest.mark.parametrize("angle", [0.0, 0.4, -2.0])
def test_points_come_back_from_a_crop(angle: float) -> None:
    region = Region(310.0, 420.0, 733.0, angle)
    points = np.random.default_rng(0).uniform(0, 768, (20, 2)).astype(np.float32)
    matrix = core.crop_matrix(region, 256)
    inside = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    assert core.to_picture(inside, region, 256) == pytest.approx(points, abs=0.05)


def test_a_crop_repeats_the_edge_or_is_black_beyond_it() -> None:
    image = np.full((40, 40, 3), 255, np.uint8)
    region = Region(20.0, 20.0, 80.0, 0.0)
    black = core.crop(image, region, 80, extend=False)
    repeated = core.crop(image, region, 80, extend=True)
    assert black.dtype == np.float32
    assert black[2, 2] == pytest.approx([0, 0, 0])
    assert black[40, 40] == pytest.approx([1, 1, 1])
    assert repeated.min() == pytest.approx(1.0)


def test_refine_moves_a_landmark_to_the_mass_near_it() -> None:
    landmarks = np.full((39, 2), 0.5, np.float32)
    landmarks[1] = [1.5, 0.2]
    heatmap = np.full((64, 64, 39), -20.0, np.float32)
    heatmap[31, 34, 0] = 8.0  # two cells to the right, one up
    heatmap[31, 34, 2] = -1.0  # not sure enough
    heatmap[31, 60, 3] = 8.0  # too far away
    refined = core.refine_by_heatmap(landmarks, heatmap)
    assert refined[0] == pytest.approx([34 / 64, 31 / 64], abs=1e-3)
    assert refined[1] == pytest.approx([1.5, 0.2])
    assert refined[2] == pytest.approx([0.5, 0.5])
    assert refined[3] == pytest.approx([0.5, 0.5])
    assert landmarks[0] == pytest.approx([0.5, 0.5])


def test_place_returns_to_the_picture_and_follows_the_alignment_points() -> None:
    raw = np.zeros((39, 5), np.float32)
    raw[:, :2] = 128
    raw[0] = [64, 192, 0, 30, -30]
    raw[34, :2] = [128, 64]
    region = Region(500.0, 600.0, 512.0, 0.0)
    blank = np.full((64, 64, 39), -50.0, np.float32)
    person, closer = core.place_landmarks(
        RawPose(raw, 0.9, np.zeros((256, 256), np.float32), blank), region
    )
    assert person.landmarks.shape == (33, 4)
    assert person.landmarks[0] == pytest.approx([372, 728, 1, 0], abs=1e-3)
    assert (closer.x, closer.y) == (500.0, 600.0)
    assert closer.side == pytest.approx(2 * 128 * 1.25)
    assert closer.angle == pytest.approx(0.0)


def person_with_mask(mask: np.ndarray) -> Person:
    return Person(
        landmarks=np.zeros((33, 4), np.float32),
        region=Region(50.0, 60.0, 100.0, 0.0),
        presence=1.0,
        mask=mask,
    )


def test_a_silhouette_lies_where_the_mask_does_and_nowhere_else() -> None:
    mask = np.full((256, 256), -20.0, np.float32)
    mask[:, :128] = 20.0  # the left half of the square: x from 0 to 50, y from 10 to 110
    outline = core.person_mask(person_with_mask(mask), np.zeros((140, 120, 3), np.uint8))
    assert outline.shape == (140, 120)
    assert outline.dtype == np.uint8
    assert outline[60, 20] == 255
    assert outline[60, 80] == 0
    assert outline[135, 20] == 0


def test_a_silhouette_snaps_to_the_edge_in_the_picture() -> None:
    mask = np.full((256, 256), -20.0, np.float32)
    mask[:, :130] = 20.0
    image = np.full((140, 120, 3), 230, np.uint8)
    image[:, :51] = 20
    region = Region(50.0, 60.0, 1000.0, 0.0)  # one cell of the mask covers four pixels
    person = Person(landmarks=np.zeros((33, 4), np.float32), region=region, presence=1.0, mask=mask)
    outline = core.person_mask(person, image)
    edge = int(np.argmax(outline[70] < 128))
    assert edge == 51
    unguided = core.person_mask(person, np.full_like(image, 128))
    assert int(np.argmax(unguided[70] < 128)) > 53


def test_a_silhouette_of_a_large_picture_has_its_size_and_place() -> None:
    mask = np.full((256, 256), -20.0, np.float32)
    mask[:, :128] = 20.0
    person = Person(
        landmarks=np.zeros((33, 4), np.float32),
        region=Region(1000.0, 900.0, 1600.0, 0.0),
        presence=1.0,
        mask=mask,
    )
    outline = core.person_mask(person, np.zeros((1800, 2000, 3), np.uint8))
    assert outline.shape == (1800, 2000)
    assert outline[900, 600] == 255
    assert outline[900, 1100] == 0
    assert outline[900, 100] == 0
