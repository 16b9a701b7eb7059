"""Dataclasses to messages and back, for every message of every service."""

import dataclasses
import io
import typing
from collections.abc import Callable
from typing import Any

import numpy as np
import PIL.Image
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tryon.v1 import common_pb2, resize_pb2

from services.densepose.contract import ESTIMATE_SURFACE
from services.kit.contract import Method
from services.kit.errors import ImageTooLarge, InvalidRequest, TruncatedImage
from services.kit.garment_attributes import NO_ATTRIBUTES
from services.kit.types import Mask, Placement, WireType
from services.kit.wire import codec
from services.resize.contract import FIT, RESTORE, FitRequest, FitResponse, RestoreRequest
from services.viton.contract import TRY_ON

pytestmark = pytest.mark.unit

RAW = common_pb2.Image.ENCODING_RAW
FILE = common_pb2.Image.ENCODING_FILE
RGB = common_pb2.Image.CHANNELS_RGB
BGR = common_pb2.Image.CHANNELS_BGR

sides = st.integers(1, 9)
planes = st.tuples(sides, sides).flatmap(lambda shape: arrays.arrays(np.uint8, shape))
OF_WIRE_TYPE: dict[WireType, st.SearchStrategy[Any]] = {
    WireType.IMAGE: st.tuples(sides, sides, st.just(3)).flatmap(
        lambda shape: arrays.arrays(np.uint8, shape)
    ),
    WireType.MASK: planes,
    WireType.BYTE_MAP: planes,
    WireType.LABEL_MAP: planes,
    WireType.KEYPOINTS: arrays.arrays(
        np.float32, (25, 3), elements=st.floats(-9999, 9999, width=32)
    ),
    WireType.FLOW: st.tuples(sides, sides, st.just(2)).flatmap(
        lambda shape: arrays.arrays(np.float32, shape, elements=st.floats(-9999, 9999, width=32))
    ),
    WireType.LANDMARKS: arrays.arrays(
        np.float32, (24, 3), elements=st.floats(-9999, 9999, width=32)
    ),
}
OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(1, 2**32 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False, width=32),
    str: st.text(min_size=1),
    bool: st.booleans(),
}


def wire_type_of(annotation: Any) -> WireType | None:
    return next(
        (item for item in getattr(annotation, "__metadata__", ()) if isinstance(item, WireType)),
        None,
    )


def values(kind: type) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(kind, include_extras=True)
    parts = {}
    for field in dataclasses.fields(kind):
        array = wire_type_of(hints[field.name])
        if array:
            parts[field.name] = OF_WIRE_TYPE[array]
        elif dataclasses.is_dataclass(hints[field.name]):
            parts[field.name] = values(hints[field.name])
        else:
            parts[field.name] = OF_TYPE[hints[field.name]]
    return st.builds(kind, **parts)


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    for field in dataclasses.fields(left):
        ours, theirs = getattr(left, field.name), getattr(right, field.name)
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype
            np.testing.assert_array_equal(ours, theirs)
            assert not theirs.flags.writeable
        elif dataclasses.is_dataclass(ours):
            assert_same(ours, theirs)
        else:
            assert ours == theirs


@given(data=st.data())
def test_every_message_comes_back_as_it_was(method: Method[Any, Any], data: st.DataObject) -> None:
    rpc = codec.message_classes(method)
    for kind, message_class in (
        (method.request, rpc.request),
        (method.response, rpc.response),
    ):
        value = data.draw(values(kind))
        wire = codec.encode(value, message_class).SerializeToString()
        assert_same(value, codec.decode(message_class.FromString(wire), kind))


def example(kind: type) -> Any:
    """A value of a dataclass whose every array is 4 x 5."""
    hints = typing.get_type_hints(kind, include_extras=True)
    made: dict[WireType, Callable[[], Any]] = {
        WireType.IMAGE: lambda: np.arange(60, dtype=np.uint8).reshape(4, 5, 3),
        WireType.MASK: lambda: np.full((4, 5), 255, np.uint8),
        WireType.BYTE_MAP: lambda: np.full((4, 5), 200, np.uint8),
        WireType.LABEL_MAP: lambda: np.full((4, 5), 7, np.uint8),
        WireType.KEYPOINTS: lambda: np.ones((25, 3), np.float32),
        WireType.FLOW: lambda: np.full((4, 5, 2), 1.5, np.float32),
        WireType.LANDMARKS: lambda: np.ones((24, 3), np.float32),
    }
    parts: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        array = wire_type_of(hints[field.name])
        if array:
            parts[field.name] = made[array]()
        elif dataclasses.is_dataclass(hints[field.name]):
            parts[field.name] = example(hints[field.name])
        else:
            parts[field.name] = hints[field.name](1)
    return kind(**parts)


def _shorten(part: Any) -> None:
    part.data = part.data[:-1]


def _lengthen(part: Any) -> None:
    part.data += b"\0"


def _no_height(part: Any) -> None:
    part.height = 0


def _no_width(part: Any) -> None:
    part.width = 0


def _taller(part: Any) -> None:
    part.height += 1


