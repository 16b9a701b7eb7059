import numpy as np
import pytest
from numpy.typing import NDArray

from services.cloth_mask import model, service, subject
from services.cloth_mask.contract import SegmentRequest, SegmentResponse
from services.kit.categories import AUTO, DRESS, LOWER, UPPER
from services.kit.errors import NoGarment
from services.kit.runtimes.u2net import U2NetCloth
from services.kit.types import Image
from tests.unit.services.cloth_mask.test_core import overlap, photo, shirt
from tests.unit.services.cloth_mask.test_subject import encloses, hung

pytestmark = pytest.mark.unit

RED = (180, 30, 60)


class ColourSession:
    """Answers that whatever is redder than blue is an upper garment, and notes what it saw."""

    class Tensor:
        name = "tensor"

    def __init__(self, overlooked_side: int = 0, class_id: int = 1) -> None:
        self.sides: list[int] = []
        self.overlooked_side = overlooked_side
        self.class_id = class_id

    def get_inputs(self) -> list[Tensor]:
        return [self.Tensor()]

    def get_outputs(self) -> list[Tensor]:
        return [self.Tensor()]

    def run(
        self, names: list[str], feed: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]:
        assert names == ["tensor"]
        (seen,) = feed["tensor"]
        self.sides.append(seen.shape[2])
        logits = np.zeros((1, 4, *seen.shape[1:]), np.float32)
        garment = (seen[0] > seen[2] + 0.01) & (seen.shape[2] != self.overlooked_side)
        logits[0, 0] = np.where(garment, 0, 12)
        logits[0, self.class_id] = np.where(garment, 12, 0)
        return [logits]


def segment(session: ColourSession, image: Image, category: str = AUTO) -> SegmentResponse:
    request = SegmentRequest(image, category)
    return service.segment(request, U2NetCloth(session), model.load_attributes_network())


def room(image: Image) -> Image:
    image[400:, :] = (60, 80, 140)
    return image


def test_the_network_sees_the_subject_alone_on_a_plain_background() -> None:
    session, garment = ColourSession(), hung()
    look = service.look_at_subject(U2NetCloth(session), photo(garment, RED))
    assert look is not None
    assert session.sides == [subject.CLOSE_SIDE_PX]
    assert encloses(look.box, garment)
    assert look.classes.shape == (384, 384, 4)
    assert overlap(look.probability > 0.5, garment) > 0.97


def test_a_photo_on_a_plain_background_is_seen_once() -> None:
    session, garment = ColourSession(), hung()
    response = segment(session, photo(garment, RED))
    assert session.sides == [subject.CLOSE_SIDE_PX]
    assert response.category == UPPER
    assert overlap(response.mask > 0, garment) > 0.98


def test_the_network_sees_the_whole_photo_of_a_room() -> None:
    session, garment = ColourSession(), hung()
    response = segment(session, room(photo(garment, RED)))
    assert session.sides == [model.FIRST_SIDE_PX]
    assert overlap(response.mask > 0, garment) > 0.98


@pytest.mark.parametrize(("height", "width"), [(512, 384), (384, 512)])
def test_the_network_sees_the_whole_photo_where_the_box_shows_it_no_garment(
    height: int, width: int
) -> None:
    session = ColourSession(overlooked_side=subject.CLOSE_SIDE_PX)
    garment = hung(height=height, width=width)
    response = segment(session, photo(garment, RED))
    assert session.sides == [subject.CLOSE_SIDE_PX, model.FIRST_SIDE_PX]
    assert overlap(response.mask > 0, garment) > 0.98


def test_a_print_on_a_garment_of_the_backgrounds_colour_does_not_cut_it() -> None:
    session, garment = ColourSession(), hung()
    image = photo(garment, (247, 245, 243))
    image[230:270, 200:240] = RED
    found = subject.find_subject(image)
    assert found is not None
    assert not encloses(found.box, garment)
    response = segment(session, image)
    assert session.sides == [subject.CLOSE_SIDE_PX, model.FIRST_SIDE_PX]
    assert overlap(response.mask > 0, garment) > 0.97


def test_a_garment_that_fills_the_frame_is_seen_whole() -> None:
    """Along the frame it passes for the background."""
    session = ColourSession()
    look = service.look_at_subject(
        U2NetCloth(session), photo(shirt(800, 600)[144:656, 108:492], RED)
    )
    assert look is None


def test_the_whole_photo_decides_where_the_networks_disagree_about_the_category() -> None:
    """The colours are called a lower garment, the outline is a shirt's."""
    session, image = ColourSession(class_id=2), photo(hung(), RED)
    response = segment(session, image)
    assert response.category == LOWER
    assert response.attributes.category == UPPER
    assert session.sides == [subject.CLOSE_SIDE_PX, model.FIRST_SIDE_PX]


def test_a_category_that_the_request_names_is_not_questioned() -> None:
    session = ColourSession(class_id=2)
    assert segment(session, photo(hung(), RED), DRESS).category == DRESS
    assert session.sides == [subject.CLOSE_SIDE_PX]


@pytest.mark.parametrize(
    "size", [(1, 3000), (3000, 1), (16, 16), (64, 2048), (2048, 64), (300, 200)]
)
@pytest.mark.parametrize("dot", [False, True])
def test_a_photo_without_garment_is_refused_and_the_networks_input_bounded(
    size: tuple[int, int], dot: bool
) -> None:
    session = ColourSession()
    image = np.full((*size, 3), 200, np.uint8)
    if dot:
        image[size[0] // 2, size[1] // 2] = RED
    with pytest.raises(NoGarment):
        segment(session, image)
    assert max(session.sides) <= model.SECOND_SIDE_PX
    assert len(session.sides) <= 3


@pytest.mark.parametrize("size", [(96, 2048), (2048, 96)])
def test_a_slim_photo_is_seen_at_the_same_sizes(size: tuple[int, int]) -> None:
    session = ColourSession()
    height, width = size
    image = np.full((*size, 3), 245, np.uint8)
    garment = np.zeros(size, np.bool_)
    garment[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    image[garment] = RED
    response = segment(session, image)
    assert set(session.sides) <= {384, 512, 576}
    assert overlap(response.mask > 0, garment) > 0.9


def test_the_same_photo_gives_the_same_answer() -> None:
    image = photo(hung(), RED)
    first, second = segment(ColourSession(), image), segment(ColourSession(), image.copy())
    assert np.array_equal(first.mask, second.mask)
    assert first.category == second.category
