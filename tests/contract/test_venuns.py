"""The engines ``venuns`` against servers that speak the ancestor's protocol.

The servers are those of ``tests/fake_upstream.py``.
"""

import asyncio
import base64
import dataclasses
import importlib
import io
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import grpc
import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from tryon.venuns import venuns_pb2

import services.agnostic.service
import services.cloth_mask.service
import services.densepose.service
import services.human_parse.service
import services.viton.service
from gateway.backends.contracts import CONTRACTS
from gateway.backends.embedded import EmbeddedBackend
from gateway.backends.protocol import Backend
from gateway.backends.remote import RemoteBackend
from gateway.settings import GatewaySettings
from gateway.tryon import Photos, TryOn
from services.agnostic import contract as agnostic
from services.agnostic.core import image_agnostic
from services.cloth_mask import contract as cloth_mask
from services.densepose import contract as densepose
from services.densepose.parts import draw_parts
from services.human_parse import contract as human_parse
from services.kit.contract import Answer, Contract, Method
from services.kit.errors import (
    BadAnswer,
    DeadlineExceeded,
    InvalidOption,
    InvalidRequest,
    NoGarment,
    ServiceUnavailable,
    TryOnError,
)
from services.kit.labels import Label, colourise
from services.kit.pictures import images
from services.kit.service import Service
from services.kit.settings import Settings
from services.kit.wire import channels, upstream_containers
from services.kit.wire.server_status import GET, StatusRequest
from services.viton import contract as viton
from tests.contract.conftest import Serve, until, until_told
from tests.fake_upstream import CHARTS, PARSED, FakeUpstream, bands, dark, read, text, written

pytestmark = pytest.mark.contract

HEIGHT, WIDTH = 160, 120
RED: Final = (170, 30, 40)
BLUE: Final = (30, 40, 170)


# Pictures


def photo(shape: tuple[int, int, int, int], fill: tuple[int, int, int]) -> Any:
    """A box in one colour on white."""
    picture = PIL.Image.new("RGB", (WIDTH, HEIGHT), "white")
    PIL.ImageDraw.Draw(picture).rectangle(shape, fill)
    return np.asarray(picture)


PERSON: Final = photo((30, 10, 90, 150), BLUE)
GARMENT: Final = photo((20, 40, 100, 130), RED)
GARMENT_MASK: Final = np.where((GARMENT == RED).all(axis=2), np.uint8(255), np.uint8(0))
JOINTS: Final = np.array([(60 + n % 5, 20 + 5 * n, 0.9) for n in range(25)], np.float32)
LABELS: Final = bands(PERSON, PARSED)
PARTS: Final = bands(PERSON, CHARTS)
TAKEN_OFF: Final = np.where(LABELS == Label.UPPER, np.uint8(0), LABELS)


# The engines ask it


@pytest.fixture
def ancestor(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUpstream]:
    """The ancestor, and the environment that makes every engine ask it."""
    running = FakeUpstream()
    ask(monkeypatch, running.address)
    yield running
    running.stop()


