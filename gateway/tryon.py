"""The use case: two photos in, the picture out; the same for HTTP and the command line."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import numpy as np
import PIL.Image
import structlog

from gateway.admission import AdmissionControl
from gateway.backends import Backend
from gateway.dag import Call, OnEvent, StageEvent, State, ignore
from gateway.options import DEFAULT_OPTIONS, SIZE, Format, OptionValues, Size
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.quality_warnings import (
    QualityWarning,
    WarningInputs,
    confidence_of,
    find_warnings,
)
from gateway.settings import GatewaySettings
from services.kit.contract import Method
from services.kit.errors import InputError, NoGarment, NoPerson, PhotosSwapped
from services.kit.pictures import images
from services.kit.types import Image
from services.openpose.contract import ESTIMATE_POSE, EstimatePoseRequest
from services.resize.contract import FIT, FitRequest, FitResponse

PHOTOS_SWAPPED: Final = (
    "The person's photo shows no person and the garment's photo shows one; if the two are swapped, "
    "send the person as 'image' and the garment as 'cloth', else another photo of the person."
)

Read = TypeVar("Read")

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Photos:
    """Two encoded pictures: the person's and the garment's."""

    person: bytes
    garment: bytes


@dataclass(frozen=True)
class Result:
    """The picture as a file, its size in pixels, and the seconds of every stage and of all.

    ``category`` is what the garment was worn as: ``upper``, ``lower`` or ``dress``.
    ``warnings`` say what may look wrong.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    timings: Mapping[str, float]
    category: str
    warnings: tuple[QualityWarning, ...] = ()

    @property
    def confidence(self) -> float:
        """The product of the warnings' weights, 0 to 1."""
        return confidence_of(self.warnings)


class TryOn:
    """Runs the pipeline for one pair of photos after the other over a backend."""

    def __init__(self, backend: Backend, settings: GatewaySettings) -> None:
        self._backend = backend
        self._deadline = settings.deadline
        self._stage_deadline_factor = settings.stage_deadline_factor
        self._admission = AdmissionControl(
            max_concurrent=settings.max_concurrent_try_ons,
            max_queued=settings.max_queued_try_ons,
        )

    async def run(
        self,
        photos: Photos,
        options: OptionValues = DEFAULT_OPTIONS,
        *,
        request_id: str,
        picture_format: Format = Format.PNG,
        on_start: Callable[[], None] = lambda: None,
        on_event: OnEvent = ignore,
    ) -> Result:
        """Make the picture.

        ``on_start`` is called when both photos were read and the pipeline starts. Raises
        InputError for photos that cannot be used, Overloaded when too many are waiting, and any
        ServiceError with its stage.
        """
        _each(images.probe, photos)
        async with self._admission.slot():
            started = time.monotonic()
            timings: dict[str, float] = {}

            def note(event: StageEvent) -> None:
                if event.state is not State.STARTED:
                    timings[event.stage] = event.seconds
                on_event(event)

            person, garment = await asyncio.to_thread(_each, images.decode, photos)
            frame = (person.shape[1], person.shape[0])
            timings["decode"] = time.monotonic() - started
            on_start()
            inputs = {
                "person_upload": person,
                "garment_upload": garment,
                **options.pipeline_inputs(),
            }
            values = await self._run_pipeline(inputs, request_id, note)
            heights = (person.shape[0], garment.shape[0])
            warnings = await asyncio.to_thread(find_warnings, _warning_inputs(values, heights))
            picture = values.pop("result_image")
            encoding = time.monotonic()
            result = await asyncio.to_thread(_encode, picture, picture_format, options[SIZE], frame)
            timings["encode"] = time.monotonic() - encoding
            timings["total"] = time.monotonic() - started
        told = {name: round(seconds, 3) for name, seconds in timings.items()}
        log.info("tried on", warnings=[each.code for each in warnings], **told)
        worn_as = values["garment_category"]
        return Result(*result, timings=timings, category=worn_as, warnings=warnings)

    async def _run_pipeline(
        self, inputs: Mapping[str, Any], request_id: str, on_event: OnEvent
    ) -> dict[str, Any]:
        """Return the pipeline's outputs by name.

        Raises PhotosSwapped if no person or no garment was found, the person's photo shows no
        person and the garment's photo shows one.
        """

        async def call(method: Method[Any, Any], request: object, seconds: float) -> object:
            return await self._backend.call(method, request, seconds, request_id)

        try:
            return await TRY_ON_PIPELINE.run(
                call,
                inputs,
                deadline=self._deadline,
                stage_deadline_factor=self._stage_deadline_factor,
                on_event=on_event,
            )
        except (NoPerson, NoGarment) as error:
            person, garment = inputs["person_upload"], inputs["garment_upload"]
            if not await _shows_person(call, person) and await _shows_person(call, garment):
                raise PhotosSwapped(PHOTOS_SWAPPED, stage=error.stage) from error
            raise


def _warning_inputs(values: Mapping[str, Any], heights: tuple[int, int]) -> WarningInputs:
    """Collect the graph's values and the heights of the person's and the garment's photo."""
    return WarningInputs(
        person_count=values["person_count"],
        body_yaw_degrees=values["body_yaw_degrees"],
        keypoints=values["keypoints"],
        person_placement=values["person_placement"],
        person_height_px=heights[0],
        garment_mask=values["garment_mask"],
        garment_placement=values["garment_placement"],
        garment_height_px=heights[1],
        garment_attributes=values["garment_attributes"],
        garment_worn=bool(values["wearer_keypoints"].any()),
    )


async def _shows_person(call: Call, photo: Image) -> bool:
    fitted = cast("FitResponse", await call(FIT, FitRequest(photo), FIT.deadline))
    try:
        await call(ESTIMATE_POSE, EstimatePoseRequest(fitted.image), ESTIMATE_POSE.deadline)
    except NoPerson:
        return False
    return True


def _each(read: Callable[[bytes], Read], photos: Photos) -> tuple[Read, Read]:
    """Read both files; an error says which of the two it is about."""
    return (
        _read(read, photos.person, "person_upload", "The person's photo"),
        _read(read, photos.garment, "garment_upload", "The garment's photo"),
    )


def _read(read: Callable[[bytes], Read], data: bytes, stage: str, whose: str) -> Read:
    try:
        return read(data)
    except InputError as error:
        raise type(error)(f"{whose}: {error.message}", stage=stage) from error


def _encode(
    picture: Image,
    picture_format: Format,
    size: Size,
    frame: tuple[int, int],
) -> tuple[bytes, str, int, int]:
    """Bring the picture to ``frame`` (width, height) if asked to, and write it as a file."""
    media_type = picture_format.media_type
    height, width = picture.shape[:2]
    if size is Size.UPLOAD and (width, height) != frame:
        resized = PIL.Image.fromarray(picture).resize(frame, PIL.Image.Resampling.LANCZOS)
        picture, (width, height) = np.asarray(resized), frame
    return images.encode(picture, media_type), media_type, width, height
