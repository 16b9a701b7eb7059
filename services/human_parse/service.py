"""Human parsing: engines and requests."""

from typing import Final

from tryon.venuns import venuns_pb2

from services.human_parse import core, looks, model
from services.human_parse.contract import ParseRequest, ParseResponse
from services.kit import engines, sessions, venuns, weights
from services.kit.service import Service
from services.kit.u2net import FILE, U2NetCloth


def load_fusion() -> Service:
    """Clothes network, person segmenter and keypoints, fused. Raises WeightsMissing."""
    clothes = U2NetCloth(sessions.onnx_session(weights.path(FILE)))
    segmenter = model.SelfieMulticlass(
        sessions.tflite_interpreter(weights.path("selfie_multiclass_256x256.tflite"))
    )

    def parse(request: ParseRequest) -> ParseResponse:
        image = request.image
        height, width = image.shape[:2]
        whole = looks.Box(0, 0, width, height)
        seen = [(whole, segmenter.people(image))]
        first = looks.join(seen)
        frame = core.frame(request.keypoints, first)
        seen += [
            (box, segmenter.people(image[box.window]))
            for box in looks.closer(first, frame, height, width)
        ]
        people = looks.join(seen)
        person = looks.around(first, frame, height, width)
        worn = clothes.probabilities(image[person.window], model.GARMENT_SIDE)
        garments = looks.place(worn, person, height, width)
        return ParseResponse(labels=core.parse(image, request.keypoints, people, garments))

    return Service(engine="fusion", handlers={"Parse": parse})


def load_venuns() -> Service:
    """Ask the ancestor's container: no weights here."""
    ancestor = venuns.Ancestor("human_parse", venuns.HUMAN_PARSE)

    def parse(request: ParseRequest) -> ParseResponse:
        image = request.image
        answer = ancestor.ask(venuns_pb2.Photo(image=venuns.photo_file(image)))
        return ParseResponse(labels=ancestor.labels(answer.parse, *image.shape[:2]))

    return Service(engine="venuns", handlers={"Parse": parse}, close=ancestor.close)


ENGINES: Final = {"fusion": load_fusion, "venuns": load_venuns}
"""The first is the default."""


def load() -> Service:
    """Load the configured engine. Raises UnknownEngine and WeightsMissing."""
    return engines.choose("human_parse", ENGINES)()
