"""A graph of service calls: declared as steps, checked when it is built, run in parallel.

A ``Step`` declares the values that a method takes and gives. The order of the steps follows from
that. The module is independent of what the values mean and of how a method is reached.
"""

import asyncio
import difflib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from graphlib import CycleError, TopologicalSorter
from types import UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Protocol,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
from pydantic import ConfigDict

from services.kit.contract import Answer, Method, Request, Response
from services.kit.errors import DeadlineExceeded, InternalError, TryOnError


class PipelineError(ValueError):
    """The graph cannot work as declared; the message lists every problem found."""


@dataclass(frozen=True, kw_only=True)
class Step(Generic[Request, Response]):
    """One call of the graph."""

    name: str
    """Unique in its pipeline; the stage's name in events, timings and errors."""
    progress_text: str
    """What a user reads while the step runs."""
    method: Method[Request, Response]
    """The method that is called."""
    inputs: Mapping[str, str]
    """Fields of the request to values of the graph."""
    outputs: Mapping[str, str]
    """Fields of the response to values of the graph; fields that no step needs are left out."""
    short_circuit: Callable[[Request], Response | None] | None = None
    """Returns the response if no call is needed, else None. Quick, without side effects."""
    constants: Mapping[str, object] = field(default_factory=dict)
    """Fields of the request with the same value in every run."""


REQUIRED: Final = object()
"""The default of an ``Input`` that every run must be given."""


@dataclass(frozen=True)
class Input:
    """A value that a pipeline starts from."""

    type: object
    """The type hint of the request fields that it fills."""
    default: object = REQUIRED
    """The value of a run that is given none."""


class StageState(StrEnum):
    """State of a stage."""

    STARTED = "started"
    """Its call was sent."""

    FINISHED = "finished"
    """Its call was answered."""

    SKIPPED = "skipped"
    """Its short circuit answered in place of a call."""

    REMEMBERED = "remembered"
    """Its response was computed for an earlier request, or for another one at the same time."""


@dataclass(frozen=True, kw_only=True)
class StageEvent:
    """A stage starts, ends, is skipped or is remembered."""

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)

    stage: str
    """Name of the stage."""

    state: StageState
    """What happened to it."""

    seconds: float
    """Time since the stage started."""

    done: int
    """Stages that have ended or were skipped."""

    total: int
    """Stages of the pipeline."""


OnEvent = Callable[[StageEvent], None]


class Call(Protocol):
    """Calls a method: returns its answer within ``seconds``."""

    def __call__(
        self, method: Method[Any, Any], request: object, seconds: float, /
    ) -> Awaitable[Answer[Any]]:
        """Raise TryOnError for every failure."""
        ...


def ignore(event: StageEvent) -> None:
    """Do nothing; the ``OnEvent`` of a caller that needs no events."""


class Pipeline:
    """A checked graph.

    ``inputs`` names the values it starts from, ``outputs`` the values it ends with.
    Raises PipelineError if a name is doubled, missing, unused or misspelt, if a value or a default
    has another type than the step that takes it wants, or if steps wait for each other.
    """

    def __init__(
        self,
        name: str,
        *,
        inputs: Mapping[str, Input],
        steps: Iterable[Step[Any, Any]],
        outputs: Iterable[str],
    ) -> None:
        self.name: Final = name
        self.inputs: Final = dict(inputs)
        self.steps: Final = tuple(steps)
        self.outputs: Final = tuple(outputs)
        problems = [*_name_problems(self), *_field_problems(self.steps)]
        # Types and order can be checked only if every name is known.
        problems = problems or [*_type_problems(self), *_cycle_problems(self.steps)]
        if problems:
            raise PipelineError(f"pipeline {name}: " + "; ".join(problems))

    async def run(
        self,
        call: Call,
        given: dict[str, object],
        *,
        deadline: float,
        stage_deadline_factor: float = 1.0,
        on_event: OnEvent = ignore,
    ) -> dict[str, Any]:
        """Make every call as soon as its inputs exist; return the outputs by name.

        ``deadline`` is in seconds for the whole graph. Within it, each stage has its method's own
        deadline times ``stage_deadline_factor``. Inputs that are not in ``given`` have their
        defaults. Every array becomes read-only. A value is released after its last consumer, so
        ``given`` is emptied. The first failure cancels what is still running. Raises TryOnError
        with ``stage`` set.
        """
        defaults = {
            name: each.default for name, each in self.inputs.items() if each.default is not REQUIRED
        }
        if given.keys() | defaults.keys() != self.inputs.keys():
            optional = f", optional {sorted(defaults)}" if defaults else ""
            raise PipelineError(
                f"pipeline {self.name} runs on {sorted(self.inputs)}{optional}; "
                f"it was given {sorted(given)}"
            )
        for name, default in defaults.items():
            given.setdefault(name, default)
        run = _Run(self, call, on_event, deadline, stage_deadline_factor)
        try:
            async with asyncio.timeout(deadline):
                return await run.run_steps(given)
        except TimeoutError:
            raise DeadlineExceeded(
                f"The picture was not ready within {deadline:g} seconds; "
                "try again when the system is less busy."
            ) from None


