"""The pictures and the measurement behind the clothes network's 8-bit file."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from services.kit.model_commands import prepare_int8
from tests.unit.services.kit.model_commands.test_prepare_int8 import network
from training.clothes_network.__main__ import measure_tops
from training.clothes_network.pictures import Picture, draw_garments, vary_people

pytestmark = pytest.mark.unit

SIDE_PX = 32


def pictures(count: int) -> list[Picture]:
    random = np.random.default_rng(1)
    return [
        Picture(random.integers(0, 256, (40, 30, 3), dtype=np.uint8), SIDE_PX) for _ in range(count)
    ]


def test_tops_are_the_largest_values_of_all_pictures(tmp_path: Path) -> None:
    network(tmp_path / "net.onnx")
    each = [measure_tops(onnx.load(tmp_path / "net.onnx"), [one]) for one in pictures(3)]
    together = measure_tops(onnx.load(tmp_path / "net.onnx"), pictures(3))
    assert together == {name: max(tops[name] for tops in each) for name in each[0]}
    assert set(together) == {"first", "high", "low", "last", "sum"}
    assert all(value > 0 for value in together.values())


def test_what_was_measured_makes_an_8_bit_file(tmp_path: Path) -> None:
    network(tmp_path / "net.onnx")
    tops = measure_tops(onnx.load(tmp_path / "net.onnx"), pictures(3))
    prepare_int8.write_int8(tmp_path / "net.onnx", tmp_path / "int8.onnx", tops)
    session = onnxruntime.InferenceSession(
        (tmp_path / "int8.onnx").read_bytes(), providers=["CPUExecutionProvider"]
    )
    (answer,) = session.run(None, {"input": np.zeros((1, 3, SIDE_PX, SIDE_PX), np.float32)})
    assert np.isfinite(answer).all()


@pytest.mark.parametrize("make", [vary_people, draw_garments])
def test_the_pictures_are_the_same_every_time(make: object) -> None:
    assert callable(make)
    first, second = next(make()), next(make())
    np.testing.assert_array_equal(first.image, second.image)
    assert first.side_px == second.side_px
