"""Human parsing: engines and requests."""

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
from tryon.venuns import venuns_pb2

from services.human_parse import core, crops, model, pgn, schp
from services.human_parse.contract import ParseRequest, ParseResponse
from services.human_parse.resampling import F32
from services.kit import engines
from services.kit.raster.pixel_box import PixelBox
from services.kit.runtimes import int8, sessions
from services.kit.runtimes.u2net import FILE, INT8_FILE, U2NetCloth
from services.kit.service import Service
from services.kit.settings import get_settings
from services.kit.weights import store
from services.kit.wire import upstream_containers


def load_fusion() -> Service:
    """Clothes network, person segmenter and keypoints, fused. Raises WeightsMissing."""
    file = store.find_weights(int8.choose_file(FILE, INT8_FILE))
    clothes = U2NetCloth(sessions.onnx_session(file))
    segmenter = model.SelfieMulticlass(
        sessions.tflite_interpreter(store.find_weights("selfie_multiclass_256x256.tflite"))
    )

    def parse(request: ParseRequest) -> ParseResponse:
        image = request.image
        height, width = image.shape[:2]
        whole = PixelBox(0, 0, width, height)
        seen = [(whole, segmenter.people(image))]
        first = crops.blend_crops(seen)
        frame = core.measure_person(request.keypoints, first)
        seen += [
            (box, segmenter.people(image[box.window]))
            for box in crops.detail_crops(first, frame, height, width)
        ]
        people = crops.blend_crops(seen)
        person = crops.person_box(first, frame, height, width)
        cropped = clothes.probabilities(image[person.window], model.GARMENT_SIDE_PX)
        garments = crops.paste_crop(cropped, person, height, width)
        return ParseResponse(labels=core.parse(image, request.keypoints, people, garments))

    return Service(engine="fusion", handlers={"Parse": parse})


def load_venuns() -> Service:
    """Call the upstream container: no weights here."""
    upstream = upstream_containers.UpstreamContainerClient(
        "human_parse", upstream_containers.HUMAN_PARSE
    )

    def parse(request: ParseRequest) -> ParseResponse:
        image = request.image
        answer = upstream.call(
            venuns_pb2.PhotoRequest(image=upstream_containers.encode_photo(image))
        )
        return ParseResponse(labels=upstream.decode_labels(answer.parse, *image.shape[:2]))

    return Service(
        engine="venuns", handlers={"Parse": parse}, close=upstream.close, reproducible=False
    )


def _load_schp(engine: str, file: str, dataset: schp.Dataset) -> Service:
    session = sessions.onnx_session(store.find_weights(file))
    (picture, *_), outputs = session.get_inputs(), session.get_outputs()

    def run(square: F32) -> F32:
        (parsing,) = session.run([outputs[schp.FUSION].name], {picture.name: square})
        return np.asarray(parsing[0], np.float32)

    def parse(request: ParseRequest) -> ParseResponse:
        return ParseResponse(labels=schp.parse(request.image, request.keypoints, run, dataset))

    return Service(engine=engine, handlers={"Parse": parse})


def _load_pgn() -> Service:
    # Each of the photo's sizes would leave its own memory in the arena.
    session = sessions.onnx_session(store.find_weights("pgn.onnx"), arena=False)
    scales = get_settings().pgn_scales

    def run(picture: F32) -> F32:
        (parsing,) = session.run(["parsing"], {"picture": picture})
        return np.asarray(parsing[0], np.float32)

    def parse(request: ParseRequest) -> ParseResponse:
        return ParseResponse(labels=pgn.parse(request.image, run, scales))

    return Service(engine="pgn", handlers={"Parse": parse})


ENGINES: Final[dict[str, Callable[[], Service]]] = {
    "fusion": load_fusion,
    "venuns": load_venuns,
    "pgn": _load_pgn,
    "schp_lip": partial(_load_schp, "schp_lip", "schp_lip.onnx", schp.LIP),
    "schp_atr": partial(_load_schp, "schp_atr", "schp_atr.onnx", schp.ATR),
    "schp_lip_pth": partial(_load_schp, "schp_lip_pth", "schp_lip_pth.onnx", schp.LIP),
    "schp_atr_pth": partial(_load_schp, "schp_atr_pth", "schp_atr_pth.onnx", schp.ATR),
}
"""The first is the default; PGN's and SCHP's need weights that their users bring."""


def load() -> Service:
    """Load the configured engine. Raises UnknownEngine and WeightsMissing."""
    return engines.choose_loader("human_parse", ENGINES)()
