from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.human_parse import core, crops, model
from services.kit import labels
from services.kit.errors import NoPerson
from services.kit.labels import Label
from services.kit.raster.pixel_box import PixelBox
from services.kit.types import Image, Keypoints, LabelMap

pytestmark = pytest.mark.unit

Floats = NDArray[np.float32]

BACKGROUND, HAIR, SKIN, FACE, CLOTHES, OTHERS = range(6)
"""Channels of the person segmenter."""

UPPER, LOWER, FULL = 1, 2, 3
"""Channels of the clothes network."""

JOINTS = {
    0: (192, 70), 1: (192, 130), 2: (142, 130), 3: (122, 215), 4: (112, 290), 5: (242, 130),
    6: (262, 215), 7: (272, 290), 8: (192, 285), 9: (165, 285), 10: (165, 400), 12: (219, 285),
    13: (219, 400), 15: (180, 62), 16: (204, 62),
}  # fmt: skip
"""A person facing the camera on a canvas 384 wide and 512 high, cut off below the knees."""


@dataclass
class Scene:
    """What the networks would say of a drawn person, and the drawing."""

    image: Image
    keypoints: Keypoints
    people: Floats
    garments: Floats

    def parse(self) -> LabelMap:
        half = crops.blend_crops([(PixelBox(0, 0, *self.image.shape[1::-1]), self.people)])
        return core.parse(self.image, self.keypoints, half, self.garments)


def keypoints(missing: tuple[int, ...] = ()) -> Keypoints:
    points = np.zeros((25, 3), np.float32)
    for joint, (x, y) in JOINTS.items():
        if joint not in missing:
            points[joint] = x, y, 0.9
    return points


def draw(
    top: tuple[int, int, int] = (200, 40, 40),
    bottom: tuple[int, int, int] = (30, 40, 90),
    sees: Mapping[str, int | None] | None = None,
    *,
    skirt: bool = False,
    missing: tuple[int, ...] = (),
    scale: float = 1.0,
) -> Scene:
    """Draw the person; ``sees`` says which channel the clothes network gives top and bottom."""
    sees = {"top": UPPER, "bottom": LOWER} | dict(sees or {})
    image = np.full((512, 384, 3), 235, np.uint8)
    people = np.zeros((512, 384), np.uint8)
    garments = np.zeros((512, 384), np.uint8)
    skin = (215, 170, 140)

    def shape(points: list[tuple[int, int]], colour: tuple[int, int, int], kind: int) -> None:
        polygon = np.array(points, np.int32)
        cv2.fillPoly(image, [polygon], colour)
        cv2.fillPoly(people, [polygon], kind)

    for side in (-1, 1):
        arm = [(192 + side * x, y) for x, y in ((42, 160), (62, 160), (90, 310), (72, 310))]
        shape(arm, skin, SKIN)
        leg = [(192 + side * x, y) for x, y in ((3, 300), (48, 300), (45, 511), (6, 511))]
        shape(leg, skin, SKIN)
    shape([(176, 90), (208, 90), (215, 150), (169, 150)], skin, SKIN)
    if skirt:
        pieces = [[(146, 260), (238, 260), (252, 430), (132, 430)]]
    else:
        pieces = [
            [(146, 260), (238, 260), (240, 511), (198, 511), (192, 320), (186, 511), (144, 511)]
        ]
    worn = [(pieces[0], bottom, sees["bottom"])]
    torso = [(142, 125), (172, 128), (192, 150), (212, 128), (242, 125), (262, 180), (240, 185)]
    torso += [(238, 270), (146, 270), (144, 185), (122, 180)]
    worn.append((torso, top, sees["top"]))
    for points, colour, channel in worn:
        shape(points, colour, CLOTHES)
        cv2.fillPoly(garments, [np.array(points, np.int32)], channel or 0)
    cv2.ellipse(image, (192, 62), (34, 44), 0, 0, 360, (60, 40, 30), -1)
    cv2.ellipse(people, (192, 62), (34, 44), 0, 0, 360, HAIR, -1)
    cv2.ellipse(image, (192, 72), (26, 34), 0, 0, 360, (225, 180, 150), -1)
    cv2.ellipse(people, (192, 72), (26, 34), 0, 0, 360, FACE, -1)
    joints = keypoints(missing)
    if scale != 1:
        size = (round(384 * scale), round(512 * scale))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        joints[:, :2] *= scale
    stack = np.eye(6, dtype=np.float32)[cv2.resize(people, (256, 256), interpolation=0)]
    coarse = np.eye(4, dtype=np.float32)[cv2.resize(garments, (192, 192), interpolation=0)]
    return Scene(image, joints, stack, coarse)


