"""Convert errors of ``errors.py`` to gRPC statuses and back, without loss.

The status carries a ``google.rpc.ErrorInfo``: the class's ``code`` as reason, the domain ``tryon``,
and the stage in the metadata.
"""

from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status as RpcStatus  # type: ignore[import-untyped]
from grpc_status import rpc_status

from services.kit.errors import (
    STATUS,
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    Overloaded,
    ServiceUnavailable,
    TryOnError,
)

DOMAIN: Final = "tryon"
"""Domain of the ``ErrorInfo`` of this project's errors."""

ERROR_CLASSES_BY_CODE: Final = {kind.code: kind for kind in STATUS if kind is not TryOnError}
"""Error classes by their ``code``."""


def to_status(error: TryOnError) -> RpcStatus:
    """Convert an error to a ``google.rpc.Status``."""
    code: int = grpc.StatusCode[STATUS[type(error)].grpc].value[0]
    info = ErrorInfo(reason=error.code, domain=DOMAIN)
    if error.stage:
        info.metadata["stage"] = error.stage
    detail = AnyMessage()
    detail.Pack(info)
    return RpcStatus(code=code, message=error.message, details=[detail])


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> TryOnError:
    """Return the error behind a failed call to ``service`` (the folder's name).

    An error that the service raised is returned with its class, message and stage. An error of the
    transport becomes a ServiceError that names the service and a remedy; its text is left out.
    """
    return service_error(error, service) or _transport_error(error, service)


def unreachable(service: str) -> TryOnError:
    """Return the error of a service that cannot be reached."""
    kind, text = _TRANSPORT_ERRORS[grpc.StatusCode.UNAVAILABLE]
    return kind(text.format(service), stage=service)


def service_error(error: grpc.aio.AioRpcError, service: str) -> TryOnError | None:
    """Return the error that the service raised; None if the transport failed."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return None
    for detail in status.details if status else ():
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN and info.reason in ERROR_CLASSES_BY_CODE:
            stage = info.metadata.get("stage") or service
            return ERROR_CLASSES_BY_CODE[info.reason](status.message, stage=stage)
    return None


_TRANSPORT_ERRORS: Final[dict[grpc.StatusCode, tuple[type[TryOnError], str]]] = {
    grpc.StatusCode.UNAVAILABLE: (
        ServiceUnavailable,
        "The {} service cannot be reached; check that it is running, then try again.",
    ),
    grpc.StatusCode.CANCELLED: (
        ServiceUnavailable,
        "The {} service stopped while it worked; try again.",
    ),
    grpc.StatusCode.UNIMPLEMENTED: (
        ServiceUnavailable,
        "The {} service does not know this call; run the same version of every service.",
    ),
    grpc.StatusCode.DEADLINE_EXCEEDED: (
        DeadlineExceeded,
        "The {} service did not answer in time; try again, with smaller photos if they are large.",
    ),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (
        Overloaded,
        "The {} service is busy; try again in a few seconds.",
    ),
}
"""Error class and message of a failure of the transport; the message takes the service's name."""


def _transport_error(error: grpc.aio.AioRpcError, service: str) -> TryOnError:
    if "larger than max" in (error.details() or ""):
        return InvalidRequest(
            f"The message to or from the {service} service is larger than its limit; send a "
            "smaller picture or raise TRYON_MAX_MESSAGE_BYTES.",
            stage=service,
        )
    if error.code() not in _TRANSPORT_ERRORS:
        return InternalError(stage=service)
    kind, text = _TRANSPORT_ERRORS[error.code()]
    return kind(text.format(service), stage=service)
