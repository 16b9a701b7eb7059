import json

import pytest

from gateway.problem import problem_from_error, problem_from_status, problem_response
from services.kit.errors import STATUS, InternalError, NoPerson, TryOnError

pytestmark = pytest.mark.unit


# The root is never raised itself and has no code.
CONCRETE = [kind for kind in STATUS if kind is not TryOnError]


@pytest.mark.parametrize("kind", CONCRETE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_becomes_a_problem(kind: type[TryOnError]) -> None:
    problem = problem_from_error(kind("What is wrong; what to do.", stage="viton"), "id-1")
    assert (problem.code, problem.status) == (kind.code, STATUS[kind].http)
    assert (problem.stage, problem.request_id) == ("viton", "id-1")
    assert problem.type == f"urn:tryon:problem:{kind.code}"
    assert problem.title


def test_codes_are_all_different() -> None:
    codes = [kind.code for kind in CONCRETE]
    assert len(set(codes)) == len(codes)


def test_an_internal_error_never_discloses_its_cause() -> None:
    problem = problem_from_error(InternalError("division by zero in /secret/path.py"), "id-1")
    assert problem.detail == InternalError.TEXT


def test_http_errors_get_codes_of_their_own() -> None:
    problem = problem_from_status(405, "Method Not Allowed", "id-1")
    assert (problem.code, problem.status, problem.title) == (
        "method_not_allowed",
        405,
        "Method not allowed",
    )


def test_the_response_is_problem_json() -> None:
    problem = problem_from_error(NoPerson("Nobody."), "id-1")
    response = problem_response(problem, {"Retry-After": "3"})
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
