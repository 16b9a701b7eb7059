"""Taking a garment off its wearer: a drawn person whose every pixel is known."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.cloth_mask import isolate
from services.kit.errors import NoGarment
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.types import Image, Keypoints, LabelMap

pytestmark = pytest.mark.unit

HEIGHT, WIDTH = 256, 192
COLOURS = {
    Label.BACKGROUND: (200, 205, 210),
    Label.HAIR: (60, 30, 10),
    Label.FACE: (225, 180, 160),
    Label.TORSO_SKIN: (225, 180, 160),
    Label.LEFT_ARM: (225, 180, 160),
    Label.RIGHT_ARM: (225, 180, 160),
    Label.UPPER: (180, 30, 40),
    Label.PANTS: (30, 40, 120),
    Label.DRESS: (20, 120, 60),
}
SHIRT = np.s_[80:160, 60:132]
TROUSERS = np.s_[160:240, 66:126]
STRAND = np.s_[84:130, 76:84]


def person(*, dress: bool = False) -> LabelMap:
    """Draw somebody in a sleeveless shirt and trousers, or in a dress, arms hanging."""
    labels = np.full((HEIGHT, WIDTH), Label.BACKGROUND, np.uint8)
    labels[30:70, 82:110] = Label.FACE
    labels[70:80, 90:102] = Label.TORSO_SKIN
    labels[TROUSERS] = Label.PANTS
    labels[SHIRT] = Label.UPPER
    labels[84:180, 46:60] = Label.RIGHT_ARM
    labels[84:180, 132:146] = Label.LEFT_ARM
    if dress:
        labels[np.isin(labels, (Label.UPPER, Label.PANTS))] = Label.DRESS
    return labels


def joints() -> Keypoints:
    points = np.zeros((25, 3), np.float32)
    points[Joint.RIGHT_SHOULDER] = (62, 86, 1)
    points[Joint.LEFT_SHOULDER] = (130, 86, 1)
    points[Joint.RIGHT_HIP] = (72, 158, 1)
    points[Joint.LEFT_HIP] = (120, 158, 1)
    return points


def shown(labels: LabelMap, *, scale: int = 1) -> Image:
    """Paint a label map, with a little noise as cloth and skin have it."""
    picture = np.zeros((*labels.shape, 3), np.int16)
    for label, colour in COLOURS.items():
        picture[labels == label] = colour
    picture += np.random.default_rng(1).integers(-3, 4, picture.shape)
    small = np.clip(picture, 0, 255).astype(np.uint8)
    return small.repeat(scale, 0).repeat(scale, 1)


def inside(mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = mask > 127
    return found


def test_a_shirt_comes_without_its_wearer_and_without_the_trousers() -> None:
    labels = person()
    pictures = (shown(labels), shown(labels, scale=2))
    alone = isolate.isolate_garment(pictures, labels, joints(), "auto")
    assert alone.category == "upper"
    assert (inside(alone.mask) != (labels == Label.UPPER)).mean() < 0.002
    for picture, scale in zip(alone.pictures, (1, 2), strict=True):
        assert picture.shape == (scale * HEIGHT, scale * WIDTH, 3)
        cloth = picture[90 * scale : 150 * scale, 70 * scale : 120 * scale]
        assert np.abs(cloth.astype(int) - COLOURS[Label.UPPER]).max() <= 3
        ground = {tuple(colour) for colour in picture[170 * scale :].reshape(-1, 3).tolist()}
        assert len(ground) == 1
        assert ground == {tuple(picture[0, 0].tolist())}


@pytest.mark.parametrize(
    ("asked", "dress", "category", "label"),
    [
        ("auto", True, "dress", Label.DRESS),
        ("upper", False, "upper", Label.UPPER),
        ("lower", False, "lower", Label.PANTS),
        # What there is none of is taken from a dress, and a dress from both.
        ("upper", True, "upper", Label.DRESS),
        ("lower", True, "lower", Label.DRESS),
        ("dress", False, "dress", None),
    ],
)
def test_the_category_chooses(asked: str, dress: bool, category: str, label: Label | None) -> None:
    labels = person(dress=dress)
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), asked)
    expected = np.isin(labels, (Label.UPPER, Label.PANTS) if label is None else (label,))
    assert alone.category == category
    assert (inside(alone.mask) != expected).mean() < 0.004


@pytest.mark.parametrize(
    ("asked", "dress", "wrong", "category", "expected"),
    [
        # A yoke that passes for a top, a hem for a dress, a belt for trousers.
        ("upper", True, (80, 86, Label.UPPER), "upper", (Label.DRESS,)),
        ("dress", False, (232, 240, Label.DRESS), "dress", tuple(isolate.CLOTHES)),
        ("auto", False, (232, 240, Label.DRESS), "upper", (Label.UPPER,)),
        ("auto", True, (150, 156, Label.PANTS), "dress", (Label.DRESS, Label.PANTS)),
        ("auto", True, (160, 240, Label.PANTS), "dress", (Label.DRESS,)),
        ("upper", False, (110, 116, Label.SCARF), "upper", (Label.UPPER, Label.SCARF)),
    ],
)
def test_a_few_wrong_labels_change_nothing(
    asked: str,
    dress: bool,
    wrong: tuple[int, int, Label],
    category: str,
    expected: tuple[Label, ...],
) -> None:
    first, last, label = wrong
    labels = person(dress=dress)
    labels[first:last, 66:126] = label
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), asked)
    assert alone.category == category
    assert (inside(alone.mask) != np.isin(labels, expected)).mean() < 0.006


def test_trousers_go_on_to_the_waist_under_a_top_that_hangs_over_them() -> None:
    labels = person()
    labels[160:176, 60:132] = Label.UPPER
    labels[186:240, 90:102] = Label.BACKGROUND
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "lower")
    seat = np.s_[152:174, 74:118]
    assert inside(alone.mask)[seat].all()
    assert np.abs(alone.pictures[0][seat].astype(int) - COLOURS[Label.PANTS]).max() < 8
    # The waist is narrower than the hips, and nothing is made up above it.
    widths = inside(alone.mask).sum(axis=1)
    assert 0.75 < widths[152] / widths[182] < 0.95
    assert not widths[:148].any()


def test_a_skirt_and_trousers_whose_waistband_is_in_sight_begin_there() -> None:
    labels = person()
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "lower")
    assert (inside(alone.mask) != (labels == Label.PANTS)).mean() < 0.004
    labels[190:240, 90:102] = Label.BACKGROUND
    labels[110:160, 60:132] = Label.TORSO_SKIN
    labels[136:160, 66:126] = Label.PANTS
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "lower")
    assert (inside(alone.mask) != (labels == Label.PANTS)).mean() < 0.004


def test_trousers_are_meant_where_next_to_nothing_of_a_top_is_seen() -> None:
    labels = person()
    labels[:150] = Label.BACKGROUND
    assert isolate.isolate_garment((shown(labels),), labels, joints(), "auto").category == "lower"


def test_hair_before_a_shirt_is_filled_with_the_shirt() -> None:
    labels = person()
    labels[STRAND] = Label.HAIR
    labels[60:84, 76:84] = Label.HAIR
    # In a photo the colours of hair and cloth run into each other.
    photo = np.asarray(cv2.GaussianBlur(shown(labels), (0, 0), 1.0), np.uint8)
    alone = isolate.isolate_garment((photo,), labels, joints(), "auto")
    assert inside(alone.mask)[STRAND].mean() > 0.95
    filled = alone.pictures[0][88:130, 73:87].astype(int)
    assert np.abs(filled - COLOURS[Label.UPPER]).max() < 16


def test_a_hand_before_a_shirt_is_filled_with_the_shirt_and_not_with_what_is_below_it() -> None:
    labels = person()
    labels[144:160, 84:112] = Label.LEFT_ARM
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "auto")
    assert inside(alone.mask)[144:158, 84:112].mean() > 0.95
    filled = alone.pictures[0][146:157, 86:110].astype(int)
    assert np.abs(filled - COLOURS[Label.UPPER]).max() < 12


def test_arms_beside_a_shirt_and_below_its_sleeves_are_not_filled() -> None:
    labels = person()
    labels[80:96, 44:60] = labels[80:96, 132:148] = Label.UPPER
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "auto")
    assert inside(alone.mask)[82:94, 46:58].all()
    for columns in (slice(48, 58), slice(134, 144)):
        assert not inside(alone.mask)[98:180, columns].any()


def test_hair_over_bare_skin_does_not_become_cloth() -> None:
    labels = person()
    labels[80:110, 60:132] = Label.TORSO_SKIN
    labels[60:106, 76:84] = Label.HAIR
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "auto")
    assert not inside(alone.mask)[60:100].any()


def test_what_somebody_holds_in_the_hand_is_not_worn() -> None:
    labels = person()
    labels[180:196, 140:160] = Label.UPPER
    alone = isolate.isolate_garment((shown(labels),), labels, joints(), "auto")
    assert not inside(alone.mask)[170:, 134:].any()


@pytest.mark.parametrize("cloth", [(250, 250, 250), (20, 20, 22), (180, 30, 40)])
def test_the_ground_is_unlike_the_garment(cloth: tuple[int, int, int]) -> None:
    labels = person()
    picture = shown(labels)
    picture[labels == Label.UPPER] = cloth
    ground = isolate.isolate_garment((picture,), labels, joints(), "auto").pictures[0][0, 0]
    assert np.abs(ground.astype(int) - cloth).max() > 80


def test_without_joints_nothing_but_what_the_shirt_surrounds_is_filled() -> None:
    labels = person()
    labels[110:120, 90:100] = Label.RIGHT_ARM
    alone = isolate.isolate_garment((shown(labels),), labels, joints() * 0, "auto")
    assert inside(alone.mask)[110:120, 90:100].all()


@pytest.mark.parametrize(("asked", "word"), [("lower", "trousers"), ("auto", "top")])
def test_a_person_without_that_garment_is_refused_with_a_remedy(asked: str, word: str) -> None:
    labels = person()
    if asked == "auto":
        labels[labels == Label.UPPER] = Label.TORSO_SKIN
    labels[labels == Label.PANTS] = Label.RIGHT_LEG
    with pytest.raises(NoGarment, match=word) as refusal:
        isolate.isolate_garment((shown(labels),), labels, joints(), asked)
    assert "; send " in refusal.value.message
