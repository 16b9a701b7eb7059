"""Measure the cost of a picture at every service: CPU seconds, peak memory, bytes of messages.

``.venv/bin/python bench/costs.py [PERSON GARMENT] [-n 5] [--option NAME=VALUE] [--json]``. Each
service runs as a process of its own, as in a container. CPU seconds count work, not waiting, so
that they hold on a busy machine too. The first picture warms up, and its messages are counted.
Linux only.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.table import Table

from bench.runs.example_run import parse_arguments, print_figures
from bench.runs.ports import find_free_ports
from bench.runs.usage import cpu_seconds, peak_mib
from gateway.backends.contracts import CONTRACTS
from gateway.options import OptionValues
from gateway.processes import ProcessesBackend
from gateway.settings import GatewaySettings
from gateway.tryon import Photos, TryOn
from services.kit import logs
from services.kit.contract import Answer, Contract, Method
from services.kit.settings import get_settings
from services.kit.wire import codec

GATEWAY = "gateway"
"""The gateway's row in the table."""


@dataclass(frozen=True)
class Cost:
    """A picture's cost at one service."""

    cpu: float
    """CPU seconds."""
    peak_mib: float
    """Highest resident memory of the process since its start, in MiB."""
    received: int
    """Bytes of the requests."""
    sent: int
    """Bytes of the responses."""


class MessageCounter(ProcessesBackend):
    """Local processes whose messages are weighed while ``weighs`` is true."""

    weighs = False

    def __init__(self, ports: Mapping[str, int], log_dir: Path) -> None:
        super().__init__(
            get_settings(), lambda contract: f"127.0.0.1:{ports[contract.name]}", log_dir
        )
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()

    async def call(
        self, method: Method[Any, Any], request: object, seconds: float, request_id: str
    ) -> Answer[Any]:
        """Call, and add the sizes of both messages."""
        answer = await super().call(method, request, seconds, request_id)
        if self.weighs:
            rpc = codec.message_classes(method)
            self.received[method.service] += codec.encode(request, rpc.request).ByteSize()
            self.sent[method.service] += codec.encode(answer.response, rpc.response).ByteSize()
        return answer


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__)
    logs.configure(get_settings().model_copy(update={"log_level": "warning"}))
    photos = Photos(arguments.person.read_bytes(), arguments.garment.read_bytes())
    with tempfile.TemporaryDirectory() as folder:
        costs = asyncio.run(measure(photos, arguments.options, arguments.pictures, Path(folder)))
    print_figures(
        {name: asdict(cost) for name, cost in costs.items()},
        lambda: _table(costs, arguments.pictures),
        as_json=arguments.as_json,
    )


async def measure(
    photos: Photos, options: OptionValues, pictures: int, log_dir: Path
) -> dict[str, Cost]:
    """Start every service, warm up with one picture, and make ``pictures`` more."""
    backend = MessageCounter(find_free_ports(), log_dir)
    tryon = TryOn(backend, GatewaySettings())
    try:
        await backend.start()
        backend.weighs = True
        await tryon.run(photos, options, request_id="warm-up")
        backend.weighs = False
        processes = _processes()
        before = {name: cpu_seconds(process) for name, process in processes.items()}
        for number in range(pictures):
            await tryon.run(photos, options, request_id=f"picture-{number}")
        return {
            name: Cost(
                (cpu_seconds(process) - before[name]) / pictures,
                peak_mib(process),
                backend.received[name],
                backend.sent[name],
            )
            for name, process in processes.items()
        }
    finally:
        await backend.close()


def _processes() -> dict[str, psutil.Process]:
    """Give every service's process, and this one, which does the gateway's work."""

    def serves(child: psutil.Process, contract: Contract) -> bool:
        return f"services.{contract.name}" in child.cmdline()

    children = psutil.Process().children()
    found = {
        contract.name: next(child for child in children if serves(child, contract))
        for contract in CONTRACTS
    }
    return {GATEWAY: psutil.Process(), **found}


def _table(costs: Mapping[str, Cost], pictures: int) -> Table:
    table = Table(title=f"Costs a picture, mean of {pictures}", show_footer=True)
    table.add_column("service", footer="all")
    table.add_column("CPU, s", justify="right", footer=f"{sum(c.cpu for c in costs.values()):.2f}")
    table.add_column("peak, MiB", justify="right")
    for way in ("received", "sent"):
        total = sum(getattr(cost, way) for cost in costs.values())
        table.add_column(f"{way}, MB", justify="right", footer=f"{total / 1e6:.1f}")
    for name, cost in costs.items():
        table.add_row(
            name,
            f"{cost.cpu:.2f}",
            f"{cost.peak_mib:.0f}",
            f"{cost.received / 1e6:.2f}",
            f"{cost.sent / 1e6:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
