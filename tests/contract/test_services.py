"""Every service on its own: through gRPC and called directly, the same arrays."""

import asyncio
import dataclasses
import importlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from gateway.pipeline import TRY_ON_PIPELINE
from services.kit.contract import Answer, Contract, Method
from services.kit.errors import InternalError, TryOnError
from services.kit.pictures import images
from services.kit.service import Service
from services.kit.types import Image
from services.kit.wire import channels
from tests.conftest import contracts
from tests.contract.conftest import Serve

pytestmark = pytest.mark.contract

LONG = 280.0
SMALL_HEIGHT = 192


@dataclass(frozen=True)
class Done:
    """A call that the pipeline made of a service's function, and what came back."""

    request: Any
    response: Any


class Calls:
    """Every call that one try-on made, up to the first failure if there was one."""

    def __init__(self) -> None:
        self.done: dict[tuple[str, str], list[Done]] = defaultdict(list)
        self.failure: TryOnError | None = None

    def of(self, method: Method[Any, Any]) -> list[Done]:
        """Give the calls of a method; raises the failure if that is why there are none."""
        done = self.done[method.service, method.rpc]
        if not done and self.failure:
            raise self.failure
        assert done, (
            f"the pipeline never calls {method.service}.{method.rpc}; if a short_circuit answers "
            "for the options' defaults, set an option in the fixture 'calls'"
        )
        return done


def load(contract: Contract) -> Service:
    service: Service = importlib.import_module(f"services.{contract.name}.service").load()
    return service


@pytest.fixture(scope="session")
def calls(examples: Path) -> Calls:
    """Two try-ons without gRPC: of a garment's photo that is enlarged, and of a worn garment."""
    person, other = (
        images.decode((examples / name).read_bytes()) for name in ("person.jpg", "person-2.jpg")
    )
    garment = smaller(images.decode((examples / "garment.jpg").read_bytes()))
    loaded: dict[str, Service] = {}
    calls = Calls()
    by_name = {contract.name: contract for contract in contracts()}

    async def call(method: Method[Any, Any], request: object, _: float) -> Answer[Any]:
        if method.service not in loaded:
            loaded[method.service] = load(by_name[method.service])
        response = loaded[method.service].handlers[method.rpc](request)
        calls.done[method.service, method.rpc].append(Done(request, response))
        return Answer(response)

    given = {"person_upload": person, "category": "auto"}
    try:
        for photo in (garment, other):
            asyncio.run(
                TRY_ON_PIPELINE.run(call, {**given, "garment_upload": photo}, deadline=LONG)
            )
    except TryOnError as error:
        calls.failure = error
    for service in loaded.values():
        service.close()
    return calls


def smaller(photo: Image) -> Image:
    height, width = photo.shape[:2]
    size = (round(width * SMALL_HEIGHT / height), SMALL_HEIGHT)
    return np.asarray(PIL.Image.fromarray(photo).resize(size))


async def test_grpc_and_direct_calls_give_the_same(
    contract: Contract, calls: Calls, serve: Serve
) -> None:
    served = await serve(contract, lambda: load(contract))
    await served.running.loading
    assert await served.health(contract.proto) == "SERVING"
    for method in contract.methods:
        for each in calls.of(method):
            answer = await channels.call(served.channel, method, each.request, timeout=LONG)
            assert_same(each.response, answer)


def assert_same(direct: Any, remote: Any) -> None:
    assert type(direct) is type(remote)
    for field in dataclasses.fields(direct):
        ours, theirs = getattr(direct, field.name), getattr(remote, field.name)
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype, field.name
            np.testing.assert_array_equal(ours, theirs, err_msg=field.name)
        elif dataclasses.is_dataclass(ours):
            assert_same(ours, theirs)
        else:
            assert ours == theirs, field.name


async def test_a_picture_of_one_pixel_does_not_break_it(
    contract: Contract, calls: Calls, serve: Serve
) -> None:
    """It is within the contract: an answer or an error in words, and then the next answer."""
    served = await serve(contract, lambda: load(contract))
    await served.running.loading
    for method in contract.methods:
        good = calls.of(method)[0]
        code = "answered"
        try:
            await channels.call(served.channel, method, tiny(good.request), timeout=LONG)
        except TryOnError as error:
            code = error.code
        assert code != InternalError.code, method.rpc
        answer = await channels.call(served.channel, method, good.request, timeout=LONG)
        assert_same(good.response, answer)


def tiny(request: Any) -> Any:
    """Cut every array of a request to its first pixel; joints stay, now outside the picture."""
    cut = {
        field.name: value[:1, :1]
        for field in dataclasses.fields(request)
        if isinstance(value := getattr(request, field.name), np.ndarray) and value.dtype == np.uint8
    }
    return dataclasses.replace(request, **cut)