def at(found: LabelMap, x: int, y: int) -> Label:
    return Label(int(found[y, x]))


def test_everything_lands_where_it_is() -> None:
    found = draw().parse()
    assert found.shape == (512, 384)
    assert found.dtype == np.uint8
    expected = {
        (20, 20): Label.BACKGROUND,
        (192, 24): Label.HAIR,
        (192, 75): Label.FACE,
        (192, 125): Label.TORSO_SKIN,
        (192, 200): Label.UPPER,
        (165, 400): Label.PANTS,
        (219, 400): Label.PANTS,
        (192, 450): Label.BACKGROUND,
    }
    assert {point: at(found, *point) for point in expected} == expected


def test_nobody_has_a_hole_in_the_trunk() -> None:
    scene = draw(top=(235, 235, 235))
    scene.people[85:120, 100:140] = np.eye(6, dtype=np.float32)[BACKGROUND]
    scene.garments[64:90, 75:105] = np.eye(4, dtype=np.float32)[BACKGROUND]
    trunk = scene.parse()[150:280, 170:215]
    assert np.count_nonzero(trunk == Label.BACKGROUND) == 0


def test_edges_follow_the_photo() -> None:
    scene = draw()
    found = scene.parse()
    red = (scene.image == (200, 40, 40)).all(axis=2)
    upper = found == Label.UPPER
    assert np.count_nonzero(red & upper) / np.count_nonzero(red | upper) > 0.97


def test_sides_are_the_persons_own() -> None:
    found = draw().parse()
    assert at(found, 115, 270) == Label.RIGHT_ARM
    assert at(found, 268, 270) == Label.LEFT_ARM


def test_seen_from_behind_the_sides_change() -> None:
    scene = draw()
    swap = [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, *range(19, 25)]
    scene.keypoints = scene.keypoints[swap]
    found = scene.parse()
    assert at(found, 115, 270) == Label.LEFT_ARM
    assert at(found, 268, 270) == Label.RIGHT_ARM


@pytest.mark.parametrize(
    "missing",
    [(3, 4), (3, 4, 6, 7), (2, 3, 4, 5, 6, 7), (8, 9, 10, 12, 13), tuple(range(25))],
    ids=["right arm", "both arms", "shoulders and arms", "hips and knees", "everything"],
)
def test_no_keypoint_is_required(missing: tuple[int, ...]) -> None:
    found = draw(missing=missing).parse()
    assert at(found, 20, 20) == Label.BACKGROUND
    assert at(found, 192, 75) == Label.FACE
    assert at(found, 192, 200) == Label.UPPER
    assert at(found, 165, 420) == Label.PANTS
    assert at(found, 115, 270) == Label.RIGHT_ARM
    assert at(found, 268, 270) == Label.LEFT_ARM


def test_an_outfit_taken_for_one_garment_is_split_by_colour() -> None:
    found = draw(sees={"top": FULL, "bottom": FULL}).parse()
    assert at(found, 192, 200) == Label.UPPER
    assert at(found, 165, 400) == Label.PANTS
    split = np.flatnonzero(np.diff((found[:, 192] == Label.UPPER).astype(np.int8)) == -1)
    assert abs(int(split[-1]) - 270) <= 4


def test_one_garment_of_one_colour_is_a_dress() -> None:
    colour = (30, 40, 90)
    found = draw(colour, colour, {"top": FULL, "bottom": FULL}, skirt=True).parse()
    assert at(found, 192, 200) == Label.DRESS
    assert at(found, 192, 400) == Label.DRESS
    assert Label.UPPER not in found


@pytest.mark.parametrize("overlooked", ["top", "bottom"])
def test_a_garment_that_the_clothes_network_overlooked_is_found(overlooked: str) -> None:
    found = draw(sees={overlooked: None}).parse()
    assert at(found, 192, 200) == Label.UPPER
    assert at(found, 165, 400) == Label.PANTS


