"""Admission control: a bounded number of jobs run, a bounded number wait, the rest is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.kit.errors import Overloaded


class AdmissionControl:
    """Admits ``max_concurrent`` jobs at once and queues ``max_queued``; refuses the next."""

    def __init__(self, *, max_concurrent: int, max_queued: int) -> None:
        self._free_places = max_concurrent + max_queued
        self._running = asyncio.Semaphore(max_concurrent)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for a slot and hold it in the block.

        Raises Overloaded at once if the queue is full.
        """
        if not self._free_places:
            raise Overloaded("All places in the queue are taken; try again in a few seconds.")
        self._free_places -= 1
        try:
            async with self._running:
                yield
        finally:
            self._free_places += 1
