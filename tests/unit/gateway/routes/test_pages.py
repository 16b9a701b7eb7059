"""The pages and their files."""

from typing import Any

import pytest

from tests.unit.gateway.app_client import running

pytestmark = pytest.mark.unit


async def test_pages_load_nothing_from_elsewhere() -> None:
    async with running() as each:
        root = await each.client.get("/")
        docs = await each.client.get("/docs")
        script = await each.client.get("/docs/ui/swagger-ui-bundle.js")
        start = await each.client.get("/docs/start.js")
        problem = await each.client.get("/nowhere")
    assert root.headers["location"] == "/index"
    assert docs.status_code == script.status_code == start.status_code == 200
    assert "http://" not in docs.text
    assert "https://" not in docs.text
    for response in (root, docs, problem):
        assert response.headers["content-security-policy"].startswith("default-src 'self'; img-src")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"memo_mb": 0}, "Your photos make this one picture and are not kept."),
        ({}, "stays in this server's memory for about 10 minutes"),
        ({"memo_seconds": 86_400 * 7}, "stays in this server's memory for about 7 days"),
        (
            {"memo_seconds": 90, "memo_dir": "/srv/memo"},
            "the photos at another size and the cut-out garment, stays on this server for about 90",
        ),
    ],
)
async def test_the_page_tells_what_is_kept(settings: dict[str, Any], told: str) -> None:
    async with running(**settings) as each:
        page = (await each.client.get("/index")).text
    assert told in page
    assert "{{" not in page
