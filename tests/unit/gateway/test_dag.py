import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from gateway.dag import Input, Pipeline, PipelineError, StageEvent, StageState, Step, mermaid
from services.kit.contract import Answer, Method
from services.kit.errors import DeadlineExceeded, InternalError, NoPerson
from services.kit.types import Image, Mask

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class CutRequest:
    image: Image
    strength: int = 1


@dataclass(frozen=True)
class CutResponse:
    mask: Mask
    picture: Image


@dataclass(frozen=True)
class JoinRequest:
    left: Mask
    right: Mask


@dataclass(frozen=True)
class JoinResponse:
    picture: Image


CUT = Method(
    service="cutter", rpc="Cut", request=CutRequest, response=CutResponse, deadline_seconds=5.0
)
JOIN = Method(
    service="joiner", rpc="Join", request=JoinRequest, response=JoinResponse, deadline_seconds=5.0
)


def cut(
    name: str,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    short_circuit: Callable[[CutRequest], CutResponse | None] | None = None,
) -> Step[CutRequest, CutResponse]:
    return Step(
        name=name,
        progress_text=name.title(),
        method=CUT,
        inputs=inputs,
        outputs=outputs,
        short_circuit=short_circuit,
    )


LEFT = cut("left", {"image": "photo"}, {"mask": "left_mask"})
RIGHT = cut("right", {"image": "photo"}, {"mask": "right_mask"})
BOTH = Step(
    name="both",
    progress_text="Both",
    method=JOIN,
    inputs={"left": "left_mask", "right": "right_mask"},
    outputs={"picture": "picture"},
)


def pipeline(*steps: Step[Any, Any], outputs: tuple[str, ...] = ("picture",)) -> Pipeline:
    return Pipeline("test", inputs={"photo": Input(Image)}, steps=steps, outputs=outputs)


def photo() -> Image:
    return np.full((4, 3, 3), 7, np.uint8)


async def answer(_: Method[Any, Any], request: object, seconds: float) -> Answer[Any]:
    """Every stage's answer: arrays of the right shape, filled with something of the request."""
    assert seconds > 0
    if isinstance(request, CutRequest):
        return Answer(CutResponse(request.image[..., 0].copy(), request.image.copy()))
    assert isinstance(request, JoinRequest)
    return Answer(JoinResponse(np.stack([request.left, request.right, request.left], axis=2)))


async def test_values_flow_from_the_inputs_to_the_outputs() -> None:
    values = await pipeline(LEFT, RIGHT, BOTH).run(answer, {"photo": photo()}, deadline=5)
    assert list(values) == ["picture"]
    np.testing.assert_array_equal(values["picture"], photo())


async def test_the_order_of_declaration_does_not_matter() -> None:
    values = await pipeline(BOTH, RIGHT, LEFT).run(answer, {"photo": photo()}, deadline=5)
    np.testing.assert_array_equal(values["picture"], photo())


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([LEFT, LEFT, RIGHT, BOTH], "two steps are called left"),
        (
            [LEFT, dataclasses.replace(LEFT, name="again"), RIGHT, BOTH],
            "the value left_mask comes from left and from again",
        ),
        (
            [cut("left", {"image": "foto"}, {"mask": "left_mask"}), RIGHT, BOTH],
            r"left takes foto, which nothing gives \(did you mean photo\?\)",
        ),
        ([LEFT, BOTH], "both takes right_mask, which nothing gives"),
        (
            [cut("left", {"imge": "photo"}, {"mask": "left_mask"}), RIGHT, BOTH],
            r"left: CutRequest has no field imge \(did you mean image\?\)",
        ),
        (
            [cut("left", {}, {"mask": "left_mask"}), RIGHT, BOTH],
            "left: CutRequest.image is not filled",
        ),
        (
            [dataclasses.replace(LEFT, constants={"size": 4}), RIGHT, BOTH],
            "left: CutRequest has no field size",
        ),
        (
            [dataclasses.replace(LEFT, constants={"image": photo()}), RIGHT, BOTH],
            "left: CutRequest.image is both an input and a constant",
        ),
        (
            [cut("left", {"image": "photo"}, {"mesk": "left_mask"}), RIGHT, BOTH],
            r"left: CutResponse has no field mesk \(did you mean mask\?\)",
        ),
        (
            [
                cut("left", {"image": "photo"}, {"mask": "left_mask", "picture": "spare"}),
                RIGHT,
                BOTH,
            ],
            "nothing takes the value spare that comes from left",
        ),
        (
            [cut("left", {"image": "photo"}, {"picture": "left_mask"}), RIGHT, BOTH],
            "both: the value left_mask has type Image, JoinRequest.left needs type Mask",
        ),
    ],
)
def test_a_graph_that_cannot_work_is_refused(steps: list[Step[Any, Any]], complaint: str) -> None:
    with pytest.raises(PipelineError, match=complaint):
        pipeline(*steps)


