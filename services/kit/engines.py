"""Choosing a service's engine from its table."""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from services.kit.errors import UnknownEngine

Loaded = TypeVar("Loaded")

PIPELINE: Final = "TRYON_PIPELINE"
PIPELINES: Final[Mapping[str, Mapping[str, str]]] = {
    "viton_hd": {
        "openpose": "body_25",
        "human_parse": "pgn",
        "agnostic": "viton_hd",
        "viton": "viton_hd",
    },
    "hr_viton": {
        "openpose": "body_25",
        "human_parse": "pgn",
        "densepose": "r_50_fpn_s1x",
        "agnostic": "hr_viton",
        "viton": "hr_viton",
    },
}
"""The engines of whole published pipelines by service: what their authors ran before the try-on.

The services that are not named keep their default.
"""


def choose(service: str, engines: Mapping[str, Callable[[], Loaded]]) -> Callable[[], Loaded]:
    """Pick the loader of the engine named in ``TRYON_<SERVICE>_ENGINE``, else the table's first.

    ``service`` is the folder's name (``human_parse`` reads ``TRYON_HUMAN_PARSE_ENGINE``). Where
    that says nothing, ``TRYON_PIPELINE`` may choose for all services at once. Raises UnknownEngine
    for a name that is not known.
    """
    variable = f"TRYON_{service.upper()}_ENGINE"
    name = os.environ.get(variable, "").strip() or _of_pipeline(service) or next(iter(engines))
    if name in engines:
        return engines[name]
    raise UnknownEngine(
        f"{variable}={name} names no engine of the {service} service, which has: "
        f"{_listed(name, engines)}",
        stage=service,
    )


def _of_pipeline(service: str) -> str | None:
    """Name the service's engine in the pipeline asked for, None where it has none of its own."""
    name = os.environ.get(PIPELINE, "").strip()
    if not name:
        return None
    if name not in PIPELINES:
        raise UnknownEngine(
            f"{PIPELINE}={name} names no published pipeline; there are: {_listed(name, PIPELINES)}",
            stage=service,
        )
    return PIPELINES[name].get(service)


def _listed(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name.lower(), names, n=1)
    return f"{', '.join(names)}." + (f" Did you mean {near[0]}?" if near else "")
