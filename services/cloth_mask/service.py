"""Garment masks: engines and requests."""

from typing import Final

from services.cloth_mask import core, model
from services.cloth_mask.contract import SegmentRequest, SegmentResponse
from services.kit import engines
from services.kit.service import Service


def load_u2net() -> Service:
    """U2-Net trained on clothes. Raises WeightsMissing."""
    network = model.load()

    def segment(request: SegmentRequest) -> SegmentResponse:
        image = request.image
        height, width = image.shape[:2]
        probability = core.enlarge(model.garment(network, image, model.FIRST_SIDE), height, width)
        if core.doubtful(probability):
            box = core.second_look(image, probability)
            closer = image[box.top : box.bottom, box.left : box.right]
            again = model.garment(network, closer, model.SECOND_SIDE)
            probability = core.combine(image, probability, again, box)
        return SegmentResponse(mask=core.mask(image, probability))

    return Service(engine="u2net", handlers={"Segment": segment})


ENGINES: Final = {"u2net": load_u2net}
"""The first is the default."""


def load() -> Service:
    """Load the configured engine. Raises UnknownEngine and WeightsMissing."""
    return engines.choose("cloth_mask", ENGINES)()
