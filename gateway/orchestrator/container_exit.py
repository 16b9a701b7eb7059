"""The error of a container that ended, from its exit status and its last log lines."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.kit.errors import ServiceError, ServiceUnavailable
from services.kit.wire.error_status import ERROR_CLASSES_BY_CODE

KILLED: Final = 137
"""128 and the number of SIGKILL."""

LINE_LENGTH: Final = 160
"""Characters shown of one log line."""

LINES: Final = 2
"""Log lines shown; tracebacks name their error last."""


@dataclass(frozen=True)
class ContainerExit:
    """How a container ended."""

    exit_code: int
    """The exit status of its first process; -1 if it is not known."""
    out_of_memory: bool = False
    """Whether the kernel killed it for using more than its memory."""
    detail: str = ""
    """The engine's explanation."""
    lines: Sequence[str] = ()
    """The last lines of its log."""


def error_from_exit(ending: ContainerExit, service: str, memory_mib: int) -> ServiceError:
    """Return the error that explains the end: the service's own, if it refused to start."""
    if ending.out_of_memory:
        return ServiceUnavailable(
            f"The {service} service used more than its {memory_mib} MiB of memory and was ended "
            f"(exit status {ending.exit_code}, out of memory); raise it in "
            "TRYON_DOCKER_MEMORY_MIB.",
            stage=service,
        )
    events = [_event(line) for line in ending.lines]
    for event in reversed(events):
        kind = ERROR_CLASSES_BY_CODE.get(str(event.get("code")))
        if event.get("event") == "not started" and kind and issubclass(kind, ServiceError):
            return kind(str(event.get("reason", kind.__doc__)), stage=service)
    if ending.exit_code == KILLED:
        return ServiceUnavailable(
            f"The {service} service's container was killed (exit status {KILLED}), from outside or "
            "because the machine ran out of memory.",
            stage=service,
        )
    said = [line for line in (ending.detail, *_shortened(ending.lines)) if line]
    explanation = f": {' | '.join(said)}" if said else " and said nothing"
    return ServiceUnavailable(
        f"The {service} service's container ended with exit status {ending.exit_code}{explanation}",
        stage=service,
    )


def _shortened(lines: Sequence[str]) -> list[str]:
    """Return the last lines, each as one sentence rather than as JSON."""
    sentences = []
    for line in lines:
        event = _event(line)
        parts = [str(event[key]) for key in ("event", "reason", "exception") if event.get(key)]
        # The last line of a traceback is what went wrong.
        flat = ": ".join(part.strip().splitlines()[-1] for part in parts if part.strip())
        text = (flat or line).strip()
        if text:
            sentences.append(text if len(text) <= LINE_LENGTH else text[: LINE_LENGTH - 1] + "…")
    return sentences[-LINES:]


def _event(line: str) -> dict[str, object]:
    """Parse a structured log line; empty if it is not structured."""
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return event if isinstance(event, dict) else {}