def test_a_skirt_is_told_from_trousers_by_its_hem() -> None:
    found = draw(skirt=True).parse()
    assert at(found, 192, 400) == Label.SKIRT
    assert at(found, 165, 480) == Label.RIGHT_LEG
    assert at(found, 219, 480) == Label.LEFT_LEG


def test_a_hand_before_the_trousers_is_an_arm() -> None:
    scene = draw()
    scene.keypoints[4, :2] = 150, 300
    hand = np.s_[295:325, 140:165]
    scene.image[hand] = (215, 170, 140)
    half = cv2.resize(scene.people, (384, 512), interpolation=cv2.INTER_NEAREST)
    half[hand] = np.eye(6, dtype=np.float32)[SKIN]
    scene.people = np.asarray(half, np.float32)
    coarse = cv2.resize(scene.garments, (384, 512), interpolation=cv2.INTER_NEAREST)
    coarse[hand] = np.eye(4, dtype=np.float32)[0]
    scene.garments = np.asarray(coarse, np.float32)
    assert at(scene.parse(), 152, 310) == Label.RIGHT_ARM


def test_a_hat_is_no_bag() -> None:
    scene = draw()
    full = cv2.resize(scene.people, (384, 512), interpolation=cv2.INTER_NEAREST)
    for area in (np.s_[10:36, 150:234], np.s_[330:390, 300:360]):
        full[area] = np.eye(6, dtype=np.float32)[OTHERS]
        scene.image[area] = (20, 120, 60)
    scene.people = np.asarray(full, np.float32)
    found = scene.parse()
    assert at(found, 192, 20) == Label.HAT
    assert at(found, 330, 360) == Label.BACKGROUND


def test_a_bystander_is_background() -> None:
    scene = draw()
    full = cv2.resize(scene.people, (384, 512), interpolation=cv2.INTER_NEAREST)
    full[150:480, 330:380] = np.eye(6, dtype=np.float32)[CLOTHES]
    scene.image[150:480, 330:380] = (90, 90, 20)
    scene.people = np.asarray(full, np.float32)
    assert at(scene.parse(), 355, 300) == Label.BACKGROUND


@pytest.mark.parametrize("scale", [0.5, 0.7515, 2.0])
def test_any_canvas_size(scale: float) -> None:
    scene = draw(scale=scale)
    found = scene.parse()
    assert found.shape == scene.image.shape[:2]
    points = {(192, 200): Label.UPPER, (165, 400): Label.PANTS, (192, 75): Label.FACE}
    for (x, y), label in points.items():
        assert at(found, int(x * scale), int(y * scale)) == label


def say(
    scene: Scene,
    area: tuple[slice, slice],
    kind: int,
    garment: int = 0,
    colour: tuple[int, int, int] | None = None,
) -> None:
    """Have the networks say something else of an area, and perhaps draw it."""
    for name, said, count in (("people", kind, 6), ("garments", garment, 4)):
        size = scene.image.shape[1::-1]
        whole = cv2.resize(getattr(scene, name), size, interpolation=cv2.INTER_NEAREST)
        whole[area] = np.eye(count, dtype=np.float32)[said]
        setattr(scene, name, np.asarray(whole, np.float32))
    if colour is not None:
        scene.image[area] = colour


BARE = (215, 170, 140)
WALL = (235, 235, 235)


def test_the_gap_between_the_legs_is_background_where_one_network_misses_it() -> None:
    scene = draw()
    say(scene, np.s_[330:512, 190:195], CLOTHES, 0, WALL)
    assert at(scene.parse(), 192, 440) == Label.BACKGROUND


def test_clothes_that_one_network_spills_onto_the_wall_are_wiped_off() -> None:
    scene = draw()
    say(scene, np.s_[180:290, 50:98], CLOTHES)
    found = scene.parse()
    assert at(found, 70, 240) == Label.BACKGROUND
    assert at(found, 192, 200) == Label.UPPER


def test_a_top_of_the_walls_colour_that_one_network_overlooks_stays() -> None:
    found = draw(top=WALL, sees={"top": None}).parse()
    assert at(found, 192, 200) == Label.UPPER


