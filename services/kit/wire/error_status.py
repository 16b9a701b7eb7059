"""Tells an error of the tree over gRPC, and reads it back.

The status carries a ``google.rpc.ErrorInfo``: the class's ``code`` as reason, domain ``tryon``, and
the stage in its metadata. The other end finds the same class, message and stage.
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
BY_CODE: Final = {kind.code: kind for kind in STATUS if kind is not TryOnError}


def to_status(error: TryOnError) -> RpcStatus:
    """Describe the error as a ``google.rpc.Status``."""
    code: int = STATUS[type(error)].grpc.value[0]
    info = ErrorInfo(reason=error.code, domain=DOMAIN)
    if error.stage:
        info.metadata["stage"] = error.stage
    detail = AnyMessage()
    detail.Pack(info)
    return RpcStatus(code=code, message=error.message, details=[detail])


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> TryOnError:
    """Find the error behind a failed call to ``service`` (a folder's name).

    What the service raised comes back as it was; what the transport raised becomes a ServiceError
    that names the service and a remedy. The transport's own text is never passed on.
    """
    return told(error, service) or _of_transport(error, service)


def unreachable(service: str) -> TryOnError:
    """Make the error of a service that nobody answers for."""
    kind, text = _TRANSPORT[grpc.StatusCode.UNAVAILABLE]
    return kind(text.format(service), stage=service)


def told(error: grpc.aio.AioRpcError, service: str) -> TryOnError | None:
    """Find the error that the service itself raised; None for what the transport raised."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return None
    for detail in status.details if status else ():
        info = ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN and info.reason in BY_CODE:
            stage = info.metadata.get("stage") or service
            return BY_CODE[info.reason](status.message, stage=stage)
    return None


_TRANSPORT: Final[dict[grpc.StatusCode, tuple[type[TryOnError], str]]] = {
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


def _of_transport(error: grpc.aio.AioRpcError, service: str) -> TryOnError:
    if "larger than max" in (error.details() or ""):
        return InvalidRequest(
            f"The message to or from the {service} service is larger than its limit; send a "
            "smaller picture or raise TRYON_MAX_MESSAGE_BYTES.",
            stage=service,
        )
    if error.code() not in _TRANSPORT:
        return InternalError(stage=service)
    kind, text = _TRANSPORT[error.code()]
    return kind(text.format(service), stage=service)
