"""Measure SRGAN's ranges: ``python -m training.super_resolution``.

Runs the float32 network on the photos of ``examples``, made small, and writes the least and
greatest value at each convolution to
``services/kit/model_commands/srgan_ranges.py``. Then ``bash run.sh models fetch
srgan_x4_int8.onnx`` tells the SHA-256 that belongs into ``models/manifest.toml``.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import PIL.Image
from numpy.typing import NDArray
from onnx import helper

from services.kit.model_commands.srgan_ranges import Range
from services.kit.weights import store

ROOT: Final = Path(__file__).resolve().parents[2]
"""The project's folder."""

TARGET: Final = ROOT / "services/kit/model_commands/srgan_ranges.py"
"""The module that is written."""

SIZES: Final = ((192, 256), (120, 160))
"""Boxes into which the photos are reduced, width and height in pixels."""

DIGITS: Final = 2
"""Decimals of a range."""

HEADER: Final = '''"""Ranges of SRGAN's activations, by `python -m training.super_resolution`."""

from typing import Final, TypeAlias

Range: TypeAlias = tuple[float, float]
"""Least and greatest value."""

SRGAN_RANGES: Final[tuple[tuple[Range, Range], ...]] = (
'''
"""Beginning of the written module."""

FOOTER: Final = ''')
"""Range of the input and of the output of each convolution, batch normalisation included."""
'''
"""End of the written module."""


def main() -> None:
    """Measure and write."""
    model = onnx.load(store.find_weights("srgan_x4.onnx"))
    lines = (
        f"    (({_number(least)}, {_number(greatest)}), ({_number(low)}, {_number(high)})),\n"
        for (least, greatest), (low, high) in measure_ranges(model, _draw_photos())
    )
    TARGET.write_text(HEADER + "".join(lines) + FOOTER, encoding="utf-8")


def measure_ranges(
    model: onnx.ModelProto, photos: Iterable[NDArray[np.uint8]]
) -> tuple[tuple[Range, Range], ...]:
    """Measure the values at each convolution of the float32 network, which gains outputs.

    ``photos`` are H x W x 3 uint8.
    """
    ends = _find_ends(model)
    names = list(dict.fromkeys(name for pair in ends for name in pair if name != "input"))
    number = onnx.TensorProto.FLOAT
    model.graph.output.extend(helper.make_tensor_value_info(name, number, None) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    ranges = {"input": (0.0, 1.0)}
    for photo in photos:
        planes = np.moveaxis(photo, 2, 0)[None].astype(np.float32) / np.float32(255)
        for name, values in zip(names, session.run(names, {"input": planes}), strict=True):
            least, greatest = ranges.get(name, (0.0, 0.0))
            ranges[name] = (min(least, float(values.min())), max(greatest, float(values.max())))
    return tuple((ranges[first], ranges[last]) for first, last in ends)


def _number(value: float) -> str:
    return str(round(value, DIGITS))


def _find_ends(model: onnx.ModelProto) -> list[tuple[str, str]]:
    """Find the input and the output of each convolution, after the batch normalisation if any."""
    norms = {
        node.input[0]: node.output[0]
        for node in model.graph.node
        if node.op_type == "BatchNormalization"
    }
    return [
        (node.input[0], norms.get(node.output[0], node.output[0]))
        for node in model.graph.node
        if node.op_type == "Conv"
    ]


def _draw_photos() -> Iterator[NDArray[np.uint8]]:
    """Give the examples at small sizes.

    Rounding is coarser over wider ranges. So photos of raised contrast are left out (3 dB less in
    usual photos), and black grounds, on which the network's values grow a hundredfold.
    """
    for file in sorted((ROOT / "examples").glob("*.jpg")):
        for size in SIZES:
            yield _reduce(file, size)


def _reduce(file: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    with PIL.Image.open(file) as photo:
        small = photo.convert("RGB")
    small.thumbnail(size, PIL.Image.Resampling.LANCZOS)
    return np.asarray(small)


if __name__ == "__main__":
    main()
