"""``tryon logs``."""

import sys
import time
from collections.abc import Iterable
from typing import Annotated, Final

import typer

from gateway.commands.exits import fail
from gateway.log_follower import LogFollower, LogLine
from gateway.settings import get_gateway_settings
from services.kit.consoles import EXIT_FAILED

LOG_POLL_SECONDS: Final = 0.5
"""Seconds between two looks for added log lines."""


def show_logs(
    *,
    follow: Annotated[bool, typer.Option(help="Keep printing what is added.")] = True,
    lines: Annotated[int, typer.Option(help="Lines of each log to begin with.", min=0)] = 20,
) -> None:
    """Print the logs of the gateway and of the services."""
    run_dir = get_gateway_settings().run_dir
    with LogFollower(run_dir, tail_lines=lines) as follower:
        _print_lines(follower.poll())
        if not follower.has_files:
            fail(f"There are no logs in {run_dir}.", EXIT_FAILED)
        while follow:
            time.sleep(LOG_POLL_SECONDS)
            _print_lines(follower.poll())
        _print_lines(follower.finish())


def _print_lines(lines: Iterable[LogLine]) -> None:
    for line in lines:
        sys.stdout.write(f"{line.log:16} | {line.text}\n")
    sys.stdout.flush()
