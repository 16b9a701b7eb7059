"""The error tree: complete, drawn, stable, and the same on both ends of a call."""

import re
from collections.abc import Iterator

import grpc
import pytest
from grpc_status import rpc_status

from services.kit import errors
from services.kit.errors import (
    DeadlineExceeded,
    InternalError,
    InvalidRequest,
    NoPerson,
    Overloaded,
    ServiceUnavailable,
    TryOnError,
)
from services.kit.wire import error_status

pytestmark = pytest.mark.unit


def descend(kind: type[TryOnError]) -> Iterator[type[TryOnError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descend(child)


TREE = list(descend(TryOnError))


def rpc_error(
    code: grpc.StatusCode, details: str = "", trailing: tuple[tuple[str, str | bytes], ...] = ()
) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=details
    )


def test_every_class_has_its_statuses_and_nothing_else_has() -> None:
    assert set(errors.STATUS) == {TryOnError, *TREE}


def test_the_tree_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    parents = ["TryOnError"]
    for line in (errors.__doc__ or "").splitlines():
        branch = re.match(r"    ((?:│   |    )*)[├└]── (\w+)", line)
        if branch:
            depth = len(branch[1]) // 4
            drawn[branch[2]] = parents[depth]
            parents[depth + 1 :] = [branch[2]]
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in TREE}


def test_codes_are_unique_and_plain() -> None:
    codes = [vars(kind)["code"] for kind in TREE]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_http_tells_whose_fault_it_is(kind: type[TryOnError]) -> None:
    http = errors.STATUS[kind].http
    assert (http // 100 == 4) == issubclass(kind, errors.InputError)
    assert (http // 100 == 5) == issubclass(kind, errors.ServiceError)


@pytest.mark.parametrize("stage", ["openpose", None])
@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_grpc_keeps_class_message_and_stage(kind: type[TryOnError], stage: str | None) -> None:
    sent = kind("Nobody is in the photo; é, 人.", stage=stage)
    told = rpc_status.to_status(error_status.to_status(sent))
    assert told.code == grpc.StatusCode[errors.STATUS[kind].grpc]
    received = error_status.from_rpc_error(
        rpc_error(told.code, told.details, told.trailing_metadata), "viton"
    )
    assert type(received) is kind
    assert received.message == sent.message
    assert received.stage == (stage or "viton")


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, "connect: 10.0.0.7:50055 refused", ServiceUnavailable),
        (grpc.StatusCode.CANCELLED, "reset by 10.0.0.7", ServiceUnavailable),
        (grpc.StatusCode.UNIMPLEMENTED, "no method at 10.0.0.7", ServiceUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "10.0.0.7 late", DeadlineExceeded),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "10.0.0.7 full", Overloaded),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "10.0.0.7: Received message larger than max (9 vs. 4)",
            InvalidRequest,
        ),
    ],
)
def test_transport_errors_name_the_service_and_not_the_address(
    code: grpc.StatusCode, details: str, kind: type[TryOnError]
) -> None:
    error = error_status.from_rpc_error(rpc_error(code, details), "openpose")
    assert type(error) is kind
    assert "openpose service" in error.message
    assert "10.0.0.7" not in error.message
    assert error.stage == "openpose"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL])
def test_what_nobody_foresaw_has_the_fixed_text(code: grpc.StatusCode) -> None:
    error = error_status.from_rpc_error(rpc_error(code, "Traceback: secret"), "viton")
    assert type(error) is InternalError
    assert error.message == InternalError.TEXT


def test_details_that_contradict_the_status_are_not_believed() -> None:
    told = rpc_status.to_status(error_status.to_status(NoPerson("Nobody.")))
    error = error_status.from_rpc_error(
        rpc_error(grpc.StatusCode.UNAVAILABLE, "Nobody.", told.trailing_metadata), "viton"
    )
    assert type(error) is ServiceUnavailable


def test_details_that_are_not_ours_are_left_alone() -> None:
    message = error_status.to_status(NoPerson("Nobody."))
    foreign = type(message)(code=message.code, message=message.message)
    told = rpc_status.to_status(foreign)
    error = error_status.from_rpc_error(
        rpc_error(told.code, told.details, told.trailing_metadata), "viton"
    )
    assert type(error) is InternalError
