"""Call the containers of github.com/T4t4KAU/VirtualTryOnSystem (images ``venuns/*``).

The engines ``venuns`` of five services use this module; the messages are in
``protos/tryon/venuns/venuns.proto``. Responses are not trusted: text and images are bounded before
they are decoded, and an unusable response raises BadAnswer.
"""

import base64
import binascii
import io
import os
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, cast

import grpc
import numpy as np
import PIL.Image
from google.protobuf.message import Message
from tryon.venuns import venuns_pb2

from services.kit.cancellation import Cancelled, current_token
from services.kit.errors import (
    BadAnswer,
    DeadlineExceeded,
    InputError,
    InvalidRequest,
    ServiceUnavailable,
    TryOnError,
)
from services.kit.labels import PALETTE, Label
from services.kit.pictures import images
from services.kit.settings import get_settings
from services.kit.types import Image, LabelMap, Mask

MIB: Final = 1024 * 1024
"""Bytes of a mebibyte."""

MAX_REQUEST_BYTES: Final = 4 * MIB
"""Bytes of one request: gRPC's default limit of a server."""

MAX_RESPONSE_BYTES: Final = 16 * MIB
"""Bytes of one response: four times a canvas of raw RGB in base64."""

COMPOSE_FILE: Final = "docker-compose.venuns.yml"
"""Compose file that starts the containers."""

MIN_INSIDE_GREY: Final = 128
"""Grey level, 0 to 255, from which a pixel of a returned mask is inside."""

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


@dataclass(frozen=True)
class Rpc(Generic[Request, Response]):
    """One procedure of an upstream container."""

    path: str
    """Path of the procedure, as gRPC writes it: ``/Service/Method``."""
    request: type[Request]
    """Message class of the request."""
    response: type[Response]
    """Message class of the response."""
    address: str
    """``host:port`` of the container in the compose file."""


CLOTH_MASK: Final = Rpc(
    "/ClothSegmentation/Generate",
    venuns_pb2.PhotoRequest,
    venuns_pb2.TextResponse,
    "venuns-clothmask:50051",
)
"""Returns the mask of a garment."""

DENSEPOSE: Final = Rpc(
    "/Densepose/Generate",
    venuns_pb2.PhotoRequest,
    venuns_pb2.TextResponse,
    "venuns-densepose:50052",
)
"""Returns the DensePose part image of a person."""

HUMAN_PARSE: Final = Rpc(
    "/HumanParse/Generate",
    venuns_pb2.PhotoRequest,
    venuns_pb2.LabelsResponse,
    "venuns-humanparse:50053",
)
"""Returns the CIHP labels of a person."""

AGNOSTIC: Final = Rpc(
    "/ParseAgnostic/Generate",
    venuns_pb2.AgnosticRequest,
    venuns_pb2.TextResponse,
    "venuns-parse-agnostic:50055",
)
"""Returns the labels without the existing garment."""

VITON: Final = Rpc(
    "/Vitons/Generate", venuns_pb2.TryOnRequest, venuns_pb2.TextResponse, "venuns-vitons:50059"
)
"""Returns the person with the garment."""


