"""Prepare downloads for the engines: the steps that ``models/manifest.toml`` names.

A step writes the same bytes for the same input, so that the manifest has the SHA-256 of its result.
The packages ``onnx`` and ``h5py`` come with the extra ``models``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from services.kit.model_commands.prepare_int8 import u2net_to_int8
from services.kit.model_commands.prepare_lpips import lpips_to_onnx
from services.kit.model_commands.prepare_srgan import srgan_to_int8_onnx, srgan_to_onnx


def symbolic_size(source: Path, target: Path) -> None:
    """Make the height and the width of an ONNX network's input and output free.

    Only the first output is kept: the others are side outputs for training, which would stay in
    memory until the end of a run. The network must take every size from its input, as U2-Net does.
    """
    import onnx  # noqa: PLC0415 - only in the models extra

    model = onnx.load(source)
    del model.graph.output[1:]
    for value in (model.graph.input[0], model.graph.output[0]):
        for axis, name in ((2, "height"), (3, "width")):
            dimension = value.type.tensor_type.shape.dim[axis]
            dimension.ClearField("dim_value")
            dimension.dim_param = name
    target.write_bytes(model.SerializeToString(deterministic=True))


STEPS: Final[Mapping[str, Callable[[Path, Path], None]]] = {
    "symbolic_size": symbolic_size,
    "srgan_to_onnx": srgan_to_onnx,
    "srgan_to_int8_onnx": srgan_to_int8_onnx,
    "lpips_to_onnx": lpips_to_onnx,
    "u2net_to_int8": u2net_to_int8,
}
"""Steps by the name that the manifest's ``prepare`` has."""
