"""Every error a user can meet.

    TryOnError
    ├── InputError                what was sent cannot be used
    │   ├── MissingField
    │   ├── UnexpectedField
    │   ├── InvalidOption
    │   ├── NotAcceptable
    │   ├── EmptyUpload
    │   ├── UploadTooLarge
    │   ├── NotAnImage
    │   ├── UnsupportedFormat
    │   ├── AnimatedImage
    │   ├── TruncatedImage
    │   ├── ImageTooLarge
    │   ├── ImageTooSmall
    │   ├── NoPerson
    │   ├── LegsNotShown
    │   ├── NoGarment
    │   ├── PhotosSwapped
    │   ├── UnknownNetwork
    │   ├── WrongWeights
    │   ├── LicenceNotAccepted
    │   └── InvalidRequest        a service was called with values outside its contract
    └── ServiceError              what was sent is fine; the system could not answer
        ├── Overloaded
        ├── ServiceUnavailable
        ├── DeadlineExceeded
        ├── BadAnswer
        ├── WeightsMissing
        ├── CannotConvert
        ├── UnknownEngine
        ├── ContainersUnavailable
        └── InternalError

The message of each is one sentence for the person who sees it: what is wrong and what to do.
``STATUS`` gives each class its one gRPC and one HTTP status.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final

from grpc import StatusCode


class TryOnError(Exception):
    """The root. ``code`` is stable and machine-readable, ``stage`` names the failed step."""

    code: ClassVar[str]

    def __init__(self, message: str, *, stage: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.stage = stage


class InputError(TryOnError):
    """What was sent cannot be used; sending it again will not help."""

    code = "input_error"


class MissingField(InputError):
    """A required upload field is absent."""

    code = "missing_field"


class UnexpectedField(InputError):
    """An upload field that is not known, or a field sent more than once."""

    code = "unexpected_field"


class InvalidOption(InputError):
    """An option has a value outside its choices."""

    code = "invalid_option"


class NotAcceptable(InputError):
    """The Accept header names no format that can be sent."""

    code = "not_acceptable"


class EmptyUpload(InputError):
    """The uploaded file has no bytes."""

    code = "empty_upload"


class UploadTooLarge(InputError):
    """The uploaded file has too many bytes."""

    code = "upload_too_large"


class NotAnImage(InputError):
    """The bytes are not a picture."""

    code = "not_an_image"


class UnsupportedFormat(InputError):
    """A picture, but in a format that is not read (HEIC, SVG, GIF, ...)."""

    code = "unsupported_format"


class AnimatedImage(InputError):
    """The file holds more than one frame."""

    code = "animated_image"


class TruncatedImage(InputError):
    """The file ends early or its data is damaged."""

    code = "truncated_image"


class ImageTooLarge(InputError):
    """Too many pixels, whatever the file's size."""

    code = "image_too_large"


class ImageTooSmall(InputError):
    """Too few pixels to see anything."""

    code = "image_too_small"


class NoPerson(InputError):
    """No person was found in the person's photo."""

    code = "no_person"


class LegsNotShown(InputError):
    """A garment for the legs, and the person's photo does not show them standing."""

    code = "legs_not_shown"


class NoGarment(InputError):
    """No garment was found in the garment's photo."""

    code = "no_garment"


class PhotosSwapped(InputError):
    """The person's photo shows a garment and the garment's photo a person."""

    code = "photos_swapped"


class UnknownNetwork(InputError):
    """No published network has that name."""

    code = "unknown_network"


class WrongWeights(InputError):
    """A file is not the weight file it was given as."""

    code = "wrong_weights"


class LicenceNotAccepted(InputError):
    """The licence of published weights was not acknowledged."""

    code = "licence_not_accepted"


class InvalidRequest(InputError):
    """A service was called with values outside its contract."""

    code = "invalid_request"


class ServiceError(TryOnError):
    """What was sent is fine; the system could not answer."""

    code = "service_error"


class Overloaded(ServiceError):
    """The queue is full."""

    code = "overloaded"


class ServiceUnavailable(ServiceError):
    """A service cannot be reached or is not ready."""

    code = "service_unavailable"


class DeadlineExceeded(ServiceError):
    """A service did not answer in time."""

    code = "deadline_exceeded"


class BadAnswer(ServiceError):
    """A system behind a service answered with something that cannot be used."""

    code = "bad_answer"


class WeightsMissing(ServiceError):
    """A weight file is not on this machine, or is not the file the manifest names."""

    code = "weights_missing"


class CannotConvert(ServiceError):
    """Weights cannot be converted here: PyTorch is missing, or the result is another network."""

    code = "cannot_convert"


class UnknownEngine(ServiceError):
    """The configured engine does not exist."""

    code = "unknown_engine"


class ContainersUnavailable(ServiceError):
    """Docker cannot run the services until a person changes something."""

    code = "containers_unavailable"


class InternalError(ServiceError):
    """Something unforeseen. The message is always this fixed text; the cause is in the log."""

    code = "internal"

    TEXT: ClassVar[str] = (
        "Something went wrong on our side; try again, and if it happens again, "
        "report it with the request id."
    )

    def __init__(self, message: str = TEXT, *, stage: str | None = None) -> None:
        super().__init__(message, stage=stage)


@dataclass(frozen=True)
class Status:
    """How an error class is told over gRPC and over HTTP."""

    grpc: StatusCode
    http: HTTPStatus


STATUS: Final[dict[type[TryOnError], Status]] = {
    TryOnError: Status(StatusCode.UNKNOWN, HTTPStatus.INTERNAL_SERVER_ERROR),
    InputError: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    MissingField: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    UnexpectedField: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    InvalidOption: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    NotAcceptable: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.NOT_ACCEPTABLE),
    EmptyUpload: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    UploadTooLarge: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    NotAnImage: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    UnsupportedFormat: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    AnimatedImage: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    TruncatedImage: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ImageTooLarge: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ImageTooSmall: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    NoPerson: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    LegsNotShown: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    NoGarment: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    PhotosSwapped: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    UnknownNetwork: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    WrongWeights: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    LicenceNotAccepted: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    InvalidRequest: Status(StatusCode.INVALID_ARGUMENT, HTTPStatus.UNPROCESSABLE_ENTITY),
    ServiceError: Status(StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE),
    Overloaded: Status(StatusCode.RESOURCE_EXHAUSTED, HTTPStatus.SERVICE_UNAVAILABLE),
    ServiceUnavailable: Status(StatusCode.UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE),
    DeadlineExceeded: Status(StatusCode.DEADLINE_EXCEEDED, HTTPStatus.GATEWAY_TIMEOUT),
    BadAnswer: Status(StatusCode.INTERNAL, HTTPStatus.BAD_GATEWAY),
    WeightsMissing: Status(StatusCode.FAILED_PRECONDITION, HTTPStatus.SERVICE_UNAVAILABLE),
    CannotConvert: Status(StatusCode.FAILED_PRECONDITION, HTTPStatus.SERVICE_UNAVAILABLE),
    UnknownEngine: Status(StatusCode.FAILED_PRECONDITION, HTTPStatus.SERVICE_UNAVAILABLE),
    ContainersUnavailable: Status(StatusCode.FAILED_PRECONDITION, HTTPStatus.SERVICE_UNAVAILABLE),
    InternalError: Status(StatusCode.INTERNAL, HTTPStatus.INTERNAL_SERVER_ERROR),
}
