"""Convert between a contract's dataclasses and the messages of ``protos/tryon/v1``.

The conversion follows the dataclasses' annotations and the generated descriptors, whose field names
are equal. No service has a conversion of its own.
"""

import dataclasses
import importlib
import math
import typing
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any, Final, NamedTuple, TypeVar, cast

import numpy as np
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from numpy.typing import NDArray
from tryon.v1 import common_pb2

from services.kit.contract import Method
from services.kit.errors import ImageTooLarge, InvalidRequest
from services.kit.garment_attributes import LANDMARKS
from services.kit.pictures import images
from services.kit.settings import get_settings
from services.kit.types import WireType

JOINT_COUNT: Final = 25
"""Joints of BODY_25."""

MAX_COORDINATE_PX: Final = 1e6
"""Largest accepted coordinate of a point, in pixels of the picture it lies in."""

GENERATE_COMMAND: Final = "`pip install --no-build-isolation --no-deps --editable .`"
"""Command that generates the code of ``protos``; ``bash run.sh`` runs it too."""

Value = TypeVar("Value")
AnyMessage = TypeVar("AnyMessage", bound=Message)


class Rpc(NamedTuple):
    """One procedure of a service."""

    path: str
    """Path of the procedure, as gRPC writes it: ``/package.Service/Method``."""
    request: type[Message]
    """Message class of the request."""
    response: type[Message]
    """Message class of the response."""


@cache
def message_classes(method: Method[Any, Any]) -> Rpc:
    """Return the path and the message classes of a method, from its proto file's descriptor.

    Raises TypeError if the contract and the proto file differ, and ModuleNotFoundError with the
    command to run if no code was generated from the proto file.
    """
    module = _generated_module(method.service)
    descriptor: MethodDescriptor | None = None
    for service in module.DESCRIPTOR.services_by_name.values():
        descriptor = service.methods_by_name.get(method.rpc, descriptor)
    if descriptor is None:
        raise TypeError(f"{method.service}.proto has no procedure {method.rpc}")
    _check_fields(method.request, descriptor.input_type)
    _check_fields(method.response, descriptor.output_type)
    return Rpc(
        f"/{descriptor.containing_service.full_name}/{descriptor.name}",
        GetMessageClass(descriptor.input_type),
        GetMessageClass(descriptor.output_type),
    )


def _generated_module(service: str) -> ModuleType:
    """Import the module that was generated from ``protos/tryon/v1/<service>.proto``."""
    name = f"tryon.v1.{service}_pb2"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f"There is no generated code of protos/tryon/v1/{service}.proto. Run `bash run.sh`, "
            f"which generates it, or {GENERATE_COMMAND}.",
            name=name,
        ) from error


def encode(value: object, message_class: type[AnyMessage]) -> AnyMessage:
    """Encode ``value``, a dataclass of a contract, as a message.

    Images are encoded as raw RGB. Raises ValueError for a value outside its annotation, because
    only a mistake of this program can make one.
    """
    message = message_class()
    _fill(message, value, type(value).__name__)
    return message


def decode(message: Message, dataclass: type[Value]) -> Value:
    """Decode a message to ``dataclass``, a dataclass of a contract; its arrays are read-only.

    A zero, an empty text or an absent message becomes the field's default, if it has one. Raises
    InvalidRequest, which names the field, for a value outside the contract; ImageTooLarge; and the
    errors of ``images.decode`` for an encoded image.
    """
    return cast("Value", _read(message, dataclass, ""))


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Field:
    """A field of a contract's dataclass."""

    name: str
    """Name of the field, also in the message."""

    type: Any
    """Annotated type."""

    wire_type: WireType | None
    """Message of an array; None for a scalar and a nested dataclass."""

    default: Any
    """Default value, or ``dataclasses.MISSING``."""

    default_factory: Any
    """Factory of the default value, or ``dataclasses.MISSING``."""


@cache
def _fields(dataclass: type) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(dataclass, include_extras=True)
    return tuple(
        _Field(
            name=field.name,
            type=hints[field.name],
            wire_type=_wire_type(hints[field.name]),
            default=field.default,
            default_factory=field.default_factory,
        )
        for field in dataclasses.fields(dataclass)
    )


def _wire_type(annotation: Any) -> WireType | None:
    marks = getattr(annotation, "__metadata__", ())
    return next((mark for mark in marks if isinstance(mark, WireType)), None)


_SCALARS: Final[Mapping[type, tuple[int, ...]]] = {
    int: (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64),
    float: (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE),
    str: (FieldDescriptor.TYPE_STRING,),
    bool: (FieldDescriptor.TYPE_BOOL,),
}
"""Protobuf types that carry a Python type."""

