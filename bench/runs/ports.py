"""Free ports for the servers of a run."""

import socket
from contextlib import ExitStack

from gateway.backends.contracts import CONTRACTS


def find_free_port() -> int:
    """Find a port for one server."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def find_free_ports() -> dict[str, int]:
    """Find a port for every service; all are held until the last is found."""
    with ExitStack() as stack:
        probes = {
            contract.name: stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for contract in CONTRACTS
        }
        return {name: int(probe.getsockname()[1]) for name, probe in probes.items()}
