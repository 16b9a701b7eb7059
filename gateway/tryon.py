"""The use case: two photos in, the result out; the same for HTTP and the command line."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import PIL.Image
import structlog

from gateway.admission import AdmissionControl
from gateway.backends.protocol import Backend
from gateway.dag import Call, OnEvent, StageEvent, StageState, ignore
from gateway.heap import trim_malloc
from gateway.options import DEFAULT_OPTIONS, SIZE, Format, OptionValues, Size
from gateway.pipeline import TRY_ON_PIPELINE
from gateway.quality_warnings import WarningInputs, confidence_of, find_warnings
from gateway.result import TryOnResult
from gateway.settings import GatewaySettings
from services.kit.contract import Answer, Method
from services.kit.errors import InputError, NoGarment, NoPerson, PhotosSwapped
from services.kit.pictures import images
from services.kit.types import Image
from services.openpose.contract import ESTIMATE_POSE, EstimatePoseRequest
from services.resize.contract import FIT, FitRequest

PHOTOS_SWAPPED_MESSAGE: Final = (
    "The person's photo shows no person and the garment's photo shows one; if the two are swapped, "
    "send the person as 'image' and the garment as 'cloth', otherwise another photo of the person."
)
"""Message of PhotosSwapped."""

UPLOADS: Final = ("person_upload", "garment_upload")
"""Names of the pipeline's inputs that the person's and the garment's photo fill."""

LEAST_USUAL_PIXELS: Final = 1_000_000
"""Pixels of both photos together below which freed memory is given back before they are decoded.
Super-resolution then needs large blocks, for which what earlier pictures left is of no use."""

MOST_USUAL_PIXELS: Final = 8_000_000
"""Pixels of both photos together above which the same holds for the decoded photos."""

Read = TypeVar("Read")

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Photos:
    """Two image files."""

    person: bytes
    """The file of the person's photo."""

    garment: bytes
    """The file of the garment's photo."""


class TryOn:
    """Runs the pipeline for pairs of photos over a backend, within the limits of the settings."""

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
    ) -> TryOnResult:
        """Make the picture.

        ``on_start`` is called once, after both photos were decoded and before the pipeline starts.
        Raises InputError for photos that cannot be used, Overloaded if the queue is full, and any
        ServiceError with its stage.
        """
        pixels = sum(file.width * file.height for file in _read_both(images.probe, photos))
        async with self._admission.slot():
            if not LEAST_USUAL_PIXELS <= pixels <= MOST_USUAL_PIXELS:
                await asyncio.to_thread(trim_malloc)
            started = time.monotonic()
            timings: dict[str, float] = {}
            remembered: list[str] = []

            def record_timing(event: StageEvent) -> None:
                if event.state is not StageState.STARTED:
                    timings[event.stage] = event.seconds
                if event.state is StageState.REMEMBERED:
                    remembered.append(event.stage)
                on_event(event)

            inputs = await asyncio.to_thread(_decode_both, photos)
            timings["decode"] = time.monotonic() - started
            on_start()
            person_shape, garment_shape = (inputs[name].shape for name in UPLOADS)
            inputs |= options.pipeline_inputs()
            values = await self._run_pipeline(inputs, photos, request_id, record_timing)
            heights = (person_shape[0], garment_shape[0])
            warnings = await asyncio.to_thread(find_warnings, _warning_inputs(values, heights))
            encoding = time.monotonic()
            picture = await asyncio.to_thread(
                _fit_to_upload, values.pop("result_image"), person_shape, options[SIZE]
            )
            data = await asyncio.to_thread(images.encode, picture, picture_format.media_type)
            timings["encode"] = time.monotonic() - encoding
            timings["total"] = time.monotonic() - started
        rounded = {name: round(seconds, 3) for name, seconds in timings.items()}
        log.info(
            "tried on",
            warnings=[str(each.code) for each in warnings],
            remembered=remembered,
            **rounded,
        )
        return TryOnResult(
            media_type=picture_format.media_type,
            width=picture.shape[1],
            height=picture.shape[0],
            image=data,
            timings=timings,
            remembered=tuple(remembered),
            category=values["garment_category"],
            confidence=confidence_of(warnings),
            warnings=warnings,
        )

    async def _run_pipeline(
        self, inputs: dict[str, Any], photos: Photos, request_id: str, on_event: OnEvent
    ) -> dict[str, Any]:
        """Return the pipeline's outputs by name. Empties ``inputs``.

        Raises PhotosSwapped if no person or no garment was found, the person's photo shows no
        person and the garment's photo shows one.
        """

        async def call(method: Method[Any, Any], request: object, seconds: float) -> Answer[Any]:
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
            # Decoded anew: until a picture fails, only the stages that need a photo hold it.
            person, garment = await asyncio.to_thread(_read_both, images.decode, photos)
            if not await _shows_person(call, person) and await _shows_person(call, garment):
                raise PhotosSwapped(PHOTOS_SWAPPED_MESSAGE, stage=error.stage) from error
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
    """Return whether the pose service finds a person in a photo."""
    fitted = (await call(FIT, FitRequest(photo), FIT.deadline_seconds)).response
    request = EstimatePoseRequest(fitted.image)
    try:
        await call(ESTIMATE_POSE, request, ESTIMATE_POSE.deadline_seconds)
    except NoPerson:
        return False
    return True


def _read_both(read: Callable[[bytes], Read], photos: Photos) -> tuple[Read, Read]:
    """Read the person's and the garment's file; an error names the one it is about."""
    return (
        _read_photo(read, photos.person, "person_upload", "The person's photo"),
        _read_photo(read, photos.garment, "garment_upload", "The garment's photo"),
    )


def _decode_both(photos: Photos) -> dict[str, Any]:
    """Decode both photos; return them by the names of the pipeline's inputs."""
    return dict(zip(UPLOADS, _read_both(images.decode, photos), strict=True))


def _read_photo(read: Callable[[bytes], Read], data: bytes, stage: str, whose: str) -> Read:
    try:
        return read(data)
    except InputError as error:
        raise type(error)(f"{whose}: {error.message}", stage=stage) from error


def _fit_to_upload(picture: Image, person_shape: tuple[int, ...], size: Size) -> Image:
    """Return the picture, resampled to the size of the person's photo if that is asked for."""
    if size is not Size.UPLOAD or picture.shape == person_shape:
        return picture
    width_and_height = (person_shape[1], person_shape[0])
    resized = PIL.Image.fromarray(picture).resize(width_and_height, PIL.Image.Resampling.LANCZOS)
    return np.asarray(resized)
