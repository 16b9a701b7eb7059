"""Choosing a service's engine from its table."""

import difflib
import os
from collections.abc import Callable, Mapping
from typing import TypeVar

from services.kit.errors import UnknownEngine

Loaded = TypeVar("Loaded")


def choose(service: str, engines: Mapping[str, Callable[[], Loaded]]) -> Callable[[], Loaded]:
    """Pick the loader of the engine named in ``TRYON_<SERVICE>_ENGINE``, else the table's first.

    ``service`` is the folder's name (``human_parse`` reads ``TRYON_HUMAN_PARSE_ENGINE``). Raises
    UnknownEngine for a name the table does not hold.
    """
    variable = f"TRYON_{service.upper()}_ENGINE"
    name = os.environ.get(variable, "").strip() or next(iter(engines))
    if name in engines:
        return engines[name]
    known = ", ".join(engines)
    near = difflib.get_close_matches(name.lower(), engines, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise UnknownEngine(
        f"{variable}={name} names no engine of the {service} service, which has: {known}.{hint}",
        stage=service,
    )