class _Run:
    """The state of one run: its values, how many steps still need each, and the first failure."""

    def __init__(
        self,
        pipeline: Pipeline,
        call: Call,
        on_event: OnEvent,
        deadline: float,
        stage_deadline_factor: float,
    ) -> None:
        self.pipeline = pipeline
        self.call = call
        self.on_event = on_event
        self.ends = time.monotonic() + deadline
        self.stage_deadline_factor = stage_deadline_factor
        self.done = 0
        self.values: dict[str, object] = {}
        self.failure: TryOnError | None = None
        consumers = Counter(value for step in pipeline.steps for value in step.inputs.values())
        self.consumers = consumers + Counter(pipeline.outputs)
        self.produced = {value: asyncio.Event() for value in self.consumers}

    async def run_steps(self, given: dict[str, object]) -> dict[str, Any]:
        while given:
            self.publish(*given.popitem())
        try:
            async with asyncio.TaskGroup() as tasks:
                for step in self.pipeline.steps:
                    tasks.create_task(self.run_step(step), name=step.name)
        except BaseExceptionGroup:
            if self.failure is None:
                raise
            # The first failure cancelled the other steps of the group.
            raise self.failure from self.failure.__cause__
        return {name: self.consume(name) for name in self.pipeline.outputs}

    async def run_step(self, step: Step[Any, Any]) -> None:
        for value in step.inputs.values():
            await self.produced[value].wait()
        with self.attribute_errors_to(step.name):
            request = step.method.request(
                **{name: self.consume(value) for name, value in step.inputs.items()},
                **step.constants,
            )
            started = time.monotonic()
            response = step.short_circuit(request) if step.short_circuit else None
            state = StageState.SKIPPED
            if response is None:
                self.emit(step, StageState.STARTED, 0.0)
                state = StageState.FINISHED
                seconds = min(
                    step.method.deadline_seconds * self.stage_deadline_factor, self.ends - started
                )
                answer = await self.call(step.method, request, seconds)
                response = answer.response
                if answer.remembered:
                    state = StageState.REMEMBERED
            self.done += 1
            self.emit(step, state, time.monotonic() - started)
            for name, value in step.outputs.items():
                self.publish(value, getattr(response, name))

    def publish(self, name: str, value: object) -> None:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        self.values[name] = value
        self.produced[name].set()

    def consume(self, name: str) -> object:
        self.consumers[name] -= 1
        return self.values[name] if self.consumers[name] else self.values.pop(name)

    def emit(self, step: Step[Any, Any], state: StageState, seconds: float) -> None:
        total = len(self.pipeline.steps)
        self.on_event(
            StageEvent(stage=step.name, state=state, seconds=seconds, done=self.done, total=total)
        )

    @contextmanager
    def attribute_errors_to(self, stage: str) -> Iterator[None]:
        """Set the stage of an error that the block raises, and keep the first error."""
        try:
            yield
        except Exception as error:
            known = error
            if not isinstance(known, TryOnError):
                known = InternalError()
                known.__cause__ = error
            known.stage = stage
            self.failure = self.failure or known
            raise known from known.__cause__


