"""Growing, filling and counting regions of pixels."""

from services.human_parse.parse_frame import Flags
from services.kit.raster import morphology


def dilate(flags: Flags, radius: float) -> Flags:
    """Widen what is flagged, H x W, by ``radius`` pixels, one at least."""
    return morphology.dilate(flags, max(1, round(radius)))