def ask(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    for case in CASES:
        name = case.contract.name.upper()
        monkeypatch.setenv(f"TRYON_{name}_ENGINE", "venuns")
        monkeypatch.setenv(f"TRYON_{name}_VENUNS_ADDRESS", address)


# The five engines


@dataclass(frozen=True)
class Case:
    """A service, a request to it, and how an answer of the ancestor's is made of one text."""

    contract: Contract
    load: Callable[[], Service]
    request: Any
    reply: Callable[[str], Any]


def message(content: str) -> venuns_pb2.TextResponse:
    return venuns_pb2.TextResponse(message=content)


CASES: Final = (
    Case(
        cloth_mask.CONTRACT,
        services.cloth_mask.service.load,
        cloth_mask.SegmentRequest(GARMENT),
        message,
    ),
    Case(
        densepose.CONTRACT,
        services.densepose.service.load,
        densepose.EstimateSurfaceRequest(
            PERSON, JOINTS, dark(PERSON).astype(np.uint8) * np.uint8(255)
        ),
        message,
    ),
    Case(
        human_parse.CONTRACT,
        services.human_parse.service.load,
        human_parse.ParseRequest(PERSON, JOINTS),
        lambda content: venuns_pb2.LabelsResponse(parse=content),
    ),
    Case(
        agnostic.CONTRACT,
        services.agnostic.service.load,
        agnostic.RemoveGarmentRequest(PERSON, LABELS, JOINTS),
        message,
    ),
    Case(
        viton.CONTRACT,
        services.viton.service.load,
        viton.TryOnRequest(
            person=PERSON,
            keypoints=JOINTS,
            skeleton=np.zeros_like(PERSON),
            labels=LABELS,
            agnostic_labels=TAKEN_OFF,
            agnostic_image=PERSON,
            part_labels=PARTS,
            part_image=draw_parts(PARTS),
            garment=GARMENT,
            garment_mask=GARMENT_MASK,
        ),
        message,
    ),
)
CASE: Final = {case.contract.name: case for case in CASES}
every_engine = pytest.mark.parametrize("case", CASES, ids=lambda case: case.contract.name)


async def call(serve: Serve, case: Case, request: Any = None) -> Any:
    served = await serve(case.contract, case.load)
    await served.running.loading
    method = case.contract.methods[0]
    return await channels.call(
        served.channel, method, case.request if request is None else request, timeout=60
    )


async def failure(serve: Serve, case: Case, request: Any = None) -> TryOnError:
    with pytest.raises(TryOnError) as caught:
        await call(serve, case, request)
    assert caught.value.stage == case.contract.name
    return caught.value


async def test_a_garments_mask(ancestor: FakeUpstream, serve: Serve) -> None:
    answer = await call(serve, CASE["cloth_mask"])
    # The photo travels as JPEG: its edges may move by a pixel.
    assert set(np.unique(answer.mask)) == {0, 255}
    assert np.mean(answer.mask != GARMENT_MASK) < 0.02
    assert [name for name, _ in ancestor.seen] == ["cloth_mask"]


async def test_the_ancestor_takes_every_garment_for_an_upper_one(
    ancestor: FakeUpstream, serve: Serve
) -> None:
    assert (await call(serve, CASE["cloth_mask"])).category == "upper"
    asked = cloth_mask.SegmentRequest(GARMENT, "dress")
    assert (await call(serve, CASE["cloth_mask"], asked)).category == "dress"
    request = replace(CASE["viton"].request, category="dress")
    error = await failure(serve, CASE["viton"], request)
    assert isinstance(error, InvalidOption)
    assert "upper garments only" in error.message
    assert [name for name, _ in ancestor.seen] == ["cloth_mask", "cloth_mask"]


async def test_an_empty_mask_means_no_garment(ancestor: FakeUpstream, serve: Serve) -> None:
    blank = cloth_mask.SegmentRequest(np.full_like(GARMENT, 255))
    assert isinstance(await failure(serve, CASE["cloth_mask"], blank), NoGarment)
    assert len(ancestor.seen) == 1


@pytest.mark.usefixtures("ancestor")
async def test_densepose_parts_from_their_colours(serve: Serve) -> None:
    answer = await call(serve, CASE["densepose"])
    # A JPEG with smeared colours: edges move, but no part appears that is not there.
    assert set(np.unique(answer.part_labels)) == {0, *CHARTS}
    assert np.mean(answer.part_labels != PARTS) < 0.03
    assert np.abs(answer.part_image.astype(int) - draw_parts(PARTS)).mean() < 8
    assert not answer.u.any()
    assert not answer.v.any()


async def test_densepose_parts_of_a_lossless_picture_are_exact(
    ancestor: FakeUpstream, serve: Serve
) -> None:
    stripes = (np.indices((HEIGHT, WIDTH)).sum(axis=0) % 25).astype(np.uint8)
    ancestor.answers["densepose"] = lambda _: message(text(written(draw_parts(stripes))))
    answer = await call(serve, CASE["densepose"])
    np.testing.assert_array_equal(answer.part_labels, stripes)


async def test_a_picture_in_other_colours_is_no_densepose(
    ancestor: FakeUpstream, serve: Serve
) -> None:
    ancestor.answers["densepose"] = lambda _: message(text(written(GARMENT)))
    error = await failure(serve, CASE["densepose"])
    assert isinstance(error, BadAnswer)
    assert "colours" in error.message


@pytest.mark.usefixtures("ancestor")
async def test_labels_as_pixel_values(serve: Serve) -> None:
    answer = await call(serve, CASE["human_parse"])
    assert set(np.unique(answer.labels)) == {0, *PARSED}
    assert np.mean(answer.labels != LABELS) < 0.02


def paletted() -> bytes:
    picture = PIL.Image.fromarray(LABELS)
    picture.putpalette([255 - value for value in range(256) for _ in "rgb"])
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [paletted(), written(colourise(LABELS))], ids=["palette", "colours"]
)
async def test_labels_in_other_clothes(ancestor: FakeUpstream, serve: Serve, data: bytes) -> None:
    """A palette is not the ids; colours are, where a picture has nothing else."""
    ancestor.answers["human_parse"] = lambda _: venuns_pb2.LabelsResponse(parse=text(data))
    answer = await call(serve, CASE["human_parse"])
    np.testing.assert_array_equal(answer.labels, LABELS)