def test_a_dark_suit_is_a_jacket_and_trousers() -> None:
    dark = (25, 25, 30)
    found = draw(dark, dark, {"bottom": UPPER}).parse()
    assert at(found, 192, 200) == Label.UPPER
    assert at(found, 165, 480) == Label.PANTS
    assert at(found, 219, 480) == Label.PANTS


def test_an_open_jacket_and_the_shirt_under_it_are_upper_clothes() -> None:
    scene = draw(top=(30, 30, 40))
    say(scene, np.s_[160:268, 182:203], CLOTHES, UPPER, (240, 240, 240))
    found = scene.parse()
    for x in (160, 192, 225):
        assert at(found, x, 210) == Label.UPPER


def test_a_top_down_to_bare_legs_is_a_dress() -> None:
    scene = draw((30, 40, 90), (30, 40, 90), {"bottom": UPPER}, skirt=True)
    scene.keypoints[[11, 14]] = (165, 500, 0.9), (219, 500, 0.9)
    found = scene.parse()
    assert at(found, 192, 200) == Label.DRESS
    assert at(found, 192, 400) == Label.DRESS
    assert at(found, 165, 480) == Label.RIGHT_LEG


def test_a_dress_that_ends_above_the_hips_is_a_top() -> None:
    scene = draw(sees={"top": FULL})
    for name in ("image", "people", "garments"):
        whole = cv2.resize(getattr(scene, name), (384, 512), interpolation=cv2.INTER_NEAREST)
        setattr(scene, name, np.ascontiguousarray(whole[:268]))
    scene.keypoints[8:15] = 0
    assert at(scene.parse(), 192, 200) == Label.UPPER


def test_a_black_skirt_called_a_dress_below_a_black_top_is_a_skirt() -> None:
    found = draw((20, 20, 24), (24, 20, 20), {"bottom": FULL}, skirt=True).parse()
    assert at(found, 192, 200) == Label.UPPER
    assert at(found, 192, 400) == Label.SKIRT
    split = np.flatnonzero(np.diff((found[:, 192] == Label.UPPER).astype(np.int8)) == -1)
    assert abs(int(split[-1]) - 270) <= 4


def test_hair_over_the_shoulder_is_hair() -> None:
    scene = draw()
    say(scene, np.s_[60:210, 150:164], HAIR, 0, (60, 40, 30))
    found = scene.parse()
    assert at(found, 157, 190) == Label.HAIR
    assert at(found, 175, 190) == Label.UPPER


def test_between_a_hand_on_the_hip_and_the_trunk_one_sees_the_wall() -> None:
    scene = draw()
    say(scene, np.s_[190:262, 143:153], BACKGROUND, 0, WALL)
    assert at(scene.parse(), 148, 225) == Label.BACKGROUND


def test_crossed_arms_before_a_top_are_arms() -> None:
    scene = draw()
    scene.keypoints[4], scene.keypoints[7] = (235, 205, 0.9), (150, 225, 0.9)
    say(scene, np.s_[195:212, 125:250], SKIN, 0, BARE)
    say(scene, np.s_[215:235, 135:260], SKIN, 0, BARE)
    found = scene.parse()
    assert at(found, 160, 203) == Label.RIGHT_ARM
    assert at(found, 225, 226) == Label.LEFT_ARM
    assert at(found, 192, 255) == Label.UPPER


def test_a_bare_midriff_beside_an_arm_is_trunk() -> None:
    scene = draw()
    scene.keypoints[3, :2], scene.keypoints[4, :2] = (136, 215), (136, 290)
    say(scene, np.s_[238:274, 147:238], SKIN, 0, BARE)
    assert at(scene.parse(), 153, 250) == Label.TORSO_SKIN


def test_a_head_outside_the_picture_leaves_the_rest_as_it_is() -> None:
    scene = draw()
    for name in ("image", "people", "garments"):
        whole = cv2.resize(getattr(scene, name), (384, 512), interpolation=cv2.INTER_NEAREST)
        setattr(scene, name, np.ascontiguousarray(whole[128:]))
    scene.keypoints[:, 1] -= 128
    scene.keypoints[[0, 15, 16]] = 0
    found = scene.parse()
    assert Label.FACE not in found
    assert at(found, 192, 72) == Label.UPPER
    assert at(found, 165, 300) == Label.PANTS
    assert at(found, 115, 142) == Label.RIGHT_ARM


