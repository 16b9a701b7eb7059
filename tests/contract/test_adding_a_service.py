"""``docs/adding-a-service.md`` does what it says: every block is carried out in a copy."""

import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port

pytestmark = [pytest.mark.contract, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "adding-a-service.md"
BLOCK = re.compile(
    r"^```\w+ (\w+)=(\S+)(?: marker=\"([^\n]*)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
PROBES = 60
"""Probes, a second apart, until the server must serve."""

IGNORED = shutil.ignore_patterns(".*", "__pycache__", "generated", "*.egg-info")


@dataclass(frozen=True)
class Block:
    """A fenced block that says where its text goes."""

    action: str
    path: str
    marker: str
    text: str

    def carry_out(self, root: Path) -> None:
        """Write the block into the checkout ``root``."""
        target = root / self.path
        if self.action == "file":
            target.parent.mkdir(parents=True, exist_ok=True)
            assert not target.exists(), f"{self.path} is there already"
            target.write_text(self.text, encoding="utf-8")
            return
        before = target.read_text(encoding="utf-8")
        assert before.count(self.marker) == 1, f"{self.path} has {self.marker!r} not once"
        if self.action == "replace":
            after = before.replace(self.marker, self.text.rstrip("\n"))
        else:
            lines = before.splitlines(keepends=True)
            (index,) = (i for i, line in enumerate(lines) if self.marker in line)
            lines.insert(index + (self.action == "after"), self.text)
            after = "".join(lines)
        target.write_text(after, encoding="utf-8")


def blocks() -> list[Block]:
    """Read the document's blocks, in their order."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return [Block(*found.groups(default="")) for found in BLOCK.finditer(text)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout with the service of the document."""
    root = tmp_path_factory.mktemp("ninth") / "tryon"
    shutil.copytree(ROOT, root, ignore=IGNORED)
    for block in blocks():
        block.carry_out(root)
    return root


def run(checkout: Path, *command: str) -> str:
    """Run a Python command in the copy, with the copy's modules; return what it prints."""
    done = subprocess.run(  # noqa: S603 - this interpreter and our own files
        [sys.executable, *command],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": f"{checkout}{os.pathsep}{checkout / 'generated'}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_server_of_the_document_serves(checkout: Path) -> None:
    run(checkout, "hatch_build.py")
    port = free_port()
    path = f"{checkout}{os.pathsep}{checkout / 'generated'}"
    server = subprocess.Popen(
        [sys.executable, "-m", "services.shadow"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": path, "TRYON_PORT": str(port)},
    )
    try:
        wait_for_health(checkout, f"127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=60)


def wait_for_health(checkout: Path, address: str) -> None:
    """Probe the server until it serves."""
    for _ in range(PROBES):
        try:
            run(checkout, "-m", "services.kit.wire.probe", address)
        except AssertionError:
            time.sleep(1)
        else:
            return
    run(checkout, "-m", "services.kit.wire.probe", address)


def test_every_block_says_where_it_goes() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    # Commands go nowhere; the test below runs them.
    assert len(blocks()) == text.count("\n```") // 2 - text.count("\n```bash")
    assert {block.action for block in blocks()} == {"file", "before", "after", "replace"}


def test_the_service_of_the_document_works(checkout: Path) -> None:
    run(checkout, "hatch_build.py")
    run(checkout, "-m", "deploy.render")
    run(checkout, "-m", "ruff", "check", ".")
    run(checkout, "-m", "ruff", "format", "--check", ".")
    run(
        checkout,
        "-c",
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())",
    )
    shown = run(
        checkout,
        "-m",
        "pytest",
        "-q",
        "-k",
        # The rest of these files says nothing of a further service, and takes minutes.
        "shadow or every_service or render or docs or pipeline or option or describes or house",
        "tests/contract/test_services.py",
        "tests/contract/test_every_service.py",
        "tests/unit/deploy/test_render.py",
        "tests/unit/docs",
        "tests/unit/test_house_rules.py",
        "tests/unit/gateway/test_pipeline.py",
        "tests/unit/gateway/test_options.py",
        "tests/unit/gateway/test_openapi.py",
        "tests/unit/gateway/routes",
    )
    assert "passed" in shown
    assert "skipped" not in shown