@pytest.mark.parametrize(
    "data",
    [written(LABELS + np.uint8(1) * 12), written(LABELS, "JPEG"), written(PERSON)],
    ids=["unknown ids", "lossy", "a photo"],
)
@pytest.mark.parametrize("name", ["human_parse", "agnostic"])
async def test_what_holds_no_ids_is_refused(
    ancestor: FakeUpstream, serve: Serve, name: str, data: bytes
) -> None:
    ancestor.answers[name] = lambda _: CASE[name].reply(text(data))
    error = await failure(serve, CASE[name])
    assert isinstance(error, BadAnswer)
    assert "CIHP" in error.message


@pytest.mark.usefixtures("ancestor")
async def test_agnostic_takes_labels_from_the_ancestor_and_makes_the_picture(serve: Serve) -> None:
    answer = await call(serve, CASE["agnostic"])
    np.testing.assert_array_equal(answer.labels, TAKEN_OFF)
    np.testing.assert_array_equal(answer.image, image_agnostic(PERSON, LABELS, JOINTS))


async def test_viton_sends_everything_and_marks_what_changed(
    ancestor: FakeUpstream, serve: Serve
) -> None:
    answer = await call(serve, CASE["viton"])
    ((_, sent),) = ancestor.seen
    np.testing.assert_array_equal(read(sent.mask, "PNG", "L"), GARMENT_MASK)
    np.testing.assert_array_equal(read(sent.image_parse, "PNG", "L"), LABELS)
    np.testing.assert_array_equal(read(sent.parse_agnostic, "PNG", "L"), TAKEN_OFF)
    np.testing.assert_array_equal(read(sent.image_densepose, "PNG", "RGB"), draw_parts(PARTS))
    joints = json.loads(sent.pose_json)["people"][0]["pose_keypoints_2d"]
    np.testing.assert_allclose(np.reshape(joints, (25, 3)), JOINTS, atol=1e-5)
    shown = answer.image[LABELS == Label.UPPER].mean(axis=0)
    np.testing.assert_allclose(shown, RED, atol=4)
    same = answer.edit_mask == 0
    assert (answer.edit_mask[LABELS == Label.UPPER] == 255).all()
    np.testing.assert_array_equal(answer.image[same], PERSON[same])


@every_engine
async def test_base64_may_be_broken_into_lines(
    ancestor: FakeUpstream, serve: Serve, case: Case
) -> None:
    name = case.contract.name
    plain = await call(serve, case)
    right = ancestor.answers[name]

    def wrapped(request: Any) -> Any:
        reply = right(request)
        field = "parse" if name == "human_parse" else "message"
        data = base64.b64decode(getattr(reply, field))
        return case.reply(base64.encodebytes(data).decode().replace("\n", "\r\n"))

    ancestor.answers[name] = wrapped
    again = await call(serve, case)
    np.testing.assert_equal(dataclasses.asdict(again), dataclasses.asdict(plain))


# What can go wrong


def bomb() -> bytes:
    """A PNG that says it has 3.6 thousand million pixels."""
    good = written(np.zeros((1, 1), np.uint8))
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + good[24:29]
    return good[:12] + header + zlib.crc32(header).to_bytes(4, "big") + good[33:]


