"""``/healthz`` and ``/readyz``."""

import pytest

from services.kit.errors import WeightsMissing
from tests.unit.gateway.app_client import FakeBackend, assert_problem, running

pytestmark = pytest.mark.unit


async def test_alive_and_ready_are_different_questions() -> None:
    async with running() as each:
        assert each.outcomes == [None]
        assert (await each.client.get("/readyz")).status_code == 200
        each.backend.not_ready = {"viton"}
        response = await each.client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["services"] == {"openpose": True, "viton": False}
        assert "viton" in response.json()["detail"]
        assert (await each.client.get("/healthz")).json() == {"status": "alive"}


async def test_a_backend_that_cannot_start_says_why() -> None:
    backend = FakeBackend()
    backend.start_error = WeightsMissing("a.onnx is missing; run `bash run.sh models`.")
    async with running(backend) as each:
        assert each.outcomes == [backend.start_error]
        assert_problem(await each.post(), 503, "weights_missing")
        ready = await each.client.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "run.sh models" in ready.json()["detail"]
