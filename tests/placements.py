"""Places of photos on the canvas."""

from typing import Final

from services.kit.types import Placement

CANVAS_WIDTH: Final = 768
CANVAS_HEIGHT: Final = 1024


def make_placement(
    source_width: int = CANVAS_WIDTH,
    source_height: int = CANVAS_HEIGHT,
    *,
    left: int = 0,
    top: int = 0,
    width: int = CANVAS_WIDTH,
    height: int = CANVAS_HEIGHT,
) -> Placement:
    """Return a photo's place on the canvas, which it fills unless told otherwise."""
    return Placement(
        source_width=source_width,
        source_height=source_height,
        canvas_width=CANVAS_WIDTH,
        canvas_height=CANVAS_HEIGHT,
        left=left,
        top=top,
        width=width,
        height=height,
    )