def _empty(part: Any) -> None:
    part.data = b""


def _no_channels(part: Any) -> None:
    part.channels = 0


def _odd_channels(part: Any) -> None:
    part.channels = 9


def _no_encoding(part: Any) -> None:
    part.encoding = 0


def _odd_encoding(part: Any) -> None:
    part.encoding = 9


def _fewer_points(part: Any) -> None:
    del part.points[24]


def _more_points(part: Any) -> None:
    part.points.add()


def _no_number(part: Any) -> None:
    part.points[3].y = float("nan")


def _infinite(part: Any) -> None:
    part.points[3].x = float("-inf")


def _far_away(part: Any) -> None:
    part.points[3].x = 1e30


def _no_place(part: Any) -> None:
    part.data = np.array([np.nan] * 40, "<f4").tobytes()


def _far_place(part: Any) -> None:
    part.data = np.array([1e30] * 40, "<f4").tobytes()


PLANE = (_shorten, _lengthen, _no_height, _no_width, _taller, _empty)
DAMAGES: dict[WireType, tuple[Callable[[Any], None], ...]] = {
    WireType.IMAGE: (*PLANE, _no_channels, _odd_channels, _no_encoding, _odd_encoding),
    WireType.MASK: PLANE,
    WireType.BYTE_MAP: PLANE,
    WireType.LABEL_MAP: PLANE,
    WireType.FLOW: (*PLANE, _no_place, _far_place),
    WireType.LANDMARKS: (_fewer_points, _more_points, _no_number, _infinite, _far_away),
    WireType.KEYPOINTS: (_fewer_points, _more_points, _no_number, _infinite, _far_away),
}


def test_every_malformed_message_is_refused_by_the_name_of_its_field(
    method: Method[Any, Any],
) -> None:
    rpc = codec.message_classes(method)
    for kind, message_class in (
        (method.request, rpc.request),
        (method.response, rpc.response),
    ):
        good = codec.encode(example(kind), message_class)
        codec.decode(good, kind)
        missing = dataclasses.MISSING
        optional = {
            f.name
            for f in dataclasses.fields(kind)
            if f.default is not missing or f.default_factory is not missing
        }
        for name, hint in typing.get_type_hints(kind, include_extras=True).items():
            array = wire_type_of(hint)
            if name in optional:
                continue
            if array or dataclasses.is_dataclass(hint):
                absent = copy_of(good)
                absent.ClearField(name)
                with pytest.raises(InvalidRequest, match=f"^{name} is missing"):
                    codec.decode(absent, kind)
            for damage in DAMAGES[array] if array else ():
                bad = copy_of(good)
                damage(getattr(bad, name))
                with pytest.raises(InvalidRequest, match=rf"^{name}\b"):
                    codec.decode(bad, kind)


def test_a_reading_that_is_left_out_is_none() -> None:
    message = codec.encode(example(TRY_ON.request), codec.message_classes(TRY_ON).request)
    message.ClearField("garment_attributes")
    assert codec.decode(message, TRY_ON.request).garment_attributes is NO_ATTRIBUTES


@pytest.mark.parametrize("count", [0, 23, 25])
def test_a_reading_has_all_landmarks(count: int) -> None:
    message: Any = codec.encode(example(TRY_ON.request), codec.message_classes(TRY_ON).request)
    points = message.garment_attributes.landmarks.points
    del points[:]
    points.extend(common_pb2.Keypoint(x=1.0) for _ in range(count))
    with pytest.raises(InvalidRequest, match=r"garment_attributes\.landmarks has .* send the 24"):
        codec.decode(message, TRY_ON.request)


def test_labels_that_are_left_out_are_unknown() -> None:
    request = codec.message_classes(ESTIMATE_SURFACE).request
    message = codec.encode(example(ESTIMATE_SURFACE.request), request)
    message.ClearField("labels")
    assert not codec.decode(message, ESTIMATE_SURFACE.request).labels.any()


