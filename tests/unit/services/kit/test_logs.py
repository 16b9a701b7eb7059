"""Log lines: one format for ours and the libraries', and never a picture."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

PROGRAM = """
import logging, sys
import numpy as np, structlog
from services.kit import logs
from services.kit.settings import Settings

logs.configure(Settings(log_format=sys.argv[1], log_level="info"))
log = structlog.stdlib.get_logger("tryon")
with structlog.contextvars.bound_contextvars(request_id="r7"):
    log.info("decoded", data=b"SECRET", picture=np.zeros((4, 5, 3), np.uint8))
    log.debug("unwanted")
    logging.getLogger("library").warning("from a library")
    try:
        photo = b"SECRET"
        raise ValueError("broken")
    except ValueError:
        log.exception("failed")
"""


def logged(log_format: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", PROGRAM, log_format], capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    return done.stderr


def test_json_lines_say_everything() -> None:
    ours, library, failure = [json.loads(line) for line in logged("json").splitlines()]
    assert ours.pop("timestamp")
    assert ours == {
        "event": "decoded",
        "level": "info",
        "logger": "tryon",
        "request_id": "r7",
        "data": "<6 bytes>",
        "picture": "<array (4, 5, 3)>",
    }
    assert (library["event"], library["level"]) == ("from a library", "warning")
    assert library["request_id"] == "r7"
    assert failure["level"] == "error"
    assert "ValueError: broken" in failure["exception"]


def test_lines_for_people_hold_no_variables() -> None:
    text = logged("console")
    for part in ("decoded", "<6 bytes>", "from a library", "ValueError: broken"):
        assert part in text
    assert "b'SECRET'" not in text
    assert "unwanted" not in text
