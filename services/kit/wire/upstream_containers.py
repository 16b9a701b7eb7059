"""Asks the containers of github.com/T4t4KAU/VirtualTryOnSystem, the ancestor of this system.

The engines ``venuns`` of five services are thin: what the ancestor's calls have in common is here,
its messages are in ``protos/tryon/venuns/venuns.proto``. Its answers are not trusted: text and
pictures are bounded before they are decoded, and everything unusable is a BadAnswer.
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
SEND_BYTES: Final = 4 * MIB
"""What a gRPC server takes unless told otherwise, and the ancestor's may not have been."""
RECEIVE_BYTES: Final = 16 * MIB
"""Of one answer: base64 of a canvas in raw RGB, four times over."""
COMPOSE_FILE: Final = "docker-compose.venuns.yml"

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)


@dataclass(frozen=True)
class Rpc(Generic[Request, Reply]):
    """One procedure of the ancestor: its path, and where the compose file puts its container."""

    path: str
    request: type[Request]
    reply: type[Reply]
    address: str


CLOTH_MASK: Final = Rpc(
    "/ClothSegmentation/Generate", venuns_pb2.Photo, venuns_pb2.Answer, "venuns-clothmask:50051"
)
DENSEPOSE: Final = Rpc(
    "/Densepose/Generate", venuns_pb2.Photo, venuns_pb2.Answer, "venuns-densepose:50052"
)
HUMAN_PARSE: Final = Rpc(
    "/HumanParse/Generate", venuns_pb2.Photo, venuns_pb2.Labels, "venuns-humanparse:50053"
)
AGNOSTIC: Final = Rpc(
    "/ParseAgnostic/Generate", venuns_pb2.Dressed, venuns_pb2.Answer, "venuns-parse-agnostic:50055"
)
VITON: Final = Rpc(
    "/Vitons/Generate", venuns_pb2.Undressed, venuns_pb2.Answer, "venuns-vitons:50059"
)


