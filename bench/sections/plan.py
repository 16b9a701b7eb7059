"""What a section of docs/performance.md measures."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.reports.tables import Row
from bench.runs.servers import Checkout, Sample
from bench.runs.uploads import SIZES, Size


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The checkouts, and how much of each section is measured."""

    this: Checkout
    """This checkout."""
    other: Checkout | None = None
    """The one that it is compared with."""
    rounds: int = 5
    """Pictures of each kind and checkout that count."""
    sizes: tuple[Size, ...] = SIZES
    """Sizes of uploads."""
    clients: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Clients at the same time."""
    catalogue: int = 50
    """Garments of the catalogue, and people of the crowd."""
    memory_pictures: int = 200
    """Pictures after which memory is told."""

    @property
    def checkouts(self) -> tuple[Checkout, ...]:
        """The other checkout if there is one, and this one."""
        return (self.other, self.this) if self.other else (self.this,)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of ``checkouts``."""
        return tuple(checkout.name for checkout in self.checkouts)


def make_row(label: str, values: Sequence[Sequence[float]], *, decimals: int = 2) -> Row:
    """Make a row of the values of every checkout, in the order of ``Plan.checkouts``."""
    before = values[0] if len(values) > 1 else None
    return Row(label=label, before=before, after=values[-1], decimals=decimals)


def seconds_row(label: str, samples: Sequence[Sequence[Sample]]) -> Row:
    """Make a row of the seconds of pictures."""
    return make_row(label, [[sample.seconds for sample in made] for made in samples])


def cpu_row(label: str, samples: Sequence[Sequence[Sample]]) -> Row:
    """Make a row of the CPU seconds of pictures."""
    return make_row(label, [[sample.cpu for sample in made] for made in samples])
