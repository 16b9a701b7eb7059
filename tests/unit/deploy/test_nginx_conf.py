"""nginx's configuration agrees with the rest; nginx itself is tested in e2e/docker."""

import re
from pathlib import Path

import pytest

from gateway import problem
from gateway.problem import ProblemDetails
from services.densepose.contract import CONTRACT
from services.kit.errors import STATUS, TryOnError
from services.kit.settings import Settings
from services.kit.wire import interceptors

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).resolve().parents[3] / "nginx"
CONF = (FOLDER / "nginx.conf").read_text()
ENTRYPOINT = (FOLDER / "entrypoint.sh").read_text()
ANSWERS = re.findall(r"return (\d+) '(\{.*\})';", CONF)
HTTP_OF_CODE = {kind.code: status.http for kind, status in STATUS.items() if kind is not TryOnError}


def default(name: str) -> str:
    """Give what entrypoint.sh takes for a variable that is not set."""
    [value] = re.findall(rf"^setting {name} (\S+) ", ENTRYPOINT, re.MULTILINE)
    return str(value)


def test_every_variable_of_the_configuration_is_filled_in() -> None:
    used = set(re.findall(r"\$\{(\w+)\}", CONF))
    given = set(re.findall(r"^setting (\w+)", ENTRYPOINT, re.MULTILINE))
    given |= set(re.findall(r"values\[(\w+)\]\+?=", ENTRYPOINT))
    assert used
    assert used <= given


def test_every_error_page_is_told_as_a_problem() -> None:
    assert {int(status) for status, _ in ANSWERS} >= {413, 429, 503, 504}


@pytest.mark.parametrize(("status", "body"), ANSWERS, ids=[status for status, _ in ANSWERS])
def test_an_answer_of_nginx_has_the_shape_of_the_gateways(status: str, body: str) -> None:
    told = ProblemDetails.model_validate_json(body, strict=True)
    assert told.status == int(status)
    assert told.request_id == "$tryon_request_id"
    assert told.detail.endswith(".")
    again = problem.problem_from_status(told.status, told.detail, told.request_id)
    if told.code in HTTP_OF_CODE:
        assert HTTP_OF_CODE[told.code] == told.status
    else:
        assert told == again
    assert told.type == f"urn:tryon:problem:{told.code}"
    assert told.title == told.code.replace("_", " ").capitalize()


def test_request_ids_are_the_gateways() -> None:
    pattern = interceptors._REQUEST_ID_PATTERN.pattern
    assert f'"~^{pattern}$"' in CONF


def test_limits_and_addresses_are_the_projects() -> None:
    settings = Settings.model_construct()
    assert int(default("TRYON_MAX_UPLOAD_BYTES")) == settings.max_upload_bytes
    assert int(default("TRYON_MAX_MESSAGE_BYTES")) == settings.max_message_bytes
    assert default("NGINX_DENSEPOSE") == f"densepose:{CONTRACT.port}"
    assert int(default("NGINX_GRPC_PORT")) == CONTRACT.port


def test_a_hanging_call_can_be_repeated_within_the_callers_deadline() -> None:
    [method] = CONTRACT.methods
    assert 2 * int(default("NGINX_DENSEPOSE_TIMEOUT")) < method.deadline_seconds


def test_the_health_question_names_the_service() -> None:
    watch = (FOLDER / "watch.sh").read_text()
    size = len(CONTRACT.proto)
    assert rf"printf '\0\0\0\0\x{size + 2:02x}\x0a\x{size:02x}{CONTRACT.proto}'" in watch
