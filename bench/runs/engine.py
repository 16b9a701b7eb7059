"""Runs the pipeline in this process and returns its intermediate values."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Self, cast

import numpy as np

from bench.runs.cases import Case
from gateway.backends.embedded import EmbeddedBackend
from gateway.dag import Pipeline, StageEvent, StageState
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.settings import get_gateway_settings
from services.human_parse.contract import PARSE, ParseRequest, ParseResponse
from services.kit.settings import get_settings
from services.kit.types import Image, Keypoints, LabelMap, Mask

ROOT: Final = Path(__file__).resolve().parents[2]
"""The checkout."""

MEASURED_VALUES: Final = (
    "person",
    "garment",
    "keypoints",
    "garment_mask",
    "labels",
    "part_labels",
    "try_on_canvas",
    "edit_mask",
    "result_image",
)
"""The values of the graph that are measured."""

PIPELINE_WITH_INTERMEDIATES: Final = Pipeline(
    "try_on_with_intermediates",
    inputs=TRY_ON_PIPELINE.inputs,
    steps=TRY_ON_PIPELINE.steps,
    outputs=dict.fromkeys((*TRY_ON_PIPELINE.outputs, *MEASURED_VALUES)),
)
"""The graph of a try-on with ``MEASURED_VALUES`` among its outputs."""


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What the pipeline made of a case, on the canvas if not said otherwise."""

    person: Image
    """The person."""
    garment: Image
    """The garment alone."""
    keypoints: Keypoints
    """The person's joints, 25 x 3: x, y, confidence."""
    garment_mask: Mask
    """The garment's mask."""
    labels: LabelMap
    """The person's CIHP labels."""
    part_labels: LabelMap
    """The person's DensePose part ids."""
    try_on_canvas: Image
    """The person in the garment."""
    edit_mask: Mask
    """The pixels that the try-on changed."""
    result_image: Image
    """The picture, in the frame of the photo."""
    try_on_labels: LabelMap
    """The CIHP labels of ``try_on_canvas``."""
    reference_labels: LabelMap | None
    """The CIHP labels of the case's result, None if it has none."""
    seconds: dict[str, float]
    """Seconds of every stage."""

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "seconds"}
        arrays = {name: value for name, value in values.items() if value is not None}
        names = np.array(list(self.seconds), str)
        with path.open("wb") as file:
            np.savez_compressed(
                file, **arrays, stages=names, seconds=np.array(list(self.seconds.values()))
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that ``save`` wrote."""
        with np.load(path) as file:
            arrays: dict[str, Any] = dict(file)
        names = (str(name) for name in arrays.pop("stages"))
        seconds = dict(zip(names, map(float, arrays.pop("seconds")), strict=True))
        return cls(**{"reference_labels": None, **arrays}, seconds=seconds)


class Engine:
    """The pipeline over services that are loaded in this process."""

    def __init__(self, backend: EmbeddedBackend) -> None:
        self._backend = backend

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """Load every service for the block; close them after it."""
        backend = EmbeddedBackend(get_settings())
        await backend.start()
        try:
            yield cls(backend)
        finally:
            await backend.close()

    async def make(self, case: Case) -> RunResult:
        """Run the pipeline on a case, and parse the result. Raises TryOnError."""
        settings = get_gateway_settings()
        seconds: dict[str, float] = {}

        def note(event: StageEvent) -> None:
            if event.state is StageState.FINISHED:
                seconds[event.stage] = event.seconds

        values = await PIPELINE_WITH_INTERMEDIATES.run(
            lambda method, request, limit: self._backend.call(method, request, limit, case.name),
            {
                "person_upload": case.person,
                "garment_upload": case.garment,
                "category": case.truth.category,
            },
            deadline=settings.deadline * DEADLINE_FACTOR,
            stage_deadline_factor=settings.stage_deadline_factor * DEADLINE_FACTOR,
            on_event=note,
        )
        return RunResult(
            **{name: values[name] for name in MEASURED_VALUES},
            try_on_labels=await self._parse(values["try_on_canvas"], values["keypoints"]),
            reference_labels=(
                None if case.result is None else await self._parse(case.result, values["keypoints"])
            ),
            seconds=seconds,
        )

    async def _parse(self, image: Image, keypoints: Keypoints) -> LabelMap:
        request = ParseRequest(image, keypoints)
        answer = await self._backend.call(
            PARSE, request, PARSE.deadline_seconds * DEADLINE_FACTOR, "parse"
        )
        return cast("ParseResponse", answer.response).labels


DEADLINE_FACTOR: Final = 10.0
"""Factor on every deadline, because a bench may run beside other work."""


def fingerprint(case: Case, *, uploads: bool) -> str:
    """Return an id of a case and the code that runs it: the same id means the same pictures.

    Weights are compared by their names and sizes.
    """
    digest = hashlib.sha256(str(uploads).encode())
    for path in _sources():
        digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    models = get_settings().models_dir
    for path in sorted(models.glob("*")) if models.is_dir() else ():
        digest.update(f"{path.name} {path.stat().st_size}".encode())
    for array in (case.person, case.garment, case.result):
        digest.update(b"" if array is None else array.tobytes())
    digest.update(case.truth.category.encode())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    """Yield the files that the pictures depend on; of the gateway that is the graph."""
    yield ROOT / "gateway" / "pipeline.py"
    yield from sorted(path for path in (ROOT / "services").rglob("*") if _counts(path))


def _counts(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
