import platform

import numpy as np
import pytest

from gateway import tryon
from gateway.backends.embedded import EmbeddedBackend
from gateway.heap import MAX_GROWTH_BYTES, HeapTrimmer
from gateway.settings import GatewaySettings
from services.kit.settings import Settings
from services.resize.contract import CONTRACT, FIT, FitRequest
from tests.peak_memory import measure_growth
from tests.unit.gateway.app_client import GARMENT_GREY, PERSON_GREY, FakeBackend, file_of

pytestmark = pytest.mark.unit

MIB = 1024 * 1024


class Heap:
    """A process that uses ``used`` bytes and holds ``freed`` more until it is trimmed."""

    def __init__(self, used: int, freed: int) -> None:
        self.used = used
        self.freed = freed
        self.trims = 0

    def resident(self) -> int:
        return self.used + self.freed

    def trim(self) -> None:
        self.freed = 0
        self.trims += 1


def trimmed_after(heap: Heap, trimmer: HeapTrimmer, used: int, freed: int) -> bool:
    heap.used, heap.freed = used * MIB, freed * MIB
    before = heap.trims
    trimmer.trim_if_grown()
    return heap.trims > before


def test_freed_memory_is_given_back_if_there_is_much_of_it() -> None:
    heap = Heap(0, 0)
    trimmer = HeapTrimmer(heap.resident, heap.trim)
    limit = MAX_GROWTH_BYTES // MIB
    assert trimmed_after(heap, trimmer, 500, limit)
    assert not trimmed_after(heap, trimmer, 500, limit)
    assert trimmed_after(heap, trimmer, 500, limit + 1)
    # A process that needs more is not trimmed again and again.
    assert trimmed_after(heap, trimmer, 600 + limit, 0)
    assert not trimmed_after(heap, trimmer, 600 + limit, limit)


def test_what_was_in_use_for_a_while_does_not_raise_the_limit() -> None:
    heap = Heap(0, 0)
    trimmer = HeapTrimmer(heap.resident, heap.trim)
    limit = MAX_GROWTH_BYTES // MIB
    assert trimmed_after(heap, trimmer, 1500, 0)
    assert not trimmed_after(heap, trimmer, 500, 10)
    assert trimmed_after(heap, trimmer, 500, limit + 11)


FREED = """
    import ctypes, numpy as np
    from gateway.heap import trim_malloc
    # Blocks of the heap, not mappings of their own; the last one keeps the heap from shrinking.
    ctypes.CDLL(None).mallopt(-3, 32 * 1024 * 1024)
    blocks = [np.ones(1024 * 1024, np.uint8) for _ in range(300)]
    last = blocks.pop()
    del blocks
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_glibc_gives_back_what_lies_below_memory_in_use() -> None:
    assert abs(measure_growth(FREED, "")) < 10 * MIB
    assert measure_growth(FREED, "trim_malloc()") < -280 * MIB


async def test_the_embedded_backend_trims_after_a_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    heap = Heap(0, MAX_GROWTH_BYTES + 1)
    monkeypatch.setattr(
        "gateway.backends.embedded.HeapTrimmer", lambda: HeapTrimmer(heap.resident, heap.trim)
    )
    backend = EmbeddedBackend(Settings(), [CONTRACT])
    await backend.start()
    await backend.call(FIT, FitRequest(np.zeros((64, 48, 3), np.uint8)), 10, "id")
    await backend.close()
    assert heap.trims == 1


@pytest.mark.parametrize(
    ("height", "width", "trims"), [(341, 256, 1), (1024, 768, 0), (2048, 1536, 0), (3000, 2250, 1)]
)
async def test_memory_is_made_for_photos_of_unusual_sizes(
    height: int, width: int, trims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heap = Heap(0, 0)
    monkeypatch.setattr(tryon, "trim_malloc", heap.trim)
    photos = tryon.Photos(
        file_of(PERSON_GREY, (height, width)), file_of(GARMENT_GREY, (height, width))
    )
    await tryon.TryOn(FakeBackend(), GatewaySettings()).run(photos, request_id="id")
    assert heap.trims == trims
