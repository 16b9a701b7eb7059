"""Choose a service's engine by environment variables."""

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from services.kit.errors import UnknownEngine

Loaded = TypeVar("Loaded")

PRESET_VARIABLES: Final = ("TRYON_ENGINE_PRESET", "TRYON_PIPELINE")
"""The environment variables that name a preset; the second is the name up to 0.2.0."""

ENGINE_PRESETS: Final[Mapping[str, Mapping[str, str]]] = {
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
"""Engines that the authors of published pipelines ran, by preset and service. A service that is not
named keeps its default."""


def choose_loader(
    service: str, engines: Mapping[str, Callable[[], Loaded]]
) -> Callable[[], Loaded]:
    """Pick the loader of the engine named in ``TRYON_<SERVICE>_ENGINE``, else the table's first.

    ``service`` is the folder's name (``human_parse`` reads ``TRYON_HUMAN_PARSE_ENGINE``). If
    that is empty, the preset in ``TRYON_ENGINE_PRESET`` chooses. Raises UnknownEngine for a name
    that is not known.
    """
    variable = f"TRYON_{service.upper()}_ENGINE"
    name = os.environ.get(variable, "").strip() or _engine_of_preset(service) or next(iter(engines))
    if name in engines:
        return engines[name]
    raise UnknownEngine(
        f"{variable}={name} names no engine of the {service} service, which has: "
        f"{_list_names(name, engines)}",
        stage=service,
    )


def _engine_of_preset(service: str) -> str | None:
    """Return the service's engine in the requested preset; None if it has none."""
    for variable in PRESET_VARIABLES:
        name = os.environ.get(variable, "").strip()
        if not name:
            continue
        if name not in ENGINE_PRESETS:
            raise UnknownEngine(
                f"{variable}={name} names no engine preset; there are: "
                f"{_list_names(name, ENGINE_PRESETS)}",
                stage=service,
            )
        return ENGINE_PRESETS[name].get(service)
    return None


def _list_names(name: str, known: Iterable[str]) -> str:
    names = list(known)
    similar = difflib.get_close_matches(name.lower(), names, n=1)
    return f"{', '.join(names)}." + (f" Did you mean {similar[0]}?" if similar else "")
