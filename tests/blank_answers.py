"""Answers without content, for tests that care how services are called, not what they compute."""

import dataclasses
import typing
from typing import Any, Final

import numpy as np

from services.kit.types import Placement

HEIGHT: Final = 8
WIDTH: Final = 6
"""The size in pixels of blank pictures and maps."""

SHAPES: Final = {
    "Image": ((HEIGHT, WIDTH, 3), np.uint8),
    "Keypoints": ((25, 3), np.float32),
    "Landmarks": ((24, 3), np.float32),
    "Flow": ((HEIGHT, WIDTH, 2), np.float32),
}
"""Shape and type of each kind of array by the message that carries it; all others are H x W."""


def blank(kind: Any) -> Any:
    """Return a value of a contract's dataclass: zeros, empty texts, and its defaults."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return kind(
        **{field.name: _blank(hints[field.name], field) for field in dataclasses.fields(kind)}
    )


def _blank(hint: Any, field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if hasattr(hint, "__metadata__"):
        shape, dtype = SHAPES.get(hint.__metadata__[0].value, ((HEIGHT, WIDTH), np.uint8))
        return np.zeros(shape, dtype)
    if hint is Placement:
        return Placement(
            source_width=WIDTH,
            source_height=HEIGHT,
            canvas_width=WIDTH,
            canvas_height=HEIGHT,
            left=0,
            top=0,
            width=WIDTH,
            height=HEIGHT,
        )
    return blank(hint) if dataclasses.is_dataclass(hint) else hint()
