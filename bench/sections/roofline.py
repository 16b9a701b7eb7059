"""The networks of a picture against what this machine can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.reports.tables import TableData
from bench.runs.ceilings import Ceilings
from bench.runs.recorded_networks import RecordedNetwork, Recording
from bench.runs.uploads import CANVAS_SIZE, SMALLEST_SIZE, make_variant
from gateway.backends.embedded import EmbeddedBackend
from gateway.settings import get_gateway_settings
from gateway.tryon import Photos, TryOn
from services.kit.settings import get_settings

GIGA: Final = 1e9
"""A thousand millions."""

MB: Final = 1e6
"""Bytes of a megabyte."""

PICTURES: Final = {
    f"{width} x {height}": (width, height) for width, height in (CANVAS_SIZE, SMALLEST_SIZE)
}
"""Sizes of the uploads, by name."""


@dataclass(frozen=True, kw_only=True)
class NetworkFigures:
    """What one run of a network takes, alone on the machine."""

    service: str
    """The service that runs it."""
    file: str
    """Its file."""
    shape: str
    """Sizes of its largest input."""
    runs: dict[str, int]
    """Runs of each picture, by the size of the uploads."""
    float_macs: int
    """Multiplications and additions of floating-point numbers."""
    integer_macs: int
    """Multiplications and additions of 8-bit integers."""
    bytes_moved: int
    """Bytes of weights and other tensors that operations read or write."""
    seconds: float
    """Median seconds of a run."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The least seconds of a run on this machine."""

    products: float
    """Seconds of its products at the machine's rate."""
    memory: float
    """Seconds of its bytes at the machine's rate."""

    @property
    def seconds(self) -> float:
        """The longer of both."""
        return max(self.products, self.memory)

    @property
    def reason(self) -> str:
        """What bounds the run."""
        return "products" if self.products >= self.memory else "memory"


async def make_pictures(recording: Recording) -> None:
    """Make a picture of each size, embedded, and record its networks."""
    backend = EmbeddedBackend(get_settings())
    tryon = TryOn(backend, get_gateway_settings())
    await backend.start()
    try:
        for name, size in PICTURES.items():
            upload = make_variant(0, size)
            recording.picture = name
            await tryon.run(Photos(upload.person, upload.garment), request_id=name)
    finally:
        recording.picture = None
        await backend.close()


def compute_bound(ceilings: Ceilings, network: NetworkFigures) -> Bound:
    """Return the least seconds that a run of the network can take."""
    return Bound(
        products=network.float_macs / ceilings.float_macs
        + network.integer_macs / ceilings.integer_macs,
        memory=network.bytes_moved / ceilings.bytes_moved,
    )


def make_ceilings_table(ceilings: Ceilings) -> TableData:
    """Make the table of what the machine can do."""
    rows = (
        ("products of 32-bit floating-point numbers, GMAC/s", ceilings.float_macs),
        ("products of 8-bit integers, GMAC/s", ceilings.integer_macs),
        ("bytes to and from memory, GB/s", ceilings.bytes_moved),
    )
    return TableData(
        title="What this machine can do",
        columns=("", "at most"),
        rows=tuple((name, f"{value / GIGA:.0f}") for name, value in rows),
    )


def make_networks_table(ceilings: Ceilings, networks: Sequence[NetworkFigures]) -> TableData:
    """Make the table of what the networks did."""
    columns = (
        "network",
        "input",
        *(f"runs, uploads of {name}" for name in PICTURES),
        "GMAC",
        "of them in 8 bits",
        "MB",
        "bound, s",
        "bound by",
        "measured, s",
        "bound / measured",
    )
    rows = [_cells(network, compute_bound(ceilings, network)) for network in networks]
    return TableData(title="What the networks did", columns=columns, rows=tuple(rows))


def _cells(network: NetworkFigures, bound: Bound) -> tuple[str, ...]:
    macs = network.float_macs + network.integer_macs
    return (
        f"{network.service}: {network.file}",
        network.shape,
        *(str(network.runs.get(name, 0)) for name in PICTURES),
        f"{macs / GIGA:.2f}",
        f"{network.integer_macs / macs:.0%}" if macs else "",
        f"{network.bytes_moved / MB:.0f}",
        f"{bound.seconds:.4f}",
        bound.reason,
        f"{network.seconds:.4f}",
        f"{bound.seconds / network.seconds:.0%}",
    )


def measure_network(network: RecordedNetwork, rounds: int) -> NetworkFigures:
    """Count a run of a network, and measure ``rounds`` of them alone."""
    operations = network.count()
    return NetworkFigures(
        service=network.service,
        file=network.file,
        shape=network.shape,
        runs=dict(network.runs),
        float_macs=operations.float_macs,
        integer_macs=operations.integer_macs,
        bytes_moved=operations.bytes_moved,
        seconds=network.measure_seconds(rounds),
    )
