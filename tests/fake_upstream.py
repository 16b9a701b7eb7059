"""Stands in for the containers of github.com/T4t4KAU/VirtualTryOnSystem, which cannot be had here.

It speaks their protocol: reads what the engines ``venuns`` send as they would, computes an answer
from it, and gives it as base64 of a file. ``python fake_upstream.py SERVICE PORT`` serves one of
them.
"""

import base64
import io
import json
import sys
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
import numpy as np
import PIL.Image
from tryon.venuns import venuns_pb2, venuns_pb2_grpc

from services.densepose.parts import draw_parts
from services.kit.labels import Label, colourise

Answer = Callable[[Any], Any]


def written(pixels: Any, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def read(data: bytes, kind: str, mode: str) -> Any:
    """Open a file as the ancestor does: what it holds matters, its name does not."""
    with PIL.Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.mode) == (kind, mode)
        return np.asarray(picture)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def dark(picture: Any) -> Any:
    """H x W: what is not the white background."""
    return picture.min(axis=2) < 150


def bands(picture: Any, values: tuple[int, ...]) -> Any:
    """Cut what is not background into bands from top to bottom, each with one value."""
    rows = np.flatnonzero(dark(picture).any(axis=1))
    edges = np.linspace(rows[0], rows[-1] + 1, len(values) + 1)[1:-1]
    by_row = np.array(values, np.uint8)[np.searchsorted(edges, np.arange(len(picture)))]
    return np.where(dark(picture), by_row[:, None], np.uint8(0))


PARSED: Final = (Label.HAIR, Label.FACE, Label.UPPER, Label.UPPER, Label.PANTS, Label.PANTS)
CHARTS: Final = (23, 24, 2, 15, 9, 10)


def segment(request: venuns_pb2.PhotoRequest) -> venuns_pb2.TextResponse:
    garment = dark(read(request.image, "JPEG", "RGB"))
    return venuns_pb2.TextResponse(message=text(written(garment.astype(np.uint8) * np.uint8(255))))


def map_surface(request: venuns_pb2.PhotoRequest) -> venuns_pb2.TextResponse:
    parts = bands(read(request.image, "JPEG", "RGB"), CHARTS)
    return venuns_pb2.TextResponse(message=text(written(draw_parts(parts), "JPEG", quality=95)))


def parse(request: venuns_pb2.PhotoRequest) -> venuns_pb2.LabelsResponse:
    labels = bands(read(request.image, "JPEG", "RGB"), PARSED)
    return venuns_pb2.LabelsResponse(
        parse=text(written(labels)), parse_vis=text(written(colourise(labels)))
    )


def take_off(request: venuns_pb2.AgnosticRequest) -> venuns_pb2.TextResponse:
    labels = read(request.image_parse, "PNG", "L")
    assert read(request.mask, "PNG", "L").shape == labels.shape
    for data in (request.cloth, request.image_pose, request.image_densepose):
        assert read(data, "PNG", "RGB").shape[:2] == labels.shape
    assert read(request.image, "JPEG", "RGB").shape[:2] == labels.shape
    assert len(json.loads(request.pose_json)["people"][0]["pose_keypoints_2d"]) == 75
    bare = np.where(labels == Label.UPPER, np.uint8(0), labels)
    return venuns_pb2.TextResponse(message=text(written(bare)))


def dress(request: venuns_pb2.TryOnRequest) -> venuns_pb2.TextResponse:
    """Put the garment's mean colour where its mask and the labels say upper clothes."""
    person = read(request.image, "JPEG", "RGB").copy()
    cloth = read(request.cloth, "JPEG", "RGB")
    labels = read(request.image_parse, "PNG", "L")
    worn = (labels == Label.UPPER) & (read(request.parse_agnostic, "PNG", "L") == 0)
    assert read(request.image_pose, "PNG", "RGB").shape == person.shape
    assert read(request.image_densepose, "PNG", "RGB").shape == person.shape
    assert json.loads(request.pose_json)["people"]
    person[worn] = cloth[read(request.mask, "PNG", "L") > 127].mean(axis=0)
    return venuns_pb2.TextResponse(message=text(written(person)))


SERVICES: Final = ("cloth_mask", "densepose", "human_parse", "agnostic", "viton")


class FakeUpstream:
    """The five containers as one server; ``answers`` may be exchanged while it runs."""

    def __init__(
        self, port: int = 0, host: str = "127.0.0.1", services: Collection[str] = SERVICES
    ) -> None:
        self.answers: dict[str, Answer] = {
            "cloth_mask": segment,
            "densepose": map_surface,
            "human_parse": parse,
            "agnostic": take_off,
            "viton": dress,
        }
        self.seen: list[tuple[str, Any]] = []
        self.ended = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(8), options=(("grpc.so_reuseport", 0),))
        for name, base, add in (
            (
                "cloth_mask",
                "ClothSegmentation",
                venuns_pb2_grpc.add_ClothSegmentationServicer_to_server,
            ),
            ("densepose", "Densepose", venuns_pb2_grpc.add_DenseposeServicer_to_server),
            ("human_parse", "HumanParse", venuns_pb2_grpc.add_HumanParseServicer_to_server),
            ("agnostic", "ParseAgnostic", venuns_pb2_grpc.add_ParseAgnosticServicer_to_server),
            ("viton", "Vitons", venuns_pb2_grpc.add_VitonsServicer_to_server),
        ):
            if name not in services:
                continue
            servicer = type(base, (), {"Generate": self._generate(name)})()
            add(servicer, self._server)
        self.port = self._server.add_insecure_port(f"{host}:{port}")
        self._server.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.ended.set()
        self._server.stop(None).wait()

    def _generate(self, name: str) -> Callable[[object, Any, grpc.ServicerContext], Any]:
        def generate(_: object, request: Any, __: grpc.ServicerContext) -> Any:
            self.seen.append((name, request))
            return self.answers[name](request)

        return generate


if __name__ == "__main__":
    FakeUpstream(int(sys.argv[2]), host="0.0.0.0", services=(sys.argv[1],)).ended.wait()  # noqa: S104
