"""How long to wait before a container that ended is started again."""

from dataclasses import dataclass
from typing import Final

FIRST_DELAY_SECONDS: Final = 0.5
"""Delay after the second end in a row."""

MAX_DELAY_SECONDS: Final = 60.0
"""Longest delay."""

STABLE_SECONDS: Final = 60.0
"""Seconds of service after which the next end counts as the first."""


@dataclass(frozen=True)
class Backoff:
    """Delay before the next start of a container that ended."""

    ends: int = 0
    """Ends in a row so far; the count begins anew after ``STABLE_SECONDS`` of service."""

    def ended(self, served: float) -> "Backoff":
        """Count an end after ``served`` seconds of service."""
        return Backoff(1 if served >= STABLE_SECONDS else self.ends + 1)

    @property
    def delay(self) -> float:
        """Seconds to wait: none after the first end, then doubling up to a minute."""
        if self.ends <= 1:
            return 0.0
        # The exponent is bounded, since ends are not.
        return min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(self.ends - 2, 32))
