"""Read the Server-Timing header."""

from typing import Final

MS_PER_SECOND: Final = 1000.0
"""Milliseconds of a second; the header's durations are in milliseconds."""


def parse_server_timing(header: str) -> dict[str, float]:
    """Return the seconds of every metric of a Server-Timing header that has a duration."""
    seconds: dict[str, float] = {}
    for metric in header.split(","):
        name, *parameters = (part.strip() for part in metric.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key == "dur":
                seconds[name] = float(value) / MS_PER_SECOND
    return seconds
