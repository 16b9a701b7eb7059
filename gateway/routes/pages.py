"""The page at /index and the API's documentation at /docs. Nothing is loaded from other hosts."""

from importlib import resources
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from gateway.memo.retention import describe_retention
from gateway.settings import PROJECT_ROOT, GatewaySettings

EXAMPLES: Final = PROJECT_ROOT / "examples"
"""Folder of the example photos."""

WEB: Final = Path(__file__).resolve().parents[1] / "web"
"""Folder of the page's files."""

# Swagger UI sets styles from its script, and its icons are data: URLs in its style sheet.
SWAGGER_UI_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
"""Content security policy of the documentation page."""

SWAGGER_UI_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Virtual try-on: API</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/docs/ui/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/ui/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
"""The documentation page."""

SWAGGER_UI_SCRIPT: Final = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  defaultModelsExpandDepth: 0,
});
"""
"""The script that starts Swagger UI."""


RETENTION_PLACE: Final = "{{retention}}"
"""Placeholder in the page for what is kept of the photos."""


def add_pages(app: FastAPI, settings: GatewaySettings) -> None:
    """Add the pages and their files to the application."""
    page = (WEB / "index.html").read_text(encoding="utf-8")
    index_page = page.replace(RETENTION_PLACE, describe_retention(settings))
    swagger_ui = resources.files("fastapi_swagger") / "resources"
    app.mount("/static", StaticFiles(directory=WEB), name="static")
    app.mount("/docs/ui", StaticFiles(directory=str(swagger_ui)), name="docs-ui")

    if EXAMPLES.is_dir():  # an installed package has none
        app.mount("/examples", StaticFiles(directory=EXAMPLES), name="examples")

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/index")

    @app.api_route("/index", methods=["GET", "HEAD"], include_in_schema=False)
    async def index() -> Response:
        return HTMLResponse(index_page, headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(SWAGGER_UI_PAGE, headers={"Content-Security-Policy": SWAGGER_UI_POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(SWAGGER_UI_SCRIPT, media_type="text/javascript")
