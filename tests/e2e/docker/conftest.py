"""A Docker engine, this checkout's images, and the whole system in containers.

The tests are skipped if no engine answers.
"""

import os
import subprocess
from collections.abc import Iterator

import pytest

from services.kit.settings import get_settings
from tests.e2e.docker.compose import Compose
from tests.ports import free_port

BUILD_SECONDS = 1800


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the whole system last.

    It runs until the session ends; its fourteen containers would keep the cores from other tests.
    """
    items.sort(key=lambda item: "stack" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where no Docker engine with compose answers."""
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        try:
            subprocess.run(command, capture_output=True, timeout=30, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"no Docker engine with compose answers ({error}); start one to run this")


@pytest.fixture(scope="session")
def images(engine: None) -> None:  # noqa: ARG001
    """Make this checkout's images; what has not changed comes from the engine's cache."""
    Compose("tryon-images")("build", "--quiet", seconds=BUILD_SECONDS)


@pytest.fixture(scope="session")
def stack(images: None) -> Iterator[Compose]:  # noqa: ARG001
    """The system as ``docker compose up`` starts it, ready, on a port of its own.

    Whoever changes it puts it back: other tests use it too.
    """
    port = free_port()
    compose = Compose(
        f"tryon-test-{os.getpid()}",
        TRYON_PORT=str(port),
        # Every test's stages run.
        TRYON_MEMO_MB="0",
        TRYON_MODELS_DIR=str(get_settings().models_dir),
        NGINX_RATE="6000",
        NGINX_BURST="1000",
    )
    try:
        compose("up", "--detach", "--wait", seconds=300)
        yield compose
    finally:
        compose("down", "--volumes", "--timeout", "5", seconds=120)