def test_a_hand_at_the_frame_whose_wrist_nobody_saw_is_a_hand() -> None:
    scene = draw(missing=(4, 10, 13))
    for name in ("image", "people", "garments"):
        whole = cv2.resize(getattr(scene, name), (384, 512), interpolation=cv2.INTER_NEAREST)
        setattr(scene, name, np.ascontiguousarray(whole[:330]))
    say(scene, np.s_[170:270, 90:125], CLOTHES, UPPER, (200, 40, 40))
    assert at(scene.parse(), 110, 295) == Label.RIGHT_ARM


def test_trousers_called_a_top_where_the_frame_cuts_them_are_told_by_colour() -> None:
    scene = draw((200, 40, 40), (25, 25, 30), {"bottom": UPPER})
    found = scene.parse()
    assert at(found, 192, 200) == Label.UPPER
    assert at(found, 160, 285) == Label.PANTS
    assert at(found, 165, 480) == Label.PANTS


def test_a_hole_between_crossed_arms_and_the_hips_is_cloth() -> None:
    scene = draw(top=WALL)
    scene.keypoints[4], scene.keypoints[7] = (235, 205, 0.9), (150, 225, 0.9)
    say(scene, np.s_[195:235, 125:260], SKIN, 0, BARE)
    say(scene, np.s_[235:255, 160:225], BACKGROUND)
    found = scene.parse()
    assert at(found, 192, 240) == Label.UPPER


def feet(scene: Scene) -> None:
    scene.keypoints[[11, 14]] = (165, 470, 0.9), (219, 470, 0.9)
    scene.keypoints[[22, 24]] = (165, 490, 0.9), (165, 480, 0.9)
    scene.keypoints[[19, 21]] = (219, 490, 0.9), (219, 480, 0.9)


def test_trousers_over_the_shoes_are_trousers_and_the_shoe_is_none() -> None:
    scene = draw()
    feet(scene)
    say(scene, np.s_[488:512, 130:180], CLOTHES, 0, (90, 60, 30))
    found = scene.parse()
    assert at(found, 165, 480) == Label.PANTS
    assert at(found, 160, 498) == Label.RIGHT_SHOE


def test_a_shin_that_the_segmenter_lost_is_found_by_its_colour() -> None:
    scene = draw(skirt=True)
    feet(scene)
    say(scene, np.s_[440:465, 140:190], BACKGROUND)
    found = scene.parse()
    assert at(found, 165, 452) == Label.RIGHT_LEG
    assert at(found, 192, 452) == Label.BACKGROUND


def test_nobody_is_no_person() -> None:
    scene = draw()
    scene.people = np.zeros_like(scene.people)
    scene.people[..., BACKGROUND] = 1
    with pytest.raises(NoPerson) as raised:
        scene.parse()
    assert raised.value.stage == "human_parse"


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e30, -1e30])
def test_senseless_keypoints_do_no_harm(value: float) -> None:
    scene = draw()
    scene.keypoints[[2, 7, 8], :2] = value
    found = scene.parse()
    assert at(found, 192, 75) == Label.FACE


def test_inputs_are_left_alone_and_may_be_read_only() -> None:
    scene = draw(skirt=True, sees={"top": FULL})
    half = crops.blend_crops([(PixelBox(0, 0, 384, 512), scene.people)])
    inputs = (scene.image, scene.keypoints, half, scene.garments)
    before = [array.tobytes() for array in inputs]
    for read_only in inputs:
        read_only.setflags(write=False)
    core.parse(*inputs)
    assert [array.tobytes() for array in inputs] == before


def test_closer_looks_lie_in_the_picture_and_hold_the_head() -> None:
    scene = draw()
    first = crops.blend_crops([(PixelBox(0, 0, 384, 512), scene.people)])
    boxes = crops.detail_crops(first, core.measure_person(scene.keypoints, first), 512, 384)
    assert boxes
    for box in boxes:
        assert 0 <= box.left < box.right <= 384
        assert 0 <= box.top < box.bottom <= 512
    head = boxes[-1]
    assert head.left < 158
    assert head.right > 226
    assert head.top < 18
    assert head.bottom > 130