class UpstreamContainerClient(Generic[Request, Response]):
    """Client of one upstream container, for the service named ``service``.

    The address is ``TRYON_<SERVICE>_VENUNS_ADDRESS`` as ``host:port``, by default that of the
    compose file. The client connects with the first call, which may come from any thread.
    """

    def __init__(self, service: str, rpc: Rpc[Request, Response]) -> None:
        self._service = service
        self._variable = f"TRYON_{service.upper()}_VENUNS_ADDRESS"
        self._address = os.environ.get(self._variable, "").strip() or rpc.address
        self._seconds = get_settings().venuns_deadline
        # No keepalive: upstream servers have gRPC's default, which closes the connection of a
        # client that pings more than twice in five minutes without sending anything.
        self._channel = grpc.insecure_channel(
            self._address,
            options=(
                ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
                ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
                # A container that starts after a failed call is found within seconds. This is also
                # the timeout of one attempt to connect, 20 seconds by default.
                ("grpc.min_reconnect_backoff_ms", 2_000),
                ("grpc.max_reconnect_backoff_ms", 2_000),
                ("grpc.enable_http_proxy", 0),
            ),
        )
        self._send: grpc.UnaryUnaryMultiCallable[Request, Response] = self._channel.unary_unary(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.response.FromString,
        )

    def call(self, request: Request) -> Response:
        """Send a request and return the response.

        The call is cancelled with the current token. Raises ServiceUnavailable if the container
        cannot be reached, DeadlineExceeded, InvalidRequest if the images are too large, Cancelled,
        and BadAnswer for any other failure.
        """
        size = request.ByteSize()
        if size > MAX_REQUEST_BYTES:
            raise InvalidRequest(
                f"The pictures have {size / MIB:.1f} MiB as files and the venuns servers take "
                f"{MAX_REQUEST_BYTES // MIB}; use photos with less noise.",
                stage=self._service,
            )
        answer = self._send.future(request, timeout=self._seconds)
        try:
            with current_token().on_cancel(answer.cancel):
                return answer.result()
        except grpc.FutureCancelledError:
            raise Cancelled from None
        except grpc.RpcError as error:
            raise self._call_error(error) from error

    def decode_image(self, text: str, height: int, width: int) -> Image:
        """Decode an image: base64 of a JPEG, PNG or WebP file of ``height`` x ``width`` pixels.

        Raises BadAnswer.
        """
        data = self._decode_file(text, height, width)
        try:
            return images.decode(data, _limits(height, width))
        except InputError as error:
            raise self._bad_answer("a damaged picture") from error

    def decode_mask(self, text: str, height: int, width: int) -> Mask:
        """Decode a mask, 0 or 255: inside from ``MIN_INSIDE_GREY`` on. Raises BadAnswer."""
        bright = self.decode_image(text, height, width).max(axis=2)
        return np.where(bright >= MIN_INSIDE_GREY, np.uint8(255), np.uint8(0))

    def decode_labels(self, text: str, height: int, width: int) -> LabelMap:
        """Decode CIHP ids, given as pixel values or in the colours of ``labels.PALETTE``.

        The pixel values of a PNG with a palette are the ids. Raises BadAnswer, also for a JPEG,
        whose compression changes ids.
        """
        data = self._decode_file(text, height, width)
        values = _channel_values(data)
        if values is None:
            values = _ids_from_colours(self.decode_image(text, height, width))
        if values is None or int(values.max()) not in list(Label):
            raise self._bad_answer("a picture that holds no CIHP ids")
        return values

    def close(self) -> None:
        """Close the channel; calls in flight fail."""
        self._channel.close()

    def _decode_file(self, text: str, height: int, width: int) -> bytes:
        if not text:
            raise self._bad_answer("nothing")
        try:
            # Base64 may have line breaks, as Python's encoder writes them.
            data = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._bad_answer("text that is not base64") from error
        try:
            file = images.probe(data, images.Limits(MAX_RESPONSE_BYTES, 2**62, 1))
        except InputError as error:
            raise self._bad_answer("something that is not a picture") from error
        if (file.height, file.width) != (height, width):
            raise self._bad_answer(
                f"a picture of {file.width} x {file.height} pixels instead of {width} x {height}"
            )
        return data

    def _bad_answer(self, what: str) -> BadAnswer:
        return BadAnswer(
            f"The venuns container at {self._address} answered with {what}; look into its log, "
            "and check that the address is that of the right container.",
            stage=self._service,
        )

    def _call_error(self, error: grpc.RpcError) -> TryOnError:
        # What a call raises is the call itself.
        code = cast("grpc.Call", error).code()
        container = f"The venuns container at {self._address}"
        if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
            return ServiceUnavailable(
                f"{container} cannot be reached or stopped at work; start it with {COMPOSE_FILE}, "
                f"or let {self._variable} say where it listens.",
                stage=self._service,
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(
                f"{container} did not answer within {self._seconds:g} seconds; give it more "
                "processor cores, or raise TRYON_VENUNS_DEADLINE.",
                stage=self._service,
            )
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self._bad_answer(
                f"more than {MAX_RESPONSE_BYTES // MIB} MiB, or is out of memory"
            )
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return self._bad_answer("that it does not know this call")
        return self._bad_answer("a failure")


def encode_photo(image: Image) -> bytes:
    """Encode a photo as JPEG, as the upstream system's own clients do."""
    return images.encode(image, images.JPEG)


def encode_lossless(pixels: Image | Mask | LabelMap) -> bytes:
    """Encode H x W x 3 colours or H x W values without loss, as PNG."""
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG", compress_level=4)
    return file.getvalue()


def _limits(height: int, width: int) -> images.Limits:
    return images.Limits(MAX_RESPONSE_BYTES, height * width, 1)


def _channel_values(data: bytes) -> LabelMap | None:
    """Return the pixel values of a PNG with one channel of 8 bits or less; None for other files."""
    file = images.probe(data, images.Limits(MAX_RESPONSE_BYTES, 2**62, 1))
    if file.format != "PNG":
        return None
    try:
        with PIL.Image.open(io.BytesIO(file.pixels), formats=["PNG"]) as picture:
            picture.load()
            return np.asarray(picture) if picture.mode in {"L", "P"} else None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError):
        # decode_image reports what is wrong with the file.
        return None


def _ids_from_colours(picture: Image) -> LabelMap | None:
    """Convert colours of ``labels.PALETTE`` to ids; None if a pixel has another colour."""
    ids = np.full(picture.shape[:2], 255, np.uint8)
    for label, colour in enumerate(PALETTE):
        ids[(picture == np.array(colour, np.uint8)).all(axis=2)] = label
    return None if bool((ids == 255).any()) else ids
