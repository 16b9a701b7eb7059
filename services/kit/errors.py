"""Errors that reach a user.

    TryOnError
    ├── InputError                the request cannot be used
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
    └── ServiceError              the request is valid; the system failed
        ├── Overloaded
        ├── ServiceUnavailable
        ├── DeadlineExceeded
        ├── BadAnswer
        ├── WeightsMissing
        ├── CannotConvert
        ├── UnknownEngine
        ├── ContainersUnavailable
        └── InternalError

Each message tells the user in one sentence what is wrong and what to do. ``STATUS`` has the gRPC
and the HTTP status of each class.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar, Final


class TryOnError(Exception):
    """Base class. ``code`` is stable and machine-readable, ``stage`` names the failed step."""

    code: ClassVar[str]

    def __init__(self, message: str, *, stage: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.stage = stage


class InputError(TryOnError):
    """The request cannot be used; sending it again does not help."""

    code = "input_error"


class MissingField(InputError):
    """A required upload field is absent."""

    code = "missing_field"


class UnexpectedField(InputError):
    """An upload field that is not known, or a field sent more than once."""

    code = "unexpected_field"


class InvalidOption(InputError):
    """An option has an invalid value."""

    code = "invalid_option"


class NotAcceptable(InputError):
    """The Accept header names no format that the system can send."""

    code = "not_acceptable"


class EmptyUpload(InputError):
    """The uploaded file has no bytes."""

    code = "empty_upload"


class UploadTooLarge(InputError):
    """The uploaded file has too many bytes."""

    code = "upload_too_large"


class NotAnImage(InputError):
    """The bytes are not an image file."""

    code = "not_an_image"


class UnsupportedFormat(InputError):
    """The image has an unsupported format (HEIC, SVG, GIF, ...)."""

    code = "unsupported_format"


class AnimatedImage(InputError):
    """The file holds more than one frame."""

    code = "animated_image"


class TruncatedImage(InputError):
    """The file ends early or its data is damaged."""

    code = "truncated_image"


class ImageTooLarge(InputError):
    """The image has too many pixels."""

    code = "image_too_large"


class ImageTooSmall(InputError):
    """The image has too few pixels."""

    code = "image_too_small"


class NoPerson(InputError):
    """No person was found in the person's photo."""

    code = "no_person"


class LegsNotShown(InputError):
    """The garment covers the legs, and the person's photo does not show standing legs."""

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
    """The file is not the weight file of the named network."""

    code = "wrong_weights"


class LicenceNotAccepted(InputError):
    """The licence of published weights was not acknowledged."""

    code = "licence_not_accepted"


class InvalidRequest(InputError):
    """A service was called with values outside its contract."""

    code = "invalid_request"


class ServiceError(TryOnError):
    """The request is valid; the system failed."""

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
    """A system behind a service returned an unusable response."""

    code = "bad_answer"


class WeightsMissing(ServiceError):
    """A weight file is missing, or is not the manifest's."""

    code = "weights_missing"


class CannotConvert(ServiceError):
    """Weights cannot be converted: PyTorch is missing, or the outputs of the result differ."""

    code = "cannot_convert"


class UnknownEngine(ServiceError):
    """The configured engine does not exist."""

    code = "unknown_engine"


class ContainersUnavailable(ServiceError):
    """Docker cannot run the services until a person changes something."""

    code = "containers_unavailable"


class InternalError(ServiceError):
    """An unexpected error. The message is always the same text; the log has the cause."""

    code = "internal"

    TEXT: ClassVar[str] = (
        "Something went wrong on our side; try again, and if it happens again, "
        "report it with the request id."
    )
    """The message of every such error."""

    def __init__(self, message: str = TEXT, *, stage: str | None = None) -> None:
        super().__init__(message, stage=stage)


@dataclass(frozen=True)
class Status:
    """Status codes of an error class."""

    grpc: str
    """Name of the gRPC response's status code. A name, since the command line needs no gRPC."""
    http: HTTPStatus
    """Status code of the HTTP response."""


STATUS: Final[dict[type[TryOnError], Status]] = {
    TryOnError: Status("UNKNOWN", HTTPStatus.INTERNAL_SERVER_ERROR),
    InputError: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    MissingField: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    UnexpectedField: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    InvalidOption: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    NotAcceptable: Status("INVALID_ARGUMENT", HTTPStatus.NOT_ACCEPTABLE),
    EmptyUpload: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    UploadTooLarge: Status("INVALID_ARGUMENT", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    NotAnImage: Status("INVALID_ARGUMENT", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    UnsupportedFormat: Status("INVALID_ARGUMENT", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    AnimatedImage: Status("INVALID_ARGUMENT", HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    TruncatedImage: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    ImageTooLarge: Status("INVALID_ARGUMENT", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ImageTooSmall: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    NoPerson: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    LegsNotShown: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    NoGarment: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    PhotosSwapped: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    UnknownNetwork: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    WrongWeights: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    LicenceNotAccepted: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    InvalidRequest: Status("INVALID_ARGUMENT", HTTPStatus.UNPROCESSABLE_ENTITY),
    ServiceError: Status("UNAVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE),
    Overloaded: Status("RESOURCE_EXHAUSTED", HTTPStatus.SERVICE_UNAVAILABLE),
    ServiceUnavailable: Status("UNAVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE),
    DeadlineExceeded: Status("DEADLINE_EXCEEDED", HTTPStatus.GATEWAY_TIMEOUT),
    BadAnswer: Status("INTERNAL", HTTPStatus.BAD_GATEWAY),
    WeightsMissing: Status("FAILED_PRECONDITION", HTTPStatus.SERVICE_UNAVAILABLE),
    CannotConvert: Status("FAILED_PRECONDITION", HTTPStatus.SERVICE_UNAVAILABLE),
    UnknownEngine: Status("FAILED_PRECONDITION", HTTPStatus.SERVICE_UNAVAILABLE),
    ContainersUnavailable: Status("FAILED_PRECONDITION", HTTPStatus.SERVICE_UNAVAILABLE),
    InternalError: Status("INTERNAL", HTTPStatus.INTERNAL_SERVER_ERROR),
}
"""Status codes by error class."""