def test_legs_get_a_look_of_their_own_where_they_are_seen() -> None:
    scene = draw()
    first = crops.blend_crops([(PixelBox(0, 0, 384, 512), scene.people)])
    body = core.measure_person(scene.keypoints, first)
    assert any(box.bottom == 512 for box in crops.detail_crops(first, body, 512, 384))
    cut = crops.blend_crops([(PixelBox(0, 0, 384, 300), scene.people[:150])])
    body = core.measure_person(scene.keypoints, cut)
    assert len(crops.detail_crops(cut, body, 300, 384)) < len(
        crops.detail_crops(first, body, 512, 384)
    )


def test_only_a_person_who_is_small_in_the_photo_gets_a_look_of_their_own() -> None:
    scene = draw()
    large = crops.blend_crops([(PixelBox(0, 0, 384, 512), scene.people)])
    frame = core.measure_person(scene.keypoints, large)
    person = crops.person_box(large, frame, 512, 384)
    assert person not in crops.detail_crops(large, frame, 512, 384)
    ground = np.zeros_like(large)
    ground[..., 0] = 1
    small = np.concatenate((large, ground), axis=1)
    person = crops.person_box(small, frame, 512, 768)
    assert person in crops.detail_crops(small, frame, 512, 768)


def test_what_was_seen_of_the_person_is_laid_where_the_person_is() -> None:
    seen = np.zeros((32, 32, 4), np.float32)
    seen[..., UPPER] = 1
    placed = crops.paste_crop(seen, PixelBox(100, 40, 301, 240), 400, 303)
    assert placed.shape == (200, 152, 4)
    assert np.allclose(placed.sum(axis=2), 1)
    assert placed[20:120, 50:151, UPPER].min() == 1
    assert placed[..., UPPER].sum() == 100 * 101


def test_a_closer_look_wins_inside_and_fades_towards_its_sides() -> None:
    far = np.zeros((64, 64, 6), np.float32)
    near = np.ones((64, 64, 6), np.float32)
    whole, box = PixelBox(0, 0, 200, 400), PixelBox(100, 100, 200, 300)
    joined = crops.blend_crops([(whole, far), (box, near)])
    assert joined.shape == (200, 100, 6)
    assert joined[100, 75].min() == 1
    assert joined[100, 99].min() == 1, "the frame's side does not fade"
    assert joined[100, 40].max() == 0
    assert 0 < joined[100, 51].max() < 0.5


def test_colours_are_the_customary_ones_and_all_differ() -> None:
    ids = np.arange(20, dtype=np.uint8)[None]
    painted = labels.colourise(ids)
    assert painted.shape == (1, 20, 3)
    assert painted.dtype == np.uint8
    assert len({tuple(colour) for colour in painted[0].tolist()}) == 20
    assert tuple(painted[0, Label.UPPER]) == (255, 85, 0)


class Interpreter:
    """Answers with the logits it was given, and keeps what it was fed."""

    def __init__(self) -> None:
        self.fed: dict[int, Floats] = {}

    def get_input_details(self) -> list[dict[str, object]]:
        return [{"index": 3, "shape": np.array([1, 32, 32, 3])}]

    def get_output_details(self) -> list[dict[str, object]]:
        return [{"index": 8}]

    def set_tensor(self, index: int, value: Floats) -> None:
        self.fed[index] = value

    def invoke(self) -> None:
        assert 3 in self.fed

    def get_tensor(self, index: int) -> Floats:
        assert index == 8
        logits = np.zeros((1, 32, 32, 6), np.float32)
        logits[..., CLOTHES] = 9
        return logits


def test_the_segmenter_is_fed_rgb_in_minus_one_to_one() -> None:
    interpreter = Interpreter()
    image = np.zeros((90, 60, 3), np.uint8)
    image[..., 2] = 255
    people = model.SelfieMulticlass(interpreter).people(image)
    fed = interpreter.fed[3]
    assert fed.shape == (1, 32, 32, 3)
    assert fed.dtype == np.float32
    assert np.allclose(fed[..., :2], -1)
    assert np.allclose(fed[..., 2], 1)
    assert people.shape == (32, 32, 6)
    assert np.allclose(people.sum(axis=2), 1)
    assert people[..., CLOTHES].min() > 0.99