def copy_of(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


@pytest.mark.parametrize("side", [2**32 - 1, 5_001])
def test_more_pixels_than_allowed_are_refused_before_they_are_counted(side: int) -> None:
    image = common_pb2.Image(height=side, width=side, channels=RGB, encoding=RAW, data=b"abc")
    with pytest.raises(ImageTooLarge, match=f"^image is {side} x {side} pixels"):
        codec.decode(resize_pb2.FitRequest(image=image), FitRequest)


def test_blue_first_is_turned_round() -> None:
    data = bytes([1, 2, 3, 4, 5, 6])
    image = common_pb2.Image(height=1, width=2, channels=BGR, encoding=RAW, data=data)
    decoded = codec.decode(resize_pb2.FitRequest(image=image), FitRequest).image
    assert decoded.tolist() == [[[3, 2, 1], [6, 5, 4]]]
    assert decoded.flags.c_contiguous
    assert not decoded.flags.writeable


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_a_file_is_decoded_whatever_size_is_claimed(format_: str) -> None:
    file = io.BytesIO()
    PIL.Image.new("RGB", (48, 64), (200, 30, 30)).save(file, format_)
    image = common_pb2.Image(height=1, width=1, encoding=FILE, data=file.getvalue())
    decoded = codec.decode(resize_pb2.FitRequest(image=image), FitRequest).image
    assert decoded.shape == (64, 48, 3)
    assert np.abs(decoded.astype(int) - (200, 30, 30)).max() <= 4
    assert not decoded.flags.writeable


def test_a_damaged_file_keeps_the_error_of_its_decoder() -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)).save(
        file, "PNG"
    )
    data = file.getvalue()
    image = common_pb2.Image(encoding=FILE, data=data[: len(data) // 2])
    with pytest.raises(TruncatedImage):
        codec.decode(resize_pb2.FitRequest(image=image), FitRequest)


def test_zero_means_the_default_only_where_there_is_one() -> None:
    picture = example(FitRequest).image
    fitted = codec.decode(
        codec.encode(FitRequest(picture, width=0, height=0), resize_pb2.FitRequest), FitRequest
    )
    assert (fitted.width, fitted.height) == (768, 1024)
    response = FitResponse(
        picture,
        Placement(
            source_width=5,
            source_height=4,
            canvas_width=5,
            canvas_height=4,
            left=0,
            top=0,
            width=5,
            height=4,
        ),
    )
    message = codec.encode(response, resize_pb2.FitResponse)
    assert codec.decode(message, FitResponse).placement == response.placement


def test_a_placement_of_zeros_is_there() -> None:
    original = example(RestoreRequest)
    value = dataclasses.replace(
        original, placement=Placement(**dict.fromkeys(Placement.__dataclass_fields__, 0))
    )
    message = codec.encode(value, resize_pb2.RestoreRequest)
    assert codec.decode(message, RestoreRequest).placement == value.placement


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image", np.zeros((4, 5, 3), np.float32)),
        ("image", np.zeros((4, 5), np.uint8)),
        ("image", np.zeros((4, 5, 4), np.uint8)),
        ("image", np.zeros((0, 5, 3), np.uint8)),
        ("edit_mask", np.zeros((4, 5, 1), np.uint8)),
        ("edit_mask", np.zeros((4, 5), np.bool_)),
    ],
)
def test_what_we_send_ourselves_is_checked_too(field: str, value: Any) -> None:
    request = dataclasses.replace(example(RestoreRequest), **{field: value})
    with pytest.raises(ValueError, match=f"^RestoreRequest.{field} must be"):
        codec.encode(request, resize_pb2.RestoreRequest)


def test_keypoints_we_send_are_checked_too() -> None:
    request = example(TRY_ON.request)
    message_class = codec.message_classes(TRY_ON).request
    for wrong in (np.ones((25, 3)), np.ones((18, 3), np.float32)):
        with pytest.raises(ValueError, match=r"TryOnRequest\.keypoints must be 25 x 3 float32"):
            codec.encode(dataclasses.replace(request, keypoints=wrong), message_class)


def test_views_of_other_arrays_are_sent_as_they_look() -> None:
    whole = np.arange(8 * 10 * 3, dtype=np.uint8).reshape(8, 10, 3)
    view = whole[::2, ::-2]
    message = codec.encode(FitRequest(view), resize_pb2.FitRequest)
    np.testing.assert_array_equal(codec.decode(message, FitRequest).image, view)


def test_raw_pictures_are_not_copied_after_the_message() -> None:
    message = codec.encode(FitRequest(np.zeros((4, 5, 3), np.uint8)), resize_pb2.FitRequest)
    decoded = codec.decode(message, FitRequest).image
    assert not decoded.flags.owndata


def test_paths_and_classes_are_found() -> None:
    rpc = codec.message_classes(FIT)
    assert rpc == ("/tryon.v1.Resize/Fit", resize_pb2.FitRequest, resize_pb2.FitResponse)
    assert codec.message_classes(RESTORE).path == "/tryon.v1.Resize/Restore"


def test_a_contract_that_differs_from_its_proto_is_found_out() -> None:
    @dataclasses.dataclass(frozen=True)
    class Other:
        image: Mask
        width: str
        size: int

    with pytest.raises(TypeError, match=r"Other and tryon\.v1\.FitRequest differ in") as caught:
        codec.message_classes(
            Method(
                service="resize",
                rpc="Fit",
                request=Other,
                response=FitResponse,
                deadline_seconds=1.0,
            )
        )
    for name in ("image", "height", "size", "width"):
        assert name in str(caught.value)


def test_a_procedure_that_is_not_in_the_proto_is_found_out() -> None:
    with pytest.raises(TypeError, match=r"resize\.proto has no procedure Shrink"):
        codec.message_classes(dataclasses.replace(FIT, rpc="Shrink"))


def test_a_proto_without_generated_code_is_named_with_the_command() -> None:
    method = Method(
        service="shadow", rpc="Cast", request=FitRequest, response=FitResponse, deadline_seconds=1.0
    )
    with pytest.raises(ModuleNotFoundError, match=r"protos/tryon/v1/shadow\.proto\. Run `bash run"):
        codec.message_classes(method)
