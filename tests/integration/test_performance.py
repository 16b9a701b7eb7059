"""The commands that measure speed, on this checkout: real servers, and no limit on times."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.pipeline import TRY_ON_PIPELINE

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = "docs/performance.md"


def run(*arguments: str) -> str:
    """Run a command of bench/ and return what it prints."""
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(1200)
def test_a_checkout_is_compared_with_itself_and_the_document_gets_the_table(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    before = (ROOT / DOCUMENT).read_text(encoding="utf-8")
    document.write_text(before, encoding="utf-8")
    chosen = ("--only", "stages", "-n", "1", "--against", str(ROOT), "--write", str(document))
    printed = run("bench.performance", *chosen)
    written = document.read_text(encoding="utf-8")
    assert printed.strip() in written
    place = "<!-- table: stages -->"
    assert written.split(place)[0] == before.split(place)[0]
    assert written.split("<!-- table: sizes -->")[1] == before.split("<!-- table: sizes -->")[1]
    rows = [line.strip("| ").split(" | ") for line in printed.splitlines() if line[:1] == "|"]
    assert rows[0][-2:] == ["ratio", "quartiles of the ratio"]
    values = {row[0]: row[1:] for row in rows[2:]}
    steps = {step.name for step in TRY_ON_PIPELINE.steps}
    expected = steps | {"decode", "encode", "total", "request and answer", "CPU"}
    assert expected | {"peak memory, MiB"} == values.keys()
    for name in ("total", "request and answer", "CPU", "peak memory, MiB"):
        first, second, ratio, *_ = map(float, values[name])
        assert min(first, second, ratio) > 0, name


@pytest.mark.timeout(1200)
def test_every_network_of_a_picture_is_measured() -> None:
    figures = json.loads(run("bench.roofline", "-n", "1", "--json"))
    assert min(figures["ceilings"].values()) > 0
    networks = figures["networks"]
    services = {network["service"] for network in networks}
    assert services == {"openpose", "densepose", "human_parse", "cloth_mask", "super_resolution"}
    for network in networks:
        assert network["float_macs"] + network["integer_macs"] > 0, network
        assert network["bytes_moved"] > 0, network
        assert network["seconds"] > 0, network
        assert sum(network["runs"].values()) > 0, network