class Ancestor(Generic[Request, Reply]):
    """One of the ancestor's containers, as seen by the service named ``service``.

    ``TRYON_<SERVICE>_VENUNS_ADDRESS`` says where it is, as ``host:port``; by default it is where
    the compose file puts it. It is connected to with the first call, which may come from any
    thread.
    """

    def __init__(self, service: str, rpc: Rpc[Request, Reply]) -> None:
        self._service = service
        self._variable = f"TRYON_{service.upper()}_VENUNS_ADDRESS"
        self._address = os.environ.get(self._variable, "").strip() or rpc.address
        self._seconds = get_settings().venuns_deadline
        # No keepalive: the ancestor's servers have gRPC's default, which is to hang up on whoever
        # pings more than twice in five minutes without sending anything.
        self._channel = grpc.insecure_channel(
            self._address,
            options=(
                ("grpc.max_send_message_length", SEND_BYTES),
                ("grpc.max_receive_message_length", RECEIVE_BYTES),
                # A container that was started after a failed call is found within seconds, and one
                # that is gone without a trace is not waited for: this is also the longest that
                # one attempt to connect may take, 20 seconds by default.
                ("grpc.min_reconnect_backoff_ms", 2_000),
                ("grpc.max_reconnect_backoff_ms", 2_000),
                ("grpc.enable_http_proxy", 0),
            ),
        )
        self._send: grpc.UnaryUnaryMultiCallable[Request, Reply] = self._channel.unary_unary(
            rpc.path,
            request_serializer=rpc.request.SerializeToString,
            response_deserializer=rpc.reply.FromString,
        )

    def ask(self, request: Request) -> Reply:
        """Call it and wait for the answer.

        Raises ServiceUnavailable where it cannot be reached, DeadlineExceeded, InvalidRequest for
        pictures too large for its server, and BadAnswer for everything else that goes wrong.
        """
        size = request.ByteSize()
        if size > SEND_BYTES:
            raise InvalidRequest(
                f"The pictures have {size / MIB:.1f} MiB as files and the ancestor's servers take "
                f"{SEND_BYTES // MIB}; use photos with less noise.",
                stage=self._service,
            )
        try:
            return self._send(request, timeout=self._seconds)
        except grpc.RpcError as error:
            raise self._failure(error) from error

    def picture(self, text: str, height: int, width: int) -> Image:
        """Read an answer: base64 of a JPEG, PNG or WebP file of ``height`` x ``width`` pixels.

        Raises BadAnswer.
        """
        data = self._file(text, height, width)
        try:
            return images.decode(data, _limits(height, width))
        except InputError as error:
            raise self._bad("a damaged picture") from error

    def mask(self, text: str, height: int, width: int) -> Mask:
        """Read an answer whose lighter half of greys is inside: 0 or 255. Raises BadAnswer."""
        bright = self.picture(text, height, width).max(axis=2)
        return np.where(bright >= 128, np.uint8(255), np.uint8(0))

    def labels(self, text: str, height: int, width: int) -> LabelMap:
        """Read an answer that shows CIHP ids, as pixel values or in their customary colours.

        A palette is not looked at: the pixel values of a paletted PNG are the ids. Raises
        BadAnswer, for a JPEG as well, since its losses would be other ids.
        """
        data = self._file(text, height, width)
        values = _values(data)
        if values is None:
            values = _ids_of_colours(self.picture(text, height, width))
        if values is None or int(values.max()) not in list(Label):
            raise self._bad("a picture that holds no CIHP ids")
        return values

    def close(self) -> None:
        """Hang up; calls in flight fail."""
        self._channel.close()

    def _file(self, text: str, height: int, width: int) -> bytes:
        if not text:
            raise self._bad("nothing")
        try:
            # Lines may be broken, as Python's own encoder does.
            data = base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._bad("text that is not base64") from error
        try:
            file = images.probe(data, images.Limits(RECEIVE_BYTES, 2**62, 1))
        except InputError as error:
            raise self._bad("something that is not a picture") from error
        if (file.height, file.width) != (height, width):
            raise self._bad(
                f"a picture of {file.width} x {file.height} pixels instead of {width} x {height}"
            )
        return data

    def _bad(self, what: str) -> BadAnswer:
        return BadAnswer(
            f"The ancestor's container at {self._address} answered with {what}; look into its log, "
            "and check that the address is that of the right container.",
            stage=self._service,
        )

    def _failure(self, error: grpc.RpcError) -> TryOnError:
        # What a call raises is the call itself.
        code = cast("grpc.Call", error).code()
        where = f"The ancestor's container at {self._address}"
        if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
            return ServiceUnavailable(
                f"{where} cannot be reached or stopped at work; start it with {COMPOSE_FILE}, or "
                f"let {self._variable} say where it listens.",
                stage=self._service,
            )
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(
                f"{where} did not answer within {self._seconds:g} seconds; give it more processor "
                "cores, or raise TRYON_VENUNS_DEADLINE.",
                stage=self._service,
            )
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return self._bad(f"more than {RECEIVE_BYTES // MIB} MiB, or is out of memory")
        if code is grpc.StatusCode.UNIMPLEMENTED:
            return self._bad("that it does not know this call")
        return self._bad("a failure")


def photo_file(image: Image) -> bytes:
    """Encode a photo as the ancestor's own requests do: JPEG."""
    return images.encode(image, images.JPEG)


def exact_file(pixels: Image | Mask | LabelMap) -> bytes:
    """Encode H x W x 3 colours, or H x W values as they are, without loss: PNG."""
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG", compress_level=4)
    return file.getvalue()


def _limits(height: int, width: int) -> images.Limits:
    return images.Limits(RECEIVE_BYTES, height * width, 1)


def _values(data: bytes) -> LabelMap | None:
    """Give the pixel values of a PNG with one 8-bit channel, or less; None for other files."""
    file = images.probe(data, images.Limits(RECEIVE_BYTES, 2**62, 1))
    if file.format != "PNG":
        return None
    try:
        with PIL.Image.open(io.BytesIO(file.pixels), formats=["PNG"]) as picture:
            picture.load()
            return np.asarray(picture) if picture.mode in {"L", "P"} else None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError):
        # Decoding it as a picture tells what is wrong with it.
        return None


def _ids_of_colours(picture: Image) -> LabelMap | None:
    """Turn the colours of ``labels.PALETTE`` into ids; None where a pixel has another one."""
    ids = np.full(picture.shape[:2], 255, np.uint8)
    for label, colour in enumerate(PALETTE):
        ids[(picture == np.array(colour, np.uint8)).all(axis=2)] = label
    return None if bool((ids == 255).any()) else ids
