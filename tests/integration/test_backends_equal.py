"""The same graph over both backends, with real weights: the same arrays at every stage."""

import hashlib
import importlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.backends.contracts import CONTRACTS
from gateway.backends.embedded import EmbeddedBackend
from gateway.backends.protocol import Backend
from gateway.backends.remote import RemoteBackend
from gateway.pipeline import TRY_ON_PIPELINE
from services.kit.contract import Answer, Contract, Method
from services.kit.pictures import images
from services.kit.settings import Settings
from services.kit.wire import server

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

GRACE = 60.0
SECONDS = 300.0


@pytest.fixture
async def embedded() -> AsyncIterator[Backend]:
    backend = EmbeddedBackend(Settings())
    await backend.start()
    yield backend
    await backend.close()


@pytest.fixture
async def over_grpc() -> AsyncIterator[Backend]:
    """Every service behind a socket of its own."""
    ports: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        for contract in CONTRACTS:
            load = importlib.import_module(f"services.{contract.name}.service").load
            running = await server.start(contract, load, Settings(port=0))
            stack.push_async_callback(running.stop, GRACE)
            await running.loading
            ports[contract.name] = running.port

        def address(contract: Contract) -> str:
            return f"127.0.0.1:{ports[contract.name]}"

        backend = RemoteBackend(Settings(), address)
        await backend.start()
        stack.push_async_callback(backend.close)
        yield backend


async def run(backend: Backend, examples: Path) -> dict[str, Any]:
    """Run the graph and keep every array that any stage answered with."""
    answers: dict[str, Any] = {}

    async def call(method: Method[Any, Any], request: Any, seconds: float) -> Answer[Any]:
        answer = await backend.call(method, request, seconds, "equal")
        for field in fields(method.response):
            answers[f"{method.rpc} {_digest(request)} {field.name}"] = getattr(
                answer.response, field.name
            )
        return answer

    values = await TRY_ON_PIPELINE.run(
        call,
        {
            "person_upload": images.decode((examples / "person.jpg").read_bytes()),
            "garment_upload": images.decode((examples / "garment.jpg").read_bytes()),
            "category": "auto",
        },
        deadline=SECONDS,
    )
    return {**answers, **values}


def _digest(request: Any) -> str:
    """Tell requests of one method apart, whichever comes first: by their arrays and numbers."""
    digest = hashlib.sha256()
    for field in fields(request):
        value = getattr(request, field.name)
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()[:12]


async def test_both_backends_give_equal_arrays(
    embedded: Backend, over_grpc: Backend, examples: Path
) -> None:
    assert all((await over_grpc.ready()).values())
    here, there = await run(embedded, examples), await run(over_grpc, examples)
    assert here.keys() == there.keys()
    assert "result_image" in here
    for name, value in here.items():
        np.testing.assert_equal(_plain(there[name]), _plain(value), err_msg=name)


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
