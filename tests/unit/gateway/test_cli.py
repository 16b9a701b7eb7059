"""The command line's entrance: every command is there, and none waits for what another needs."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway import cli

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("command", [*cli.COMMANDS, "version"])
def test_every_command_has_its_help(command: str) -> None:
    shown = CliRunner().invoke(cli.cli, [command, "--help"])
    assert shown.exit_code == 0
    assert command in shown.output.splitlines()[1]


def test_the_help_lists_every_command() -> None:
    shown = CliRunner().invoke(cli.cli, ["--help"])
    assert shown.exit_code == 0
    for command in [*cli.COMMANDS, "version"]:
        assert f" {command} " in shown.output


def test_an_unknown_command_is_refused() -> None:
    refused = CliRunner().invoke(cli.cli, ["try"])
    assert refused.exit_code == 2
    assert "No such command 'try'" in refused.output


@pytest.mark.parametrize(
    ("module", "not_imported"),
    [
        ("gateway", {"numpy", "pydantic", "fastapi", "grpc", "typer"}),
        ("gateway.cli", {"cv2", "fastapi", "uvicorn", "grpc", "docker", "httpx"}),
        ("gateway.commands.try_on", {"cv2", "fastapi", "uvicorn", "grpc", "docker", "httpx"}),
    ],
)
def test_a_module_imports_only_what_it_needs_to_be_seen_at_once(
    module: str, not_imported: set[str]
) -> None:
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & {not_imported!r}))"
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
