"""Chooses the try-on engine."""

import json
from collections.abc import Callable
from functools import partial
from typing import Final

from tryon.venuns import venuns_pb2

from services.kit import engines
from services.kit.categories import GARMENT_CATEGORIES, UPPER, check_category
from services.kit.errors import InvalidOption
from services.kit.openpose_json import to_openpose_json
from services.kit.runtimes import sessions
from services.kit.service import Service
from services.kit.settings import get_settings
from services.kit.types import Image
from services.kit.weights import store
from services.kit.wire import upstream_containers
from services.viton.contract import TryOnRequest, TryOnResponse
from services.viton.core import try_on
from services.viton.garment.photo import GarmentPhoto
from services.viton.memo import Memo, MemoLimits
from services.viton.person.photo import PersonPhoto
from services.viton.published import common, hr_viton, viton_hd

MAX_MEMO_MB: Final = 64
"""Most megabytes that the engine ``warp`` remembers: about two people and two tops."""

MB: Final = 1_000_000
"""Bytes of a megabyte."""


def load_project_engine() -> Service:
    """Load this project's own engine, ``warp``: geometry and image composition, no weights."""
    settings = get_settings()
    memo = Memo(
        MemoLimits(
            max_bytes=min(MAX_MEMO_MB, settings.memo_mb) * MB, max_seconds=settings.memo_seconds
        )
    )

    def handle(request: TryOnRequest) -> TryOnResponse:
        made = try_on(
            PersonPhoto(request.person, request.keypoints, request.labels, memo),
            GarmentPhoto(request.garment, request.garment_mask, request.garment_attributes, memo),
            request.category,
        )
        return TryOnResponse(made.image, made.edit_mask, made.garment_flow, made.garment_alpha)

    return Service(engine="warp", handlers={"TryOn": handle}, close=memo.clear)


def load_upstream_container() -> Service:
    """Call the upstream container (engine ``venuns``), which runs HR-VITON: no weights here."""
    upstream = upstream_containers.UpstreamContainerClient("viton", upstream_containers.VITON)

    def handle(request: TryOnRequest) -> TryOnResponse:
        check_category(request.category, GARMENT_CATEGORIES)
        if request.category != UPPER:
            raise InvalidOption(
                "The engine venuns knows upper garments only; send category=upper, or ask for the "
                "engine warp with TRYON_VITON_ENGINE."
            )
        person = request.person
        answer = upstream.call(
            venuns_pb2.TryOnRequest(
                cloth=upstream_containers.encode_photo(request.garment),
                mask=upstream_containers.encode_lossless(request.garment_mask),
                image=upstream_containers.encode_photo(person),
                image_parse=upstream_containers.encode_lossless(request.labels),
                image_pose=upstream_containers.encode_lossless(request.skeleton),
                pose_json=json.dumps(to_openpose_json(request.keypoints)),
                parse_agnostic=upstream_containers.encode_lossless(request.agnostic_labels),
                image_densepose=upstream_containers.encode_lossless(request.part_image),
            )
        )
        image = upstream.decode_image(answer.message, *person.shape[:2])
        return common.whole_image_response(person, image)

    return Service(
        engine="venuns", handlers={"TryOn": handle}, close=upstream.close, reproducible=False
    )


def load_viton_hd() -> Service:
    """Load VITON-HD's three networks, which the user brings.

    Raises WeightsMissing where one is not here.
    """
    networks = viton_hd.Networks(
        *(_load_network(f"viton_hd_{name}") for name in viton_hd.NETWORK_NAMES)
    )
    return _serve_published("viton_hd", partial(viton_hd.try_on, networks))


def load_hr_viton() -> Service:
    """Load HR-VITON's two networks, which the user brings.

    Raises WeightsMissing where one is not here.
    """
    networks = hr_viton.Networks(
        *(_load_network(f"hr_viton_{name}") for name in hr_viton.NETWORK_NAMES)
    )
    return _serve_published("hr_viton", partial(hr_viton.try_on, networks))


def _serve_published(engine: str, generate: Callable[[TryOnRequest, int], Image]) -> Service:
    seed = get_settings().viton_seed

    def handle(request: TryOnRequest) -> TryOnResponse:
        return common.whole_image_response(request.person, generate(request, seed))

    return Service(engine=engine, handlers={"TryOn": handle})


def _load_network(name: str) -> common.RunNetwork:
    return common.wrap_session(
        sessions.onnx_session(store.find_weights(f"{name}.onnx"), arena=False)
    )


ENGINES: Final[dict[str, Callable[[], Service]]] = {
    "warp": load_project_engine,
    "venuns": load_upstream_container,
    "viton_hd": load_viton_hd,
    "hr_viton": load_hr_viton,
}
"""The first is the default."""


def load() -> Service:
    """Load the engine that ``TRYON_VITON_ENGINE`` names, by default ``warp``."""
    return engines.choose_loader("viton", ENGINES)()
