"""How long to wait before a container that ended is started again."""

from dataclasses import dataclass
from typing import Final

FIRST_SECONDS: Final = 0.5
CAP_SECONDS: Final = 60.0

WELL_SECONDS: Final = 60.0
"""A container that served this long ended for a new reason."""


@dataclass(frozen=True)
class Backoff:
    """Counts the ends in a row of one container's successors."""

    ends: int = 0

    def ended(self, served: float) -> "Backoff":
        """Count an end after ``served`` seconds of service."""
        return Backoff(1 if served >= WELL_SECONDS else self.ends + 1)

    @property
    def delay(self) -> float:
        """Seconds to wait: none after the first end, then doubling up to a minute."""
        if self.ends <= 1:
            return 0.0
        # The exponent is bounded, since ends are not.
        return min(CAP_SECONDS, FIRST_SECONDS * 2.0 ** min(self.ends - 2, 32))