_PROTO_NAMES: Final = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}
"""Names of the protobuf types, as proto files write them."""


def _check_fields(dataclass: type, descriptor: Descriptor) -> None:
    """Raise TypeError unless the dataclass and the message have the same fields and types."""
    ours, theirs = {field.name: field for field in _fields(dataclass)}, descriptor.fields_by_name
    wrong = sorted(ours.keys() ^ theirs.keys())
    for name in ours.keys() & theirs.keys():
        field, message = ours[name], theirs[name].message_type
        if field.wire_type or message:
            expected = field.wire_type.value if field.wire_type else field.type.__name__
            if message is None or message.name != expected:
                wrong.append(name)
            elif not field.wire_type:
                _check_fields(field.type, message)
        elif theirs[name].type not in _SCALARS.get(field.type, ()):
            known = " or ".join(_PROTO_NAMES[each] for each in _SCALARS.get(field.type, ()))
            wrong.append(f"{name} (Python's {field.type.__name__} travels as {known or 'nothing'})")
    if wrong:
        raise TypeError(
            f"{dataclass.__name__} and {descriptor.full_name} differ in {', '.join(wrong)}"
        )


def _fill(message: Any, value: Any, path: str) -> None:
    for field in _fields(value.__class__):
        item, field_path = getattr(value, field.name), f"{path}.{field.name}"
        if field.wire_type:
            part = getattr(message, field.name)
            part.SetInParent()
            _WRITE[field.wire_type](part, np.asarray(item), field_path)
        elif dataclasses.is_dataclass(item):
            part = getattr(message, field.name)
            part.SetInParent()
            _fill(part, item, field_path)
        else:
            setattr(message, field.name, item)


def _write_image(message: common_pb2.Image, array: NDArray[Any], field_path: str) -> None:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or array.size == 0:
        raise ValueError(f"{field_path} must be H x W x 3 uint8, not {array.dtype} {array.shape}")
    message.height, message.width = array.shape[:2]
    message.channels = common_pb2.Image.CHANNELS_RGB
    message.encoding = common_pb2.Image.ENCODING_RAW
    message.data = array.tobytes()


def _write_plane(
    message: common_pb2.Mask | common_pb2.ByteMap | common_pb2.LabelMap,
    array: NDArray[Any],
    field_path: str,
) -> None:
    if array.dtype != np.uint8 or array.ndim != 2 or array.size == 0:
        raise ValueError(f"{field_path} must be H x W uint8, not {array.dtype} {array.shape}")
    message.height, message.width = array.shape
    message.data = array.tobytes()


def _write_keypoints(message: common_pb2.Keypoints, array: NDArray[Any], field_path: str) -> None:
    _write_points(message, array, field_path, JOINT_COUNT)


def _write_landmarks(message: common_pb2.Landmarks, array: NDArray[Any], field_path: str) -> None:
    _write_points(message, array, field_path, len(LANDMARKS))


def _write_points(
    message: common_pb2.Keypoints | common_pb2.Landmarks,
    array: NDArray[Any],
    field_path: str,
    count: int,
) -> None:
    if array.dtype != np.float32 or array.shape != (count, 3):
        raise ValueError(
            f"{field_path} must be {count} x 3 float32, not {array.dtype} {array.shape}"
        )
    message.points.extend(
        common_pb2.Keypoint(x=x, y=y, confidence=confidence) for x, y, confidence in array.tolist()
    )


def _write_flow(message: common_pb2.Flow, array: NDArray[Any], field_path: str) -> None:
    if array.dtype != np.float32 or array.ndim != 3 or array.shape[2] != 2 or array.size == 0:
        raise ValueError(f"{field_path} must be H x W x 2 float32, not {array.dtype} {array.shape}")
    message.height, message.width = array.shape[:2]
    message.data = array.astype("<f4", copy=False).tobytes()


def _read(message: Any, dataclass: type, path: str) -> Any:
    values: dict[str, Any] = {}
    for field in _fields(dataclass):
        item, field_path = getattr(message, field.name), f"{path}{field.name}"
        if field.wire_type or dataclasses.is_dataclass(field.type):
            if not message.HasField(field.name):
                if field.default_factory is not dataclasses.MISSING:
                    values[field.name] = field.default_factory()
                    continue
                if field.default is not dataclasses.MISSING:
                    values[field.name] = field.default
                    continue
                raise InvalidRequest(f"{field_path} is missing; send it with the request.")
            values[field.name] = (
                _READ[field.wire_type](item, field_path)
                if field.wire_type
                else _read(item, field.type, f"{field_path}.")
            )
        elif not item and field.default is not dataclasses.MISSING:
            values[field.name] = field.default
        elif isinstance(item, float) and not math.isfinite(item):
            raise InvalidRequest(f"{field_path} is {item}; send a finite number.")
        else:
            values[field.name] = item
    return dataclass(**values)


