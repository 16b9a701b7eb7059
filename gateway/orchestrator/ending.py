"""Tells why a container ended, from what the engine and the container's last lines say."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.kit.errors import ServiceError, ServiceUnavailable
from services.kit.wire.error_status import BY_CODE

KILLED: Final = 137
"""128 and the number of SIGKILL."""

LINE_LENGTH: Final = 160
"""Characters shown of one log line."""

LINES: Final = 2
"""Log lines shown; tracebacks name their error last."""


@dataclass(frozen=True)
class Ending:
    """How a container ended. ``lines`` are the last of its log, ``detail`` the engine's words."""

    exit_code: int
    out_of_memory: bool = False
    detail: str = ""
    lines: Sequence[str] = ()


def error_of(ending: Ending, service: str, memory_mib: int) -> ServiceError:
    """Make the error that tells it: what the service itself said where it refused to start."""
    if ending.out_of_memory:
        return ServiceUnavailable(
            f"The {service} service used more than its {memory_mib} MiB of memory and was ended "
            f"(exit status {ending.exit_code}, out of memory); raise it in "
            "TRYON_DOCKER_MEMORY_MIB.",
            stage=service,
        )
    events = [_event(line) for line in ending.lines]
    for event in reversed(events):
        kind = BY_CODE.get(str(event.get("code")))
        if event.get("event") == "not started" and kind and issubclass(kind, ServiceError):
            return kind(str(event.get("reason", kind.__doc__)), stage=service)
    if ending.exit_code == KILLED:
        return ServiceUnavailable(
            f"The {service} service's container was killed (exit status {KILLED}), from outside or "
            "because the machine ran out of memory.",
            stage=service,
        )
    said = [line for line in (ending.detail, *_shortened(ending.lines)) if line]
    told = f": {' | '.join(said)}" if said else " and said nothing"
    return ServiceUnavailable(
        f"The {service} service's container ended with exit status {ending.exit_code}{told}",
        stage=service,
    )


def _shortened(lines: Sequence[str]) -> list[str]:
    """Give the last lines, each as one sentence rather than as JSON."""
    told = []
    for line in lines:
        event = _event(line)
        parts = [str(event[key]) for key in ("event", "reason", "exception") if event.get(key)]
        # The last line of a traceback is what went wrong.
        flat = ": ".join(part.strip().splitlines()[-1] for part in parts if part.strip())
        text = (flat or line).strip()
        if text:
            told.append(text if len(text) <= LINE_LENGTH else text[: LINE_LENGTH - 1] + "…")
    return told[-LINES:]


def _event(line: str) -> dict[str, object]:
    """Read a structured log line; an empty one where it is none."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}