def cut_short() -> bytes:
    noise = np.random.default_rng(1).integers(0, 20, (HEIGHT, WIDTH), np.uint8)
    return written(noise)[:-3000]


GARBAGE: Final = {
    "nothing": ("", "nothing"),
    "not base64": ("<html>502 Bad Gateway</html>", "not base64"),
    "base64 with a hole": ("aGVs bG8=", "not base64"),
    "wrong padding": ("aGVsbG8", "not base64"),
    "not ASCII": ("é" * 40, "not base64"),
    "not a picture": (text(b"Traceback (most recent call last):" * 9), "not a picture"),
    "wrong size": (text(written(PERSON[:-1])), f"{WIDTH} x {HEIGHT - 1} pixels instead of"),
    "lying": (text(bomb()), "60000 x 60000 pixels instead of"),
    "cut short": (text(cut_short()), "damaged"),
    "oversized": ("A" * (upstream_containers.MAX_RESPONSE_BYTES + 4), "more than 16 MiB"),
}


@every_engine
@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_is_told_as_such_and_not_asked_for_again(
    ancestor: FakeUpstream, serve: Serve, case: Case, kind: str
) -> None:
    content, told = GARBAGE[kind]
    ancestor.answers[case.contract.name] = lambda _: case.reply(content)
    error = await failure(serve, case)
    assert isinstance(error, BadAnswer)
    assert told in error.message
    assert ancestor.address in error.message
    # A try-on by the ancestor takes minutes: the gateway's channel must not repeat it.
    assert len(ancestor.seen) == 1


@every_engine
async def test_a_container_that_fails(ancestor: FakeUpstream, serve: Serve, case: Case) -> None:
    def fail(_: Any) -> Any:
        raise RuntimeError("secret of the container")

    ancestor.answers[case.contract.name] = fail
    error = await failure(serve, case)
    assert isinstance(error, BadAnswer)
    assert "failure" in error.message
    assert "secret" not in error.message


@every_engine
async def test_a_server_of_another_kind(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, case: Case
) -> None:
    other = grpc.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    ask(monkeypatch, f"127.0.0.1:{port}")
    error = await failure(serve, case)
    other.stop(None).wait()
    assert isinstance(error, BadAnswer)
    assert "does not know this call" in error.message


@every_engine
async def test_a_container_that_hangs(
    ancestor: FakeUpstream, monkeypatch: pytest.MonkeyPatch, serve: Serve, case: Case
) -> None:
    def hang(_: Any) -> Any:
        ancestor.ended.wait()
        return case.reply("")

    ancestor.answers[case.contract.name] = hang
    monkeypatch.setenv("TRYON_VENUNS_DEADLINE", "0.3")
    error = await failure(serve, case)
    assert isinstance(error, DeadlineExceeded)
    assert "0.3 seconds" in error.message
    assert "TRYON_VENUNS_DEADLINE" in error.message
    assert len(ancestor.seen) == 1


@every_engine
async def test_a_call_that_nobody_waits_for_is_taken_back(
    ancestor: FakeUpstream, serve: Serve, case: Case
) -> None:
    def hang(_: Any) -> Any:
        ancestor.ended.wait()
        return case.reply("")

    ancestor.answers[case.contract.name] = hang
    served = await serve(case.contract, case.load, workers=1)
    await served.running.loading
    method = case.contract.methods[0]
    left = asyncio.create_task(channels.call(served.channel, method, case.request))
    await until(lambda: bool(ancestor.seen))
    left.cancel()
    # The worker is free although the ancestor has not answered.
    await until_told(
        lambda: channels.call(served.channel, GET, StatusRequest()), lambda told: told.running == 0
    )