def _read_image(message: common_pb2.Image, field_path: str) -> NDArray[np.uint8]:
    if message.encoding == common_pb2.Image.ENCODING_FILE:
        return images.decode(message.data)
    if message.encoding != common_pb2.Image.ENCODING_RAW:
        raise InvalidRequest(f"{field_path}.encoding must be ENCODING_RAW or ENCODING_FILE.")
    array = _read_bytes(message, field_path, channels=3)
    if message.channels == common_pb2.Image.CHANNELS_RGB:
        return array
    if message.channels == common_pb2.Image.CHANNELS_BGR:
        swapped = np.ascontiguousarray(array[:, :, ::-1])
        swapped.flags.writeable = False
        return swapped
    raise InvalidRequest(f"{field_path}.channels must be CHANNELS_RGB or CHANNELS_BGR.")


def _read_plane(
    message: common_pb2.Mask | common_pb2.ByteMap | common_pb2.LabelMap, field_path: str
) -> NDArray[np.uint8]:
    return _read_bytes(message, field_path, channels=1)[:, :, 0]


def _read_bytes(
    message: common_pb2.Image
    | common_pb2.Mask
    | common_pb2.ByteMap
    | common_pb2.LabelMap
    | common_pb2.Flow,
    field_path: str,
    *,
    channels: int,
) -> NDArray[np.uint8]:
    """Check the size of a raw message and view it as H x W x channels bytes, read-only."""
    height, width, limit = message.height, message.width, get_settings().max_pixels
    if height == 0 or width == 0:
        raise InvalidRequest(
            f"{field_path} is {width} x {height} pixels; set its height and width."
        )
    if height * width > limit:
        raise ImageTooLarge(
            f"{field_path} is {width} x {height} pixels; send one of at most {limit} pixels."
        )
    data = message.data
    if len(data) != height * width * channels:
        raise InvalidRequest(
            f"{field_path}.data holds {len(data)} bytes; {width} x {height} pixels of "
            f"{channels} bytes each are {height * width * channels}."
        )
    return np.frombuffer(data, np.uint8).reshape(height, width, channels)


def _read_keypoints(message: common_pb2.Keypoints, field_path: str) -> NDArray[np.float32]:
    return _read_points(message, field_path, JOINT_COUNT, "joints of BODY_25")


def _read_landmarks(message: common_pb2.Landmarks, field_path: str) -> NDArray[np.float32]:
    return _read_points(message, field_path, len(LANDMARKS), "landmarks of a garment")


def _read_points(
    message: common_pb2.Keypoints | common_pb2.Landmarks, field_path: str, count: int, wanted: str
) -> NDArray[np.float32]:
    if len(message.points) != count:
        raise InvalidRequest(
            f"{field_path} has {len(message.points)} points; send the {count} {wanted}."
        )
    points = np.array([(p.x, p.y, p.confidence) for p in message.points], np.float32)
    if not (np.abs(points) <= MAX_COORDINATE_PX).all():
        raise InvalidRequest(f"{field_path} has a point that is not a finite number of pixels.")
    points.flags.writeable = False
    return points


def _read_flow(message: common_pb2.Flow, field_path: str) -> NDArray[np.float32]:
    flow = _read_bytes(message, field_path, channels=8).view("<f4")
    if not (np.abs(flow) <= MAX_COORDINATE_PX).all():
        raise InvalidRequest(f"{field_path} has a place that is not a finite number of pixels.")
    return flow


_WRITE: Final[Mapping[WireType, Callable[[Any, NDArray[Any], str], None]]] = {
    WireType.IMAGE: _write_image,
    WireType.MASK: _write_plane,
    WireType.BYTE_MAP: _write_plane,
    WireType.LABEL_MAP: _write_plane,
    WireType.KEYPOINTS: _write_keypoints,
    WireType.FLOW: _write_flow,
    WireType.LANDMARKS: _write_landmarks,
}
"""Functions that fill the message of an array."""

_READ: Final[Mapping[WireType, Callable[[Any, str], NDArray[Any]]]] = {
    WireType.IMAGE: _read_image,
    WireType.MASK: _read_plane,
    WireType.BYTE_MAP: _read_plane,
    WireType.LABEL_MAP: _read_plane,
    WireType.KEYPOINTS: _read_keypoints,
    WireType.FLOW: _read_flow,
    WireType.LANDMARKS: _read_landmarks,
}
"""Functions that read an array from its message."""
