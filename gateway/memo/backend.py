"""A backend that remembers.

The key of a response holds the method, the identity of the engine (engine, weights, settings and
code) and the content of the request. So a changed engine, weight file or setting has another key.
Equal requests at the same time are computed once.
"""

import asyncio
import copy
import hashlib
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from gateway.backends.protocol import Backend, no_answer_in_time
from gateway.inventory import ServiceState
from gateway.memo.digest import digest_request
from gateway.memo.stores import FolderStore, Limits, MemoryStore
from gateway.settings import GatewaySettings
from services.kit.contract import Answer, Method
from services.kit.errors import ServiceError, TryOnError

SWEEPS_PER_LIFETIME: Final = 10
"""Times that too old entries are dropped in the lifetime of an entry."""

MB: Final = 1_000_000
"""Bytes of a megabyte."""


def remember(backend: Backend, settings: GatewaySettings) -> Backend:
    """Return a backend that remembers as the settings say; the same one if they say nothing."""
    if not settings.memo_mb:
        return backend
    age = settings.memo_seconds
    memory = MemoryStore(Limits(max_bytes=settings.memo_mb * MB, max_seconds=age))
    folder = None
    if settings.memo_dir:
        limits = Limits(max_bytes=settings.memo_dir_mb * MB, max_seconds=age)
        folder = FolderStore(settings.memo_dir.expanduser(), limits)
    return MemoBackend(backend, memory, folder, sweep_seconds=age / SWEEPS_PER_LIFETIME)


@dataclass
class _Computation:
    """A call in flight that several requests may wait for."""

    key: str
    """Key of the answer in the stores."""
    task: asyncio.Task[Answer[Any]]
    """The running call."""
    waiting: int = 0
    """Number of requests that wait for it."""


class MemoBackend:
    """Remembers the responses of ``backend``'s memoized methods in ``memory`` and in ``folder``.

    Errors are not remembered. Belongs to one event loop.
    """

    def __init__(
        self,
        backend: Backend,
        memory: MemoryStore,
        folder: FolderStore | None = None,
        *,
        sweep_seconds: float,
    ) -> None:
        self._backend = backend
        self._memory = memory
        self._folder = folder
        self._sweep_seconds = sweep_seconds
        self._computations: dict[str, _Computation] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the backend, and drop old entries from now on."""
        self._sweeping = asyncio.create_task(self._sweep())
        await self._backend.start()

    async def call(
        self, method: Method[Any, Any], request: object, seconds: float, request_id: str
    ) -> Answer[Any]:
        """Return a remembered answer, else join a computation in flight, else call the backend.

        A call whose computation belongs to a request that failed is sent again.
        """
        if not method.memoized:
            return await self._backend.call(method, request, seconds, request_id)
        identity, content = await asyncio.gather(
            self._backend.identity(method.service),
            asyncio.to_thread(digest_request, method, request),
        )
        call = partial(self._call_and_keep, method, request, content, request_id=request_id)
        if not identity:
            return await call(seconds)
        key = _key(identity, content)
        response = await self._recall(key, method)
        if response is not None:
            return Answer(response, identity, remembered=True)
        computation = self._computations.get(key)
        if computation is None:
            return await self._wait_for(self._begin(key, call(seconds)))
        ends = time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await self._wait_for(computation)
        except ServiceError:
            # The other request had less time, or was refused.
            return await call(ends - time.monotonic())
        except TimeoutError:
            raise no_answer_in_time(method.service, seconds) from None
        return replace(answer, remembered=True)

    async def identity(self, service: str) -> str:
        """Return the identity of the backend's engine."""
        return await self._backend.identity(service)

    async def ready(self) -> Mapping[str, bool]:
        """Return for every service whether it would answer now."""
        return await self._backend.ready()

    async def services(self) -> Sequence[ServiceState]:
        """Return every service's state."""
        return await self._backend.services()

    async def close(self) -> None:
        """Close the backend and forget what is in memory."""
        if self._sweeping:
            self._sweeping.cancel()
        await self._backend.close()
        self._memory.clear()

    async def _recall(self, key: str, method: Method[Any, Any]) -> object | None:
        found = self._memory.get(key, method)
        if found is None and self._folder:
            found = await asyncio.to_thread(self._folder.get, key, method)
            if found is not None:
                self._memory.put(key, method, found.response, found.age_seconds)
        return found.response if found else None

    async def _call_and_keep(
        self,
        method: Method[Any, Any],
        request: object,
        content: str,
        seconds: float,
        *,
        request_id: str,
    ) -> Answer[Any]:
        answer = await self._backend.call(method, request, seconds, request_id)
        if answer.identity:
            # Another replica, with another engine, may have answered.
            key = _key(answer.identity, content)
            self._memory.put(key, method, answer.response)
            if self._folder:
                await asyncio.to_thread(self._folder.put, key, method, answer.response)
        return answer

    def _begin(self, key: str, call: Coroutine[Any, Any, Answer[Any]]) -> _Computation:
        computation = _Computation(key, asyncio.create_task(call))
        self._computations[key] = computation
        computation.task.add_done_callback(lambda _: self._end(computation))
        return computation

    def _end(self, computation: _Computation) -> None:
        self._forget(computation)
        if not computation.task.cancelled():
            # Else asyncio logs the failure of a computation that nobody waits for any more.
            computation.task.exception()

    def _forget(self, computation: _Computation) -> None:
        if self._computations.get(computation.key) is computation:
            del self._computations[computation.key]

    async def _wait_for(self, computation: _Computation) -> Answer[Any]:
        """Wait for a computation; the last request that gives it up cancels it."""
        computation.waiting += 1
        try:
            return await asyncio.shield(computation.task)
        except TryOnError as error:
            # Each request writes its own stage into its error.
            raise copy.copy(error) from error.__cause__
        finally:
            computation.waiting -= 1
            if not computation.waiting:
                # At once, so that no request joins a computation that is about to be cancelled.
                self._forget(computation)
                computation.task.cancel()

    async def _sweep(self) -> None:
        while True:
            self._memory.sweep()
            if self._folder:
                await asyncio.to_thread(self._folder.sweep)
            await asyncio.sleep(self._sweep_seconds)


def _key(identity: str, content: str) -> str:
    return hashlib.sha256(f"{identity} {content}".encode()).hexdigest()
