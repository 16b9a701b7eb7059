"""Cuts one side of a photo into spans that a network is run on, and says how they are blended."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Span:
    """What a network is given along one side of a photo."""

    start: int
    """First pixel that the network is given."""
    stop: int
    """End of the pixels that the network is given."""
    weights: NDArray[np.float32]
    """Weights, 0 to 1, of the enlarged pixels from ``start`` to ``stop``."""


def find_range(wanted: NDArray[np.bool_]) -> tuple[int, int]:
    """Bound the wanted pixels and one on each side of them; (0, 0) if there are none.

    Both bounds are even, except where the side itself ends at an odd one.
    """
    places = np.flatnonzero(wanted)
    if not places.size:
        return 0, 0
    first, last = int(places[0]) - 1, int(places[-1]) + 2
    return max(0, first // 2 * 2), min(wanted.size, -(-last // 2) * 2)


def cut_spans(
    first: int, last: int, length: int, *, longest: int, margin: int, scale: int
) -> list[Span]:
    """Cut the pixels from ``first`` to ``last`` of a side of ``length`` into equal spans.

    As many as are needed for ``longest`` pixels each, and cut at even distances. Each is given
    ``margin`` more pixels beside its neighbours, half as many elsewhere. Neighbours fade into each
    other over the inner half of the margin. The weights add up to 1 from ``first`` to ``last`` and
    are 0 elsewhere. Lengths are in pixels of the input; weights are for ``scale`` times as many.
    """
    count = -(-(last - first) // longest)
    edges = [first + round(index * (last - first) / count / 2) * 2 for index in range(count)]
    spans = []
    for near, far in pairwise([*edges, last]):
        start = max(0, near - (margin if near > first else margin // 2))
        stop = min(length, far + (margin if far < last else margin // 2))
        places = start + (np.arange((stop - start) * scale, dtype=np.float32) + 0.5) / scale
        weights = ((places > first) & (places < last)).astype(np.float32)
        if near > first:
            weights *= np.clip((places - near) / margin + 0.5, 0, 1)
        if far < last:
            weights *= np.clip((far - places) / margin + 0.5, 0, 1)
        spans.append(Span(start=start, stop=stop, weights=weights.astype(np.float32)))
    return spans
