import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gateway import dag
from gateway.dag import StageEvent, StageState
from gateway.pipeline import (
    TRY_ON_PIPELINE,
    skip_fitting_if_canvas_sized,
    skip_upscaling_if_large,
)
from services.cloth_mask.contract import IsolateResponse, SegmentResponse
from services.kit.contract import Answer, Method
from services.kit.types import Image
from services.openpose.contract import FindWearerResponse
from services.resize import core
from services.resize.contract import FitRequest, FitResponse, RestoreRequest, RestoreResponse
from services.super_resolution.contract import UpscaleRequest, UpscaleResponse
from services.viton.contract import TryOnRequest, TryOnResponse
from tests.blank_answers import HEIGHT, WIDTH, blank

pytestmark = pytest.mark.unit


def photo(value: int, size: tuple[int, int] = (1024, 768)) -> Image:
    return np.full((*size, 3), value, np.uint8)


PERSON, GARMENT, WORN, RESTORED, TAKEN_OFF, CLOSER = 10, 20, 30, 40, 50, 60
NOT_WORN = {"wearer_human_parse", "isolate_garment"}


class Services:
    """Answers every call with small arrays of the right kind and remembers the requests."""

    def __init__(
        self, meet: Mapping[str, asyncio.Barrier] | None = None, *, worn: bool = False
    ) -> None:
        self.meet = meet or {}
        self.worn = worn
        self.requests: list[tuple[str, Any]] = []

    async def __call__(self, method: Method[Any, Any], request: Any, _: float) -> Answer[Any]:
        self.requests.append((method.rpc, request))
        if method.rpc in self.meet:
            await self.meet[method.rpc].wait()
        small = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        changes: dict[type, dict[str, object]] = {
            UpscaleResponse: {"image": np.repeat(getattr(request, "image", small), 2, 0)},
            FitResponse: {"image": getattr(request, "image", small)[:HEIGHT, :WIDTH].copy()},
            SegmentResponse: {"category": "dress"},
            FindWearerResponse: {"keypoints": np.full((25, 3), self.worn, np.float32)},
            IsolateResponse: {
                "image": small + TAKEN_OFF,
                "image_high_res": small + CLOSER,
                "mask": small[..., 0] + 255,
                "category": "upper",
            },
            TryOnResponse: {"image": small + WORN},
            RestoreResponse: {"image": small + RESTORED},
        }
        return Answer(replace(blank(method.response), **changes.get(method.response, {})))

    def of(self, rpc: str) -> list[Any]:
        return [request for name, request in self.requests if name == rpc]


async def run(
    services: Services, person: Image, garment: Image, events: list[StageEvent] | None = None
) -> Image:
    seen: list[StageEvent] = [] if events is None else events
    values = await TRY_ON_PIPELINE.run(
        services,
        {"person_upload": person, "garment_upload": garment, "category": "lower"},
        deadline=20,
        on_event=seen.append,
    )
    picture: Image = values["result_image"]
    return picture


async def test_from_two_photos_to_the_picture() -> None:
    services = Services()
    picture = await run(services, photo(PERSON), photo(GARMENT))
    assert picture[0, 0, 0] == RESTORED
    [request] = services.of("TryOn")
    assert isinstance(request, TryOnRequest)
    assert (request.person[0, 0, 0], request.garment[0, 0, 0]) == (PERSON, GARMENT)


async def test_the_category_goes_to_the_mask_and_what_it_makes_of_it_to_the_try_on() -> None:
    services = Services()
    await run(services, photo(PERSON), photo(GARMENT))
    [segment], [request] = services.of("Segment"), services.of("TryOn")
    assert (segment.category, request.category) == ("lower", "dress")


async def test_a_garment_that_nobody_wears_is_taken_as_it_is() -> None:
    services, events = Services(), list[StageEvent]()
    await run(services, photo(PERSON), photo(GARMENT), events)
    assert len(services.of("Parse")) == 1
    assert not services.of("Isolate")
    skipped = {event.stage for event in events if event.state is StageState.SKIPPED}
    assert skipped >= NOT_WORN


async def test_a_worn_garment_is_taken_off_first() -> None:
    services = Services(worn=True)
    await run(services, photo(PERSON), photo(GARMENT))
    [isolate], [request] = services.of("Isolate"), services.of("TryOn")
    assert (isolate.category, isolate.found_category) == ("lower", "dress")
    assert sorted(int(each.image[0, 0, 0]) for each in services.of("Parse")) == [PERSON, GARMENT]
    assert (request.garment[0, 0, 0], request.category) == (TAKEN_OFF, "upper")
    assert request.garment_mask.all()
    [restore] = services.of("Restore")
    assert restore.garment[0, 0, 0] == CLOSER