def _name_problems(pipeline: Pipeline) -> Iterator[str]:
    names = Counter(step.name for step in pipeline.steps)
    yield from (f"two steps are called {name}" for name, n in names.items() if n > 1)
    origins: dict[str, list[str]] = {value: ["the pipeline's inputs"] for value in pipeline.inputs}
    for step in pipeline.steps:
        for value in step.outputs.values():
            origins.setdefault(value, []).append(step.name)
    for value, producers in origins.items():
        if len(producers) > 1:
            yield f"the value {value} comes from {' and from '.join(producers)}"
    taken = [(step.name, value) for step in pipeline.steps for value in step.inputs.values()]
    taken += [("the pipeline's outputs", value) for value in pipeline.outputs]
    for taker, value in taken:
        if value not in origins:
            hint = _did_you_mean(value, origins)
            yield f"{taker} takes {value}, which nothing gives{hint}"
    for value in origins.keys() - {value for _, value in taken}:
        yield f"nothing takes the value {value} that comes from {origins[value][0]}"


def _field_problems(steps: Iterable[Step[Any, Any]]) -> Iterator[str]:
    for step in steps:
        method = step.method
        request = {f.name: f for f in fields(method.request)}
        response = [f.name for f in fields(method.response)]
        for name in (step.inputs.keys() | step.constants.keys()) - request.keys():
            hint = _did_you_mean(name, request)
            yield f"{step.name}: {method.request.__name__} has no field {name}{hint}"
        for name in step.inputs.keys() & step.constants.keys():
            yield f"{step.name}: {method.request.__name__}.{name} is both an input and a constant"
        for name, f in request.items():
            optional = f.default is not MISSING or f.default_factory is not MISSING
            if name not in step.inputs and name not in step.constants and not optional:
                yield f"{step.name}: {method.request.__name__}.{name} is not filled"
        for name in step.outputs.keys() - set(response):
            hint = _did_you_mean(name, response)
            yield f"{step.name}: {method.response.__name__} has no field {name}{hint}"


def _type_problems(pipeline: Pipeline) -> Iterator[str]:
    types = {name: each.type for name, each in pipeline.inputs.items()}
    for name, each in pipeline.inputs.items():
        if each.default is not REQUIRED and not isinstance(each.default, _runtime_type(each.type)):
            default = type(each.default).__name__
            yield f"the input {name} has type {_type_name(each.type)}, its default type {default}"
    for step in pipeline.steps:
        hints = get_type_hints(step.method.response, include_extras=True)
        types.update({value: hints[name] for name, value in step.outputs.items()})
    for step in pipeline.steps:
        hints = get_type_hints(step.method.request, include_extras=True)
        for name, value in step.inputs.items():
            if hints[name] != types[value]:
                request = step.method.request.__name__
                yield (
                    f"{step.name}: the value {value} has type {_type_name(types[value])}, "
                    f"{request}.{name} needs type {_type_name(hints[name])}"
                )


def _cycle_problems(steps: Iterable[Step[Any, Any]]) -> Iterator[str]:
    steps = tuple(steps)
    producers = {value: step.name for step in steps for value in step.outputs.values()}
    graph = {
        step.name: {producers[value] for value in step.inputs.values() if value in producers}
        for step in steps
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield "these steps wait for each other: " + " -> ".join(error.args[1])


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _runtime_type(hint: object) -> type | UnionType:
    """Return what ``isinstance`` takes in place of a type hint such as ``Image``."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    found = bare if isinstance(bare, UnionType) else get_origin(bare) or bare
    return found if isinstance(found, (type, UnionType)) else object


def _type_name(hint: object) -> str:
    kind = getattr(hint, "__metadata__", (None,))[0]
    return str(getattr(kind, "value", getattr(hint, "__name__", hint)))


def mermaid(pipeline: Pipeline) -> str:
    """Return the graph as a Mermaid flowchart, for the documentation."""
    producers = {value: step.name for step in pipeline.steps for value in step.outputs.values()}
    lines = ["flowchart LR"]
    lines += [f"    {value}([{value}])" for value in pipeline.inputs]
    for step in pipeline.steps:
        lines.append(f"    {step.name}[{step.name}]")
        lines += [
            f"    {producers.get(value, value)} -->|{value}| {step.name}"
            for value in step.inputs.values()
        ]
    lines += [
        f"    {producers.get(value, value)} --> {value}([{value}])" for value in pipeline.outputs
    ]
    return "\n".join(lines) + "\n"
