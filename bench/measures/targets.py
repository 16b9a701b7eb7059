"""Targets of the default engine, and their verdicts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bench.measures.agreement import TARGETED, Figures


@dataclass(frozen=True, kw_only=True)
class Target:
    """A bound of a measure over all cases."""

    what: str
    """The measure in words."""
    measure: str
    """Name of the measure."""
    limit: float
    """The bound, in the measure's unit."""
    over: Callable[[list[float]], float]
    """Reduces the values of all cases to one."""
    at_least: bool = True
    """Whether the bound is a lower one."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A target and what was measured."""

    what: str
    """The measure in words."""
    measure: str
    """Name of the measure."""
    target: str
    """The bound in words."""
    value: float | None
    """The measured value; None if nothing was measured."""
    met: bool | None
    """Whether the value is within the bound; None if nothing was measured."""


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)


TARGETS: Final = (
    Target(what="parse, mean of seven classes", measure="parse_iou", limit=0.95, over=_mean),
    *(
        Target(what=f"parse, {name}, every case", measure=f"parse_iou.{name}", limit=0.85, over=min)
        for name in TARGETED
    ),
    Target(what="garment mask, every case", measure="garment_mask_iou", limit=0.99, over=min),
    Target(what="part map", measure="part_map_iou", limit=0.80, over=_mean),
    Target(
        what="pixels changed outside the edit mask",
        measure="outside_edit_mask",
        limit=0.0,
        over=max,
        at_least=False,
    ),
    Target(what="sleeve class kept, share of cases", measure="sleeve_kept", limit=0.98, over=_mean),
    Target(
        what="garment colour, ΔE2000, every case",
        measure="colour_difference",
        limit=3.0,
        over=max,
        at_least=False,
    ),
    Target(what="SSIM against the reference", measure="ssim", limit=0.90, over=_mean),
    Target(
        what="seconds of composition",
        measure="seconds.viton",
        limit=1.0,
        over=_mean,
        at_least=False,
    ),
)
"""The targets of the default engine."""


def verdicts(cases: Mapping[str, Figures]) -> list[Verdict]:
    """Compare the cases' figures with every target."""
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
        found.append(
            Verdict(
                what=target.what,
                measure=target.measure,
                target=f"{sign} {target.limit:g}",
                value=value,
                met=met,
            )
        )
    return found