async def test_large_photos_are_not_sent_to_super_resolution() -> None:
    services, events = Services(), list[StageEvent]()
    await run(services, photo(PERSON), photo(GARMENT), events)
    assert not services.of("Upscale")
    skipped = {event.stage for event in events if event.state is StageState.SKIPPED}
    enlarged, worn = {"person_super_resolution", "garment_super_resolution"}, NOT_WORN
    assert skipped == enlarged | worn | {"garment_high_res_resize"}, (
        "name here the steps whose short_circuit answers for large photos and default options"
    )


async def test_small_photos_are_enlarged_and_the_result_is_put_into_the_enlarged_photo() -> None:
    services = Services()
    await run(services, photo(PERSON, (400, 300)), photo(GARMENT, (300, 300)))
    assert len(services.of("Upscale")) == 2
    [restore] = services.of("Restore")
    assert isinstance(restore, RestoreRequest)
    assert restore.original.shape == (800, 300, 3)
    assert restore.image[0, 0, 0] == WORN
    shapes = [request.image.shape for request in services.of("Fit")]
    assert sorted(shapes) == [(600, 300, 3), (600, 300, 3), (800, 300, 3)]
    assert all(isinstance(request, FitRequest) for request in services.of("Fit"))


async def test_the_garment_is_kept_larger_than_the_canvas_for_its_detail() -> None:
    services = Services()
    await run(services, photo(PERSON), photo(GARMENT, (1025, 768)))
    sizes = sorted((r.width, r.height, int(r.image[0, 0, 0])) for r in services.of("Fit"))
    assert sizes == [(768, 1024, PERSON), (768, 1024, GARMENT), (1536, 2048, GARMENT)]
    [request] = services.of("Restore")
    assert request.garment[0, 0, 0] == GARMENT


async def test_a_garment_of_the_canvas_s_size_has_no_more_detail_to_keep() -> None:
    services, garment = Services(), photo(GARMENT)
    await run(services, photo(PERSON), garment)
    assert [(request.width, request.height) for request in services.of("Fit")] == [(768, 1024)] * 2
    [request] = services.of("Restore")
    assert request.garment is garment


def test_what_is_not_fitted_lies_on_its_canvas_as_fit_says() -> None:
    for size in ((1024, 768), (1023, 768), (1024, 767), (2048, 1536)):
        image = photo(GARMENT, size)
        answer = skip_fitting_if_canvas_sized(FitRequest(image, 1536, 2048))
        if size == (1024, 768):
            assert answer is not None
            fitted, placement = core.fit(image)
            assert answer.image is fitted
            assert answer.placement == placement
        else:
            assert answer is None


async def test_the_category_is_auto_unless_it_is_given() -> None:
    services = Services()
    given: dict[str, object] = {
        "person_upload": photo(PERSON),
        "garment_upload": photo(GARMENT),
    }
    await TRY_ON_PIPELINE.run(services, given, deadline=20)
    [segment] = services.of("Segment")
    assert segment.category == "auto"


def test_a_photo_that_fills_the_canvas_is_answered_locally() -> None:
    large = photo(1)
    answer = skip_upscaling_if_large(UpscaleRequest(large))
    assert answer is not None
    assert answer.image is large
    assert skip_upscaling_if_large(UpscaleRequest(photo(1, (200, 100)))) is None


@pytest.mark.parametrize(
    ("together", "parties"),
    [
        ({"Fit"}, 3),
        ({"EstimatePose", "Segment"}, 2),
        ({"Parse", "Segment"}, 2),
        ({"RemoveGarment", "EstimateSurface"}, 2),
        ({"RemoveGarment", "Segment", "EstimateSurface"}, 3),
    ],
)
async def test_what_does_not_depend_on_each_other_runs_at_the_same_time(
    together: set[str], parties: int
) -> None:
    # A barrier lets nobody pass until all are there: a run in sequence would never end.
    barrier = asyncio.Barrier(parties)
    async with asyncio.timeout(10):
        services = Services(dict.fromkeys(together, barrier))
        await run(services, photo(PERSON), photo(GARMENT, (1025, 768)))


def test_stages_have_texts_for_people() -> None:
    texts = [step.progress_text for step in TRY_ON_PIPELINE.steps]
    assert len(set(texts)) == len(texts)
    assert all(text[0].isupper() and not text.endswith(".") for text in texts)


def test_the_graph_can_be_drawn() -> None:
    assert "openpose -->|keypoints| human_parse" in dag.mermaid(TRY_ON_PIPELINE)
