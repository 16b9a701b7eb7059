"""Run blocking functions on a bounded number of threads, behind a bounded queue."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from services.kit.cancellation import Cancelled, CancelToken, set_current_token
from services.kit.errors import Overloaded, ServiceUnavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class BoundedExecutor:
    """Runs at most ``workers`` functions at once; at most ``queue_size`` wait, more are refused.

    ``name`` is the service's name, for messages and threads. Belongs to the event loop that first
    awaits ``run``.
    """

    def __init__(self, name: str, *, workers: int, queue_size: int) -> None:
        self._name = name
        self._workers = workers
        self._queue_size = queue_size
        self._waiting = 0
        self._running: set[CancelToken] = set()
        self._closed = False
        self._stopped = False
        self._free = asyncio.Semaphore(workers)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)

    @property
    def running(self) -> int:
        """Number of functions that run, also those whose callers were cancelled."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Number of functions that wait for a worker."""
        return self._waiting

    async def run(
        self,
        function: Callable[Arguments, Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """Run a function on a worker thread, in the caller's context, and return its result.

        If the caller is cancelled while the function waits, it never runs. If the caller is
        cancelled while it runs, the function's token is cancelled (``cancellation``). The worker is
        free when the function has ended. Raises Overloaded if the queue is full, ServiceUnavailable
        after ``close``, and the function's own errors.
        """
        await self._acquire_worker()
        loop = asyncio.get_running_loop()
        token = CancelToken()
        context = contextvars.copy_context()
        context.run(set_current_token, token)

        def release(_: Future[Result]) -> None:
            loop.call_soon_threadsafe(self._release_worker, token)

        future = self._pool.submit(context.run, partial(function, *args, **kwargs))
        self._running.add(token)
        future.add_done_callback(release)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            token.cancel()
            raise
        except Cancelled:
            # The caller still waits, so it was ``close``.
            raise self._shutting_down() from None

    async def close(self, grace: float) -> bool:
        """Refuse new functions and wait for accepted ones; return whether all ended in time.

        After ``grace`` seconds waiting functions are refused and running functions are cancelled;
        those end soon after.
        """
        self._closed = True
        held = 0
        try:
            async with asyncio.timeout(grace):
                # The semaphore is fair: all accepted functions come first.
                while held < self._workers:
                    await self._free.acquire()
                    held += 1
        except TimeoutError:
            for token in self._running:
                token.cancel()
            return False
        finally:
            self._stopped = True
            self._pool.shutdown(wait=False)
            for _ in range(held):
                self._free.release()
        return True

    async def _acquire_worker(self) -> None:
        if self._closed:
            raise self._shutting_down()
        if self._free.locked() and self._waiting >= self._queue_size:
            raise Overloaded(
                f"The {self._name} service is busy and its queue is full; "
                "try again in a few seconds.",
                stage=self._name,
            )
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1
        if self._stopped:
            self._free.release()
            raise self._shutting_down()

    def _release_worker(self, token: CancelToken) -> None:
        self._running.remove(token)
        self._free.release()

    def _shutting_down(self) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"The {self._name} service is shutting down; try again in a few seconds.",
            stage=self._name,
        )
