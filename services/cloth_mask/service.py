"""Garment masks: engines and requests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tryon.venuns import venuns_pb2

from services.cloth_mask import core, model
from services.cloth_mask.category import resolve_category
from services.cloth_mask.contract import (
    IsolateRequest,
    IsolateResponse,
    SegmentRequest,
    SegmentResponse,
    as_it_is,
    is_worn,
)
from services.cloth_mask.isolate import isolate_garment
from services.cloth_mask.subject import (
    CLOSE_SIDE_PX,
    find_subject,
    is_look_sufficient,
    place_in_photo,
)
from services.kit import engines
from services.kit.cancellation import check_cancelled
from services.kit.categories import AUTO, REQUEST_CATEGORIES, UPPER, check_category
from services.kit.errors import InvalidRequest, NoGarment
from services.kit.raster.guided_filter import Plane
from services.kit.raster.pixel_box import PixelBox
from services.kit.runtimes import int8
from services.kit.runtimes.u2net import FILE, INT8_FILE, U2NetCloth
from services.kit.service import Service
from services.kit.types import CANVAS_HEIGHT, CANVAS_WIDTH, Image
from services.kit.wire import upstream_containers


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the network found in a photo."""

    probability: Plane
    """Probability that a pixel is garment, H x W of the photo."""
    classes: NDArray[np.float32]
    """h x w x 4: probability of background, upper, lower and full-body garments in the box."""
    box: PixelBox
    """The rectangle that the network saw, in pixels of the photo."""


def load_u2net() -> Service:
    """U2-Net trained on clothes, as rembg exported it. Raises WeightsMissing."""
    return _load_u2net_engine("u2net", int8.choose_file(FILE, INT8_FILE))


def load_u2net_pth() -> Service:
    """U2-Net trained on clothes, from its authors' own file. Raises WeightsMissing."""
    return _load_u2net_engine("u2net_pth", model.CONVERTED)


def _load_u2net_engine(engine: str, file: str) -> Service:
    network, attributes_network = model.load(file), model.load_attributes_network()

    def answer(request: SegmentRequest) -> SegmentResponse:
        return segment(request, network, attributes_network)

    return Service(
        engine=engine,
        handlers={"Segment": answer, "Isolate": _isolate_handler(attributes_network)},
    )


def segment(
    request: SegmentRequest, network: U2NetCloth, attributes_network: model.AttributesNetwork
) -> SegmentResponse:
    """Find the garment's mask, category and attributes. Raises InvalidRequest and NoGarment."""
    check_category(request.category, REQUEST_CATEGORIES)
    close = look_at_subject(network, request.image)
    if close is not None:
        response = _respond(request, close, attributes_network)
        # Seen small, a coat or a dress passes for another garment; the reading tells which do.
        sure = response.category in {UPPER, response.attributes.category}
        if sure or request.category != AUTO:
            return response
    return _respond(request, look_at_photo(network, request.image), attributes_network)


def _respond(
    request: SegmentRequest, look: Look, attributes_network: model.AttributesNetwork
) -> SegmentResponse:
    check_cancelled()
    mask = core.make_mask(request.image, look.probability)
    category = resolve_category(request.category, look.classes, mask[look.box.window])
    return SegmentResponse(mask, category, attributes_network.read(request.image, mask))


def look_at_subject(network: U2NetCloth, image: Image) -> Look | None:
    """Run the network on what stands out from a plain background.

    Returns None where the whole photo must be seen.
    """
    subject = find_subject(image)
    if subject is None:
        return None
    classes = network.probabilities(image[subject.box.window], CLOSE_SIDE_PX)
    probability = place_in_photo(model.garment_probability(classes), subject.box, *image.shape[:2])
    probability = core.open_gaps(image, probability)
    if not is_look_sufficient(probability, subject):
        return None
    return Look(probability=probability, classes=classes, box=subject.box)