def test_steps_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(PipelineError, match=r"wait for each other: .*left"):
        pipeline(
            cut("left", {"image": "b"}, {"mask": "left_mask", "picture": "a"}),
            cut("right", {"image": "a"}, {"mask": "right_mask", "picture": "b"}),
            BOTH,
            cut("of_photo", {"image": "photo"}, {"picture": "other"}),
            outputs=("picture", "other"),
        )


def test_every_problem_is_listed_at_once() -> None:
    with pytest.raises(PipelineError) as refusal:
        pipeline(cut("left", {"imge": "foto"}, {"mask": "left_mask"}), RIGHT, BOTH)
    assert "foto" in str(refusal.value)
    assert "imge" in str(refusal.value)


async def test_independent_steps_run_at_the_same_time() -> None:
    together = asyncio.Barrier(2)

    async def call(method: Method[Any, Any], request: object, seconds: float) -> Answer[Any]:
        if method is CUT:
            # Passes only when both cutters are in flight.
            await together.wait()
        return await answer(method, request, seconds)

    await pipeline(LEFT, RIGHT, BOTH).run(call, {"photo": photo()}, deadline=5)


async def test_arrays_are_read_only_once_produced() -> None:
    seen: list[Any] = []

    async def call(method: Method[Any, Any], request: Any, seconds: float) -> Answer[Any]:
        seen.extend(vars(request).values())
        return await answer(method, request, seconds)

    values = await pipeline(LEFT, RIGHT, BOTH).run(call, {"photo": photo()}, deadline=5)
    arrays = [value for value in [*seen, values["picture"]] if isinstance(value, np.ndarray)]
    assert len(arrays) == 5
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


async def test_values_are_let_go_after_their_last_taker() -> None:
    # Arrays cannot be watched by weak references through the request, but their memory can.
    class Watched(np.ndarray[Any, Any]):
        alive = 0

        def __del__(self) -> None:
            Watched.alive -= 1

    def watched() -> Any:
        Watched.alive += 1
        return np.zeros((4, 3), np.uint8).view(Watched)

    chain = [
        cut("a", {"image": "photo"}, {"picture": "one"}),
        cut("b", {"image": "one"}, {"picture": "two"}),
        cut("c", {"image": "two"}, {"picture": "three"}),
        cut("d", {"image": "three"}, {"picture": "picture"}),
    ]
    most = 0

    async def call(_: Method[Any, Any], request: object, _seconds: float) -> Answer[Any]:
        nonlocal most
        del request
        most = max(most, Watched.alive)
        return Answer(CutResponse(np.zeros((4, 3), np.uint8), watched()))

    given = {"photo": watched()}
    await pipeline(*chain).run(call, given, deadline=5)
    # The step before may still hold its response while the next one starts; none before it.
    assert 1 <= most <= 2
    assert not given


async def test_the_first_failure_cancels_the_rest_and_names_its_stage() -> None:
    cancelled: list[str] = []

    async def call(method: Method[Any, Any], _: object, seconds: float) -> Answer[Any]:
        if call_count() == 2:
            raise NoPerson("Nobody is there; send another photo.")
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            cancelled.append(method.rpc)
            raise
        raise AssertionError("was not cancelled")

    calls = 0

    def call_count() -> int:
        nonlocal calls
        calls += 1
        return calls

    with pytest.raises(NoPerson, match="Nobody") as failure:
        await pipeline(LEFT, RIGHT, BOTH).run(call, {"photo": photo()}, deadline=5)
    assert failure.value.stage == "right"
    assert cancelled == ["Cut"]


async def test_an_unforeseen_failure_tells_nothing_but_keeps_its_cause() -> None:
    async def call(_: Method[Any, Any], _request: object, _seconds: float) -> Answer[Any]:
        raise ZeroDivisionError("secret")

    with pytest.raises(InternalError) as failure:
        await pipeline(LEFT, RIGHT, BOTH).run(call, {"photo": photo()}, deadline=5)
    assert "secret" not in failure.value.message
    assert isinstance(failure.value.__cause__, ZeroDivisionError)
    assert failure.value.stage == "left"


