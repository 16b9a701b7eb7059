"""Contract of the human parsing service (``protos/tryon/v1/human_parse.proto``)."""

from dataclasses import dataclass

from services.kit.contract import Contract, Method
from services.kit.types import Image, Keypoints, LabelMap


@dataclass(frozen=True)
class ParseRequest:
    """A photo of a person, and the joints."""

    image: Image
    """The photo."""
    keypoints: Keypoints
    """The joints in BODY_25, in pixels of the photo."""


@dataclass(frozen=True)
class ParseResponse:
    """The labels of a person's pixels."""

    labels: LabelMap
    """CIHP ids, 0 to 19, of the photo's size."""


PARSE = Method(
    service="human_parse",
    rpc="Parse",
    request=ParseRequest,
    response=ParseResponse,
    deadline_seconds=60.0,
    memoized=True,
)
"""Labels a person's pixels."""

CONTRACT = Contract("human_parse", "tryon.v1.HumanParse", 50053, (PARSE,))
"""The contract of this service."""
