"""Decides which services may run together. Pure functions: memory in MiB, time in seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MemoryReservation:
    """The memory of a service whose containers run or are about to."""

    name: str
    """The service."""
    mib: int
    """MiB of all its containers."""
    resident: bool
    """Never stopped."""
    busy: bool
    """Has calls in flight or waiting."""
    stopping: bool
    """Frees its memory soon."""
    last_used: float
    """Time of its last call, seconds of the monotonic clock."""

    @property
    def idle(self) -> bool:
        """Whether it may be stopped now."""
        return not (self.resident or self.busy or self.stopping)


def exceeding(needs: Mapping[str, int], budget: int) -> tuple[str, ...]:
    """Return the services that need more than the whole budget."""
    return tuple(name for name, need in needs.items() if need > budget)


def choose_residents(
    wanted: Iterable[str], needs: Mapping[str, int], budget: int
) -> tuple[str, ...]:
    """Choose the residents among the wanted, in their order.

    Residents are never stopped. So a service becomes resident only if every other service still
    fits beside all residents. ``needs`` holds every service, none above ``budget``.
    """
    chosen: list[str] = []
    for name in wanted:
        together = [*chosen, name]
        others = max((need for other, need in needs.items() if other not in together), default=0)
        if sum(needs[each] for each in together) + others <= budget:
            chosen = together
    return tuple(chosen)


def services_to_stop(
    need: int, budget: int, reservations: Sequence[MemoryReservation]
) -> tuple[str, ...] | None:
    """Choose the services to stop so that ``need`` fits; empty if it already fits.

    Idle on-demand services are stopped, the longest unused first. Returns None if that is not
    enough now: wait until a service has stopped or finished its calls, then ask again.
    """
    free = budget - sum(each.mib for each in reservations)
    if need <= free:
        return ()
    free += sum(each.mib for each in reservations if each.stopping)
    victims: list[str] = []
    for each in sorted(
        (each for each in reservations if each.idle), key=lambda each: each.last_used
    ):
        if need <= free:
            break
        victims.append(each.name)
        free += each.mib
    return tuple(victims) if victims and need <= free else None


def idle_services(
    reservations: Iterable[MemoryReservation], now: float, idle_seconds: float
) -> tuple[str, ...]:
    """Return the on-demand services without a call for ``idle_seconds``."""
    return tuple(
        each.name for each in reservations if each.idle and now - each.last_used >= idle_seconds
    )