@every_engine
async def test_a_container_that_is_not_there_and_then_is(
    monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    first = FakeUpstream()
    first.stop()
    ask(monkeypatch, first.address)
    service = case.load()
    method = case.contract.methods[0]
    with pytest.raises(ServiceUnavailable) as caught:
        service.handlers[method.rpc](case.request)
    assert first.address in caught.value.message
    assert upstream_containers.COMPOSE_FILE in caught.value.message
    assert f"TRYON_{case.contract.name.upper()}_VENUNS_ADDRESS" in caught.value.message
    assert caught.value.stage == case.contract.name

    started = FakeUpstream(first.port)

    def answered() -> bool:
        try:
            service.handlers[method.rpc](case.request)
        except ServiceUnavailable:
            return False
        return True

    await until(answered)
    service.close()
    started.stop()


@every_engine
def test_without_an_address_the_compose_files_is_taken(
    monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    name = case.contract.name
    monkeypatch.setenv(f"TRYON_{name.upper()}_ENGINE", "venuns")
    service = case.load()
    assert service.engine == "venuns"
    rpc = getattr(upstream_containers, name.upper())
    with pytest.raises(ServiceUnavailable, match=rpc.address):
        service.handlers[case.contract.methods[0].rpc](case.request)
    service.close()


async def test_photos_too_large_for_its_server_are_not_sent(
    ancestor: FakeUpstream, serve: Serve
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1400, 1000, 3), np.uint8)
    case = CASE["viton"]
    large = replace(case.request, person=noise, skeleton=noise)
    error = await failure(serve, case, large)
    assert isinstance(error, InvalidRequest)
    assert "4" in error.message
    assert ancestor.seen == []


# The whole pipeline


@pytest.fixture(params=["in process", "grpc"])
async def backend(
    request: pytest.FixtureRequest,
    ancestor: FakeUpstream,  # noqa: ARG001 - the engines read where it is when they are loaded
    serve: Serve,
) -> AsyncIterator[Backend]:
    """Either backend, with every service as it is; five of them ask the ancestor."""
    running: Backend = EmbeddedBackend(Settings())
    if request.param == "grpc":
        addresses: dict[str, str] = {}
        for contract in CONTRACTS:
            load = importlib.import_module(f"services.{contract.name}.service").load
            served = await serve(contract, load)
            await served.running.loading
            addresses[contract.name] = served.address
        running = RemoteBackend(Settings(), lambda contract: addresses[contract.name])
    await running.start()
    yield running
    await running.close()


async def test_a_try_on_by_the_ancestor(
    ancestor: FakeUpstream, backend: Backend, examples: Path
) -> None:
    photos = Photos((examples / "person.jpg").read_bytes(), (examples / "garment.jpg").read_bytes())
    result = await TryOn(backend, GatewaySettings()).run(photos, request_id="ancestor")

    assert sorted(name for name, _ in ancestor.seen) == sorted(CASE)
    (sent,) = (request for name, request in ancestor.seen if name == "viton")
    assert images.decode(sent.image).shape == (1024, 768, 3)
    before, after = images.decode(photos.person), images.decode(result.image)
    assert after.shape == before.shape
    # The stand-in paints bands: hair and face as they were, then the garment's colour, then legs.
    chest, legs = np.s_[520:760, 350:550], np.s_[950:1150, 280:340]
    garment = images.decode(photos.garment)
    np.testing.assert_allclose(
        after[chest].mean(axis=(0, 1)), garment[dark(garment)].mean(axis=0), atol=8
    )
    np.testing.assert_allclose(
        after[legs].mean(axis=(0, 1)), before[legs].mean(axis=(0, 1)), atol=8
    )


async def test_the_stage_deadline_factor_lets_a_stage_take_longer(
    ancestor: FakeUpstream, examples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage has its contract's seconds, times the gateway's factor."""
    asked: dict[str, float] = {}

    class Noted(EmbeddedBackend):
        async def call(
            self, method: Method[Any, Any], request: object, seconds: float, request_id: str
        ) -> Answer[Any]:
            asked[method.service] = seconds
            return await super().call(method, request, seconds, request_id)

    monkeypatch.setenv("TRYON_STAGE_DEADLINE_FACTOR", "3")
    monkeypatch.setenv("TRYON_DEADLINE", "1000")
    backend = Noted(Settings())
    await backend.start()
    photos = Photos((examples / "person.jpg").read_bytes(), (examples / "garment.jpg").read_bytes())
    await TryOn(backend, GatewaySettings()).run(photos, request_id="patient")
    await backend.close()
    assert len(ancestor.seen) == len(CASES)
    assert {name: asked[name] for name in CASE} == {
        name: 3 * case.contract.methods[0].deadline_seconds for name, case in CASE.items()
    }
