"""Read the Server-Timing header."""

from typing import Final

MS_PER_SECOND: Final = 1000.0
"""Milliseconds of a second; the header's durations are in milliseconds."""

FORMER_NAMES: Final = {
    "garment_detail": "garment_high_res_resize",
    "restore": "restore_frame",
    "take_off": "isolate_garment",
    "viton": "try_on",
    "wearer": "find_wearer",
    "wearer_parse": "wearer_human_parse",
}
"""Names of stages up to version 0.2.0, and what they are called since."""


def parse_server_timing(header: str) -> dict[str, float]:
    """Return the seconds of every metric of a Server-Timing header that has a duration.

    Stages have the names that they have today, so that older servers compare.
    """
    seconds: dict[str, float] = {}
    for metric in header.split(","):
        name, *parameters = (part.strip() for part in metric.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key == "dur":
                seconds[FORMER_NAMES.get(name, name)] = float(value) / MS_PER_SECOND
    return seconds
