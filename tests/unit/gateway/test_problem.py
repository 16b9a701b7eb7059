import json

import pytest

from gateway import problem
from services.kit.errors import STATUS, InternalError, NoPerson, TryOnError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_can_be_told(kind: type[TryOnError]) -> None:
    if kind is TryOnError:
        pytest.skip("the root is never raised itself and has no code")
    told = problem.of_error(kind("What is wrong; what to do.", stage="viton"), "id-1")
    assert (told.code, told.status) == (kind.code, STATUS[kind].http)
    assert (told.stage, told.request_id) == ("viton", "id-1")
    assert told.type == f"urn:tryon:problem:{kind.code}"
    assert told.title


def test_codes_are_all_different() -> None:
    codes = [kind.code for kind in STATUS if kind is not TryOnError]
    assert len(set(codes)) == len(codes)


def test_an_internal_error_never_tells_its_cause() -> None:
    told = problem.of_error(InternalError("division by zero in /secret/path.py"), "id-1")
    assert told.detail == InternalError.TEXT


def test_http_errors_get_codes_of_their_own() -> None:
    told = problem.of_status(405, "Method Not Allowed", "id-1")
    assert (told.code, told.status, told.title) == (
        "method_not_allowed",
        405,
        "Method not allowed",
    )


def test_the_response_is_problem_json() -> None:
    told = problem.of_error(NoPerson("Nobody."), "id-1")
    response = problem.response(told, {"Retry-After": "3"})
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "3"
    assert json.loads(bytes(response.body)) == {
        "type": "urn:tryon:problem:no_person",
        "title": "No person",
        "status": 422,
        "detail": "Nobody.",
        "code": "no_person",
        "stage": None,
        "request_id": "id-1",
    }
