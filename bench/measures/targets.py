"""What the default engine should reach, and whether it does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.measures.agreement import TARGETED, Figures


@dataclass(frozen=True)
class Target:
    """``measure``, brought to one number over all cases by ``over``, must be on the right side."""

    what: str
    measure: str
    limit: float
    over: Callable[[list[float]], float]
    at_least: bool = True


@dataclass(frozen=True)
class Verdict:
    """A target and what was measured; ``met`` is None where nothing was."""

    what: str
    measure: str
    target: str
    value: float | None
    met: bool | None


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)


TARGETS: Final = (
    Target("parse, mean of seven classes", "parse_iou", 0.95, _mean),
    *(Target(f"parse, {name}, every case", f"parse_iou.{name}", 0.85, min) for name in TARGETED),
    Target("garment mask, every case", "garment_mask_iou", 0.99, min),
    Target("part map", "part_map_iou", 0.80, _mean),
    Target("pixels changed outside the edit mask", "outside_edit_mask", 0.0, max, at_least=False),
    Target("sleeve class kept, share of cases", "sleeve_kept", 0.98, _mean),
    Target("garment colour, ΔE2000, every case", "colour_difference", 3.0, max, at_least=False),
    Target("SSIM against the reference", "ssim", 0.90, _mean),
    Target("seconds of composition", "seconds.viton", 1.0, _mean, at_least=False),
)
"""The targets of the default engine."""


def verdicts(cases: Mapping[str, Figures]) -> list[Verdict]:
    """Hold the cases' figures against every target."""
    found = []
    for target in TARGETS:
        values = [
            value
            for figures in cases.values()
            if (value := figures.get(target.measure)) is not None
        ]
        value = target.over(values) if values else None
        met = None
        if value is not None:
            met = value >= target.limit if target.at_least else value <= target.limit
        sign = "≥" if target.at_least else "≤"
        found.append(Verdict(target.what, target.measure, f"{sign} {target.limit:g}", value, met))
    return found
