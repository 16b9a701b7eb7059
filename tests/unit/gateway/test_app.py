"""What every path has in common: problems, and errors that are not disclosed."""

import pytest

from tests.unit.gateway.app_client import assert_problem, running

pytestmark = pytest.mark.unit


async def test_unforeseen_errors_are_not_disclosed() -> None:
    async with running() as each:
        each.backend.call_error = ZeroDivisionError("secret of the house")
        response = await each.post()
        problem = assert_problem(response, 500, "internal")
        assert "secret" not in response.text
        assert problem["stage"] == "try_on"
        each.backend.call_error = None
        assert (await each.post()).status_code == 200


async def test_unknown_paths_and_methods_are_problems_too() -> None:
    async with running() as each:
        assert_problem(await each.client.get("/nowhere"), 404, "not_found")
        response = await each.client.get("/vitons")
        assert_problem(response, 405, "method_not_allowed")
        assert response.headers["allow"] == "POST"