def look_at_photo(network: U2NetCloth, image: Image) -> Look:
    """Run the network on the whole photo and, where it is in doubt, on the garment again."""
    height, width = image.shape[:2]
    classes = network.probabilities(image, model.FIRST_SIDE_PX)
    probability = core.resize_probability(model.garment_probability(classes), height, width)
    if core.needs_second_look(probability):
        box = core.second_look_box(image, probability)
        closer = image[box.window]
        again = model.garment_probability(network.probabilities(closer, model.SECOND_SIDE_PX))
        probability = core.combine_looks(image, probability, again, box)
    whole = PixelBox(0, 0, width, height)
    return Look(probability=probability, classes=classes, box=whole)


def _isolate_handler(
    attributes_network: model.AttributesNetwork,
) -> Callable[[IsolateRequest], IsolateResponse]:
    def isolate(request: IsolateRequest) -> IsolateResponse:
        check_category(request.category, REQUEST_CATEGORIES)
        _check(request)
        if not is_worn(request):
            return as_it_is(request)
        pictures = (request.image, request.image_high_res)
        try:
            alone = isolate_garment(pictures, request.labels, request.keypoints, request.category)
        except NoGarment:
            # Somebody is there, but nothing that they wear: what was found is not theirs.
            if request.category == AUTO:
                return as_it_is(request)
            raise
        image, image_high_res = alone.pictures
        return IsolateResponse(
            image=image,
            image_high_res=image_high_res,
            mask=alone.mask,
            attributes=attributes_network.read(image, alone.mask),
            category=alone.category,
        )

    return isolate


def _check(request: IsolateRequest) -> None:
    height, width = request.image.shape[:2]
    if height * width > CANVAS_HEIGHT * CANVAS_WIDTH:
        raise InvalidRequest(
            f"The garment's photo is {width} x {height} pixels; send it at {CANVAS_WIDTH} x "
            f"{CANVAS_HEIGHT} at most, and the larger one beside it.",
            stage="cloth_mask",
        )
    sizes = {request.mask.shape, request.labels.shape, (height, width)}
    if len(sizes) > 1 or not _proportional(request.image, request.image_high_res):
        raise InvalidRequest(
            "The garment's photo, its mask, its labels and the larger photo do not fit; send those "
            "of this photo, and the larger one in the same proportions.",
            stage="cloth_mask",
        )


def _proportional(image: Image, image_high_res: Image) -> bool:
    (height, width), (high, wide) = image.shape[:2], image_high_res.shape[:2]
    return bool(high >= height and abs(wide / high - width / height) < 1 / height)


def load_venuns() -> Service:
    """Call the upstream container for the mask; the garment is read here."""
    attributes_network = model.load_attributes_network()
    upstream = upstream_containers.UpstreamContainerClient(
        "cloth_mask", upstream_containers.CLOTH_MASK
    )

    def segment(request: SegmentRequest) -> SegmentResponse:
        check_category(request.category, REQUEST_CATEGORIES)
        image = request.image
        answer = upstream.call(
            venuns_pb2.PhotoRequest(image=upstream_containers.encode_photo(image))
        )
        mask = upstream.decode_mask(answer.message, *image.shape[:2])
        if np.count_nonzero(mask) < core.MIN_GARMENT_SHARE * mask.size:
            raise NoGarment(core.NO_GARMENT, stage="cloth_mask")
        # The upstream container knows upper garments only.
        category = UPPER if request.category == AUTO else request.category
        return SegmentResponse(mask, category, attributes_network.read(image, mask))

    return Service(
        engine="venuns",
        handlers={"Segment": segment, "Isolate": _isolate_handler(attributes_network)},
        close=upstream.close,
        reproducible=False,
    )


ENGINES: Final = {"u2net": load_u2net, "u2net_pth": load_u2net_pth, "venuns": load_venuns}
"""The first is the default."""


def load() -> Service:
    """Load the configured engine. Raises UnknownEngine and WeightsMissing."""
    return engines.choose_loader("cloth_mask", ENGINES)()
