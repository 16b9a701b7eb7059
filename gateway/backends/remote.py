"""Every service behind gRPC."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from gateway import replicas
from gateway.backends.contracts import CONTRACTS
from gateway.inventory import LastErrors, ServiceState, best_health
from gateway.run_mode import RunMode
from services.kit.contract import Answer, Contract, Method
from services.kit.settings import Settings
from services.kit.wire import channels

MAX_NAME_LOOKUPS: Final = 4
"""Network names that are resolved at the same time."""


class RemoteBackend:
    """Every service behind gRPC, at the ``host:port`` that ``address`` returns for its contract.

    ``replicas_address`` returns the name that stands for a service's replicas, if calls go
    elsewhere, such as to a proxy in front of them. ``mode`` is the mode in ``services``.
    """

    def __init__(
        self,
        settings: Settings,
        address: Callable[[Contract], str],
        contracts: Iterable[Contract] = CONTRACTS,
        *,
        replicas_address: Callable[[Contract], str] | None = None,
        mode: RunMode = RunMode.REMOTE,
    ) -> None:
        self._settings = settings
        self._address = address
        self._contracts = tuple(contracts)
        self._replicas_address = replicas_address or address
        self._mode = mode
        self._clients: dict[str, channels.RetryingClient] = {}
        self._errors = LastErrors()
        self._name_threads = ThreadPoolExecutor(MAX_NAME_LOOKUPS, "names")

    async def start(self) -> None:
        """Open the channels; they connect with the first call."""
        self._clients = {
            contract.name: channels.RetryingClient(self._address(contract), self._settings)
            for contract in self._contracts
        }

    async def call(
        self,
        method: Method[Any, Any],
        request: object,
        seconds: float,
        request_id: str,
    ) -> Answer[Any]:
        """Send the call to the service's address; once more if the connection was lost."""
        with self._errors.recorded(method.service):
            return await self._clients[method.service].call(
                method, request, timeout=seconds, request_id=request_id
            )

    async def identity(self, service: str) -> str:
        """Return the identity that the service's server has now."""
        return await self._clients[service].identity()

    async def ready(self) -> Mapping[str, bool]:
        """Run every service's standard health check, all at the same time."""
        answers = await asyncio.gather(*(client.is_serving() for client in self._clients.values()))
        return dict(zip(self._clients, answers, strict=True))

    async def services(self) -> Sequence[ServiceState]:
        """Probe every replica of every service, all within two seconds.

        The replicas are the machines behind the service's network name, or the one server at its
        address if that is no such name.
        """
        return await asyncio.gather(*(self._state(contract) for contract in self._contracts))

    async def _state(self, contract: Contract) -> ServiceState:
        address = self._address(contract)
        by_name = self._replicas_address(contract)
        found = await replicas.resolve(by_name, self._name_threads) or (address,)
        # Calls through a proxy may fail although every replica behind it is well.
        proxy = [address] if address not in (by_name, *found) else []
        probes = await asyncio.gather(
            *(replicas.probe(each, self._settings) for each in (*found, *proxy))
        )
        replica_probes, proxy_probes = probes[: len(found)], probes[len(found) :]
        engines = dict.fromkeys(probe.engine for probe in replica_probes if probe.engine)
        return ServiceState(
            name=contract.name,
            engine=", ".join(engines) or None,
            mode=self._mode,
            health=best_health(probe.replica for probe in proxy_probes or replica_probes),
            replicas=tuple(probe.replica for probe in replica_probes),
            last_error=self._errors.last_of(contract.name),
        )

    async def close(self) -> None:
        """Close the channels."""
        self._name_threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(*(client.close() for client in self._clients.values()))
