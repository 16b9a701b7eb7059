"""``tryon stop``."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gateway import running
from gateway.commands.exits import drain_seconds, fail
from gateway.settings import get_gateway_settings
from services.kit.consoles import EXIT_FAILED, stderr_console, stdout_console
from services.kit.settings import get_settings

QUIET_STOP_SECONDS: Final = 1.0
"""Seconds that ``stop`` waits without a progress line."""


def stop() -> None:
    """Stop every server that was started from here."""
    settings = get_gateway_settings()
    try:
        with _stop_progress() as on_wait:
            ports = running.stop(
                settings.run_dir,
                default_drain_seconds=drain_seconds(settings, get_settings()),
                on_wait=on_wait,
            )
    except running.ServerFileError as error:
        fail(str(error), EXIT_FAILED)
    for port in ports:
        stdout_console.print(f"Stopped the server on port {port}.")
    if not ports:
        stdout_console.print("No server is running.")


@contextlib.contextmanager
def _stop_progress() -> Iterator[Callable[[Sequence[running.RunningServer], float], None]]:
    """Show which servers are waited for, and the seconds left, once it takes a while."""
    began = time.monotonic()
    status = stderr_console.status("")
    is_shown = False

    def on_wait(servers: Sequence[running.RunningServer], seconds_left: float) -> None:
        nonlocal is_shown
        if time.monotonic() - began < QUIET_STOP_SECONDS:
            return
        ports = ", ".join(str(server.port) for server in servers)
        text = f"Waiting for pictures in progress on port {ports} ({seconds_left:.0f} s at most)"
        if stderr_console.is_terminal:
            status.update(text)
            status.start()
        elif not is_shown:
            stderr_console.print(text, soft_wrap=True)
        is_shown = True

    try:
        yield on_wait
    finally:
        status.stop()
