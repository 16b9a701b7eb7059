"""Decides which services may be running together. Pure: memory in MiB, time in seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Holding:
    """A service whose containers hold memory, or are about to.

    ``busy`` services have calls in flight or callers waiting; ``stopping`` ones give their memory
    back soon.
    """

    name: str
    mib: int
    resident: bool
    busy: bool
    stopping: bool
    last_used: float

    @property
    def idle(self) -> bool:
        """Whether it may be stopped without anybody noticing."""
        return not (self.resident or self.busy or self.stopping)


def too_large(needs: Mapping[str, int], budget: int) -> tuple[str, ...]:
    """Name the services that do not fit the budget even alone."""
    return tuple(name for name, need in needs.items() if need > budget)


def residents(wanted: Iterable[str], needs: Mapping[str, int], budget: int) -> tuple[str, ...]:
    """Choose which of the wanted residents can be kept, in their order.

    Residents are never stopped, so one is kept only where every other service still fits beside
    all residents. ``needs`` holds every service; none of them needs more than ``budget``.
    """
    kept: list[str] = []
    for name in wanted:
        together = [*kept, name]
        others = max((need for other, need in needs.items() if other not in together), default=0)
        if sum(needs[each] for each in together) + others <= budget:
            kept = together
    return tuple(kept)


def room(need: int, budget: int, holdings: Sequence[Holding]) -> tuple[str, ...] | None:
    """Say which services to stop so that ``need`` fits: none when it already fits.

    Idle on-demand services go, the longest unused first. None when that is not enough now: wait
    until a service has stopped or finished its calls, then ask again.
    """
    free = budget - sum(each.mib for each in holdings)
    if need <= free:
        return ()
    free += sum(each.mib for each in holdings if each.stopping)
    victims: list[str] = []
    for each in sorted((each for each in holdings if each.idle), key=lambda it: it.last_used):
        if need <= free:
            break
        victims.append(each.name)
        free += each.mib
    return tuple(victims) if victims and need <= free else None


def unused(holdings: Iterable[Holding], now: float, idle_seconds: float) -> tuple[str, ...]:
    """Name the on-demand services that nobody has used for ``idle_seconds``."""
    return tuple(
        each.name for each in holdings if each.idle and now - each.last_used >= idle_seconds
    )