async def test_the_whole_run_has_a_deadline() -> None:
    async def call(_: Method[Any, Any], _request: object, seconds: float) -> Answer[Any]:
        assert seconds <= 0.05
        await asyncio.sleep(60)
        raise AssertionError("was not cancelled")

    with pytest.raises(DeadlineExceeded):
        await pipeline(LEFT, RIGHT, BOTH).run(call, {"photo": photo()}, deadline=0.05)


async def test_events_tell_what_happened_to_every_stage() -> None:
    events: list[StageEvent] = []
    given = CutResponse(np.zeros((4, 3), np.uint8), photo())
    skipped = cut("left", {"image": "photo"}, {"mask": "left_mask"}, short_circuit=lambda _: given)
    values = await pipeline(skipped, RIGHT, BOTH).run(
        answer, {"photo": photo()}, deadline=5, on_event=events.append
    )
    assert values["picture"][0, 0].tolist() == [0, 7, 0]
    assert [(event.stage, event.state, event.done, event.total) for event in events] == [
        ("left", StageState.SKIPPED, 1, 3),
        ("right", StageState.STARTED, 1, 3),
        ("right", StageState.FINISHED, 2, 3),
        ("both", StageState.STARTED, 2, 3),
        ("both", StageState.FINISHED, 3, 3),
    ]


async def test_a_skip_that_declines_leads_to_the_call() -> None:
    asked = cut("left", {"image": "photo"}, {"mask": "left_mask"}, short_circuit=lambda _: None)
    values = await pipeline(asked, RIGHT, BOTH).run(answer, {"photo": photo()}, deadline=5)
    assert values["picture"][0, 0].tolist() == [7, 7, 7]


async def test_the_inputs_are_checked() -> None:
    with pytest.raises(PipelineError, match="photo"):
        await pipeline(LEFT, RIGHT, BOTH).run(answer, {"foto": photo()}, deadline=5)


def with_strength(strength: Input, inputs: Mapping[str, str] | None = None) -> Pipeline:
    """Build a pipeline of one step, whose strength is an input of the graph."""
    return Pipeline(
        "cutting",
        inputs={"photo": Input(Image), "strength": strength},
        steps=[cut("left", inputs or {"image": "photo", "strength": "strength"}, {"mask": "mask"})],
        outputs=["mask"],
    )


@pytest.mark.parametrize(("given", "strength"), [({}, 3), ({"strength": 9}, 9)])
async def test_an_input_that_is_not_given_has_its_default(
    given: Mapping[str, object], strength: int
) -> None:
    seen: list[int] = []

    async def call(method: Method[Any, Any], request: object, seconds: float) -> Answer[Any]:
        assert isinstance(request, CutRequest)
        seen.append(request.strength)
        return await answer(method, request, seconds)

    pipeline = with_strength(Input(int, default=3))
    await pipeline.run(call, {"photo": photo(), **given}, deadline=5)
    assert seen == [strength]


@pytest.mark.parametrize("given", [{"strength": 9}, {"photo": photo(), "strenght": 9}])
async def test_required_inputs_are_missed_and_unknown_ones_refused(
    given: dict[str, object],
) -> None:
    with pytest.raises(PipelineError, match=r"runs on .*optional \['strength'\]; it was given"):
        await with_strength(Input(int, default=3)).run(answer, given, deadline=5)


async def test_an_input_without_a_default_is_required() -> None:
    with pytest.raises(PipelineError, match=r"runs on \['photo', 'strength'\]; it was given"):
        await with_strength(Input(int)).run(answer, {"photo": photo()}, deadline=5)


def test_a_default_of_another_type_is_refused() -> None:
    with pytest.raises(
        PipelineError, match="the input strength has type int, its default type str"
    ):
        with_strength(Input(int, default="3"))


def test_an_array_can_be_a_default_and_its_kind_is_checked() -> None:
    def with_photo(default: object) -> Pipeline:
        return Pipeline(
            "cutting",
            inputs={"photo": Input(Image, default)},
            steps=[LEFT],
            outputs=["left_mask"],
        )

    with_photo(photo())
    with pytest.raises(
        PipelineError, match="the input photo has type Image, its default type bytes"
    ):
        with_photo(b"")


def test_an_input_with_a_default_that_no_step_takes_is_refused() -> None:
    with pytest.raises(PipelineError, match="nothing takes the value strength"):
        with_strength(Input(int, default=3), {"image": "photo"})


def test_the_graph_can_be_drawn() -> None:
    drawing = mermaid(pipeline(LEFT, RIGHT, BOTH))
    assert "left -->|left_mask| both" in drawing
    assert "both --> picture" in drawing
