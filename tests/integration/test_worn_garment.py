"""A garment that somebody wears in its photo, with the real networks."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from services.cloth_mask import service as cloth_mask
from services.cloth_mask.contract import IsolateRequest, SegmentRequest
from services.human_parse import service as human_parse
from services.human_parse.contract import ParseRequest
from services.kit.errors import InvalidRequest, WeightsMissing
from services.kit.garment_attributes import NO_ATTRIBUTES
from services.kit.labels import Label
from services.kit.pictures import images
from services.kit.types import Image
from services.openpose import service as openpose
from services.openpose.contract import EstimatePoseRequest, FindWearerRequest
from services.resize import core as resize

pytestmark = pytest.mark.integration

Handlers = Mapping[str, Callable[[Any], Any]]


@pytest.fixture(scope="module")
def handlers() -> Handlers:
    loaded: dict[str, Callable[[Any], Any]] = {}
    try:
        for module in (cloth_mask, human_parse, openpose):
            loaded |= module.load().handlers
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    return loaded


def photo(examples: Path, name: str) -> Image:
    fitted, _ = resize.fit(images.decode((examples / name).read_bytes()))
    return fitted


def asked(handlers: Handlers, image: Image, category: str = "auto") -> IsolateRequest:
    """Ask all that is known of a garment's photo before it is taken off."""
    found = handlers["Segment"](SegmentRequest(image, category))
    wearer = handlers["FindWearer"](FindWearerRequest(image, found.mask)).keypoints
    labels = handlers["Parse"](ParseRequest(image, wearer)).labels
    return IsolateRequest(
        image=image,
        image_high_res=image,
        mask=found.mask,
        attributes=found.attributes,
        keypoints=wearer,
        labels=labels,
        found_category=found.category,
        category=category,
    )


@pytest.mark.parametrize(("category", "mine"), [("upper", Label.UPPER), ("lower", Label.PANTS)])
def test_top_and_trousers_of_one_person_come_apart(
    handlers: Handlers, examples: Path, category: str, mine: Label
) -> None:
    request = asked(handlers, photo(examples, "person.jpg"), category)
    assert request.keypoints.any()
    alone = handlers["Isolate"](request)
    assert alone.category == alone.attributes.category == category
    mask = alone.mask > 127
    worn = request.labels == mine
    assert (mask & worn).sum() > 0.95 * worn.sum()
    # Of the trousers' seat a part is hidden by the top, and made up.
    others = ~np.isin(request.labels, (mine, Label.UPPER))
    assert (mask & others).sum() < 0.03 * mask.sum()
    rows = np.flatnonzero(worn.any(axis=1))
    below = np.arange(len(mask))[:, None] > rows[0] + 0.2 * len(rows)
    assert (mask & ~worn & below).sum() < 0.03 * mask.sum()
    # The mask alone holds both.
    assert (request.mask > 127).sum() > 1.3 * mask.sum()


def test_what_was_taken_off_passes_for_a_garment_alone(handlers: Handlers, examples: Path) -> None:
    alone = handlers["Isolate"](asked(handlers, photo(examples, "person-2.jpg")))
    again = handlers["Segment"](SegmentRequest(alone.image, alone.category))
    mask = alone.mask > 127
    assert (mask & (again.mask > 127)).sum() / (mask | (again.mask > 127)).sum() > 0.95


@pytest.mark.parametrize(
    "name", ["garment.jpg", "garment-striped.jpg", "trousers.jpg", "dress.jpg"]
)
def test_nobody_wears_a_garment_alone(handlers: Handlers, examples: Path, name: str) -> None:
    assert not asked_wearer(handlers, photo(examples, name)).any()


def test_somebody_printed_on_a_garment_does_not_wear_it(handlers: Handlers, examples: Path) -> None:
    shirt, person = photo(examples, "garment.jpg").copy(), photo(examples, "person.jpg")
    print_ = np.asarray(PIL.Image.fromarray(person).resize((210, 280)))
    rows, columns = np.nonzero(handlers["Segment"](SegmentRequest(shirt)).mask)
    top, left = int(rows.mean()) - 140, int(np.median(columns)) - 105
    shirt[top : top + 280, left : left + 210] = print_
    assert handlers["EstimatePose"](EstimatePoseRequest(shirt)).person_count
    assert not asked_wearer(handlers, shirt).any()


def asked_wearer(handlers: Handlers, image: Image) -> Any:
    found = handlers["Segment"](SegmentRequest(image))
    return handlers["FindWearer"](FindWearerRequest(image, found.mask)).keypoints


def test_what_does_not_fit_together_is_refused(handlers: Handlers) -> None:
    image, mask = np.zeros((64, 48, 3), np.uint8), np.zeros((64, 48), np.uint8)
    with pytest.raises(InvalidRequest, match="send the mask of this photo"):
        handlers["FindWearer"](FindWearerRequest(image, mask[:32]))
    request = IsolateRequest(
        image=image,
        image_high_res=image,
        mask=mask,
        attributes=NO_ATTRIBUTES,
        keypoints=np.ones((25, 3), np.float32),
        labels=mask + 5,
        found_category="upper",
    )
    for wrong in (
        replace(request, labels=mask[:32] + 5),
        replace(request, mask=mask[:32]),
        replace(request, image_high_res=image[:, :24]),
        replace(request, image_high_res=image[:32, :24]),
    ):
        with pytest.raises(InvalidRequest, match="in the same proportions"):
            handlers["Isolate"](wrong)
    large = image.repeat(20, 0).repeat(20, 1)
    with pytest.raises(InvalidRequest, match="at most"):
        handlers["Isolate"](replace(request, image=large, image_high_res=large))
    with pytest.raises(InvalidRequest, match="hat"):
        handlers["Isolate"](replace(request, category="hat"))
