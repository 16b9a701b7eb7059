"""Read the layers' arrays from a ``.caffemodel``, without Caffe.

The file is one NetParameter (https://github.com/BVLC/caffe, src/caffe/proto/caffe.proto). A layer
has a name and blobs, in the present form or the older one. A blob is a shape and float32 values.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from networks.loading import WrongWeightFile
from networks.protobuf_fields import BYTES, VARINT, NotAMessage, read_fields, read_packed_varints

_LAYER: Final = 100
"""Field number of `layer` in a NetParameter."""

_LAYER_V1: Final = 2
"""Field number of `layers`, the older form, in a NetParameter."""

_LAYER_FIELDS: Final = {_LAYER: (1, 7), _LAYER_V1: (4, 6)}
"""Field numbers of name and blobs, by the form of a layer."""

_SHAPE: Final = 7
"""Field number of `shape` in a blob."""

_OLD_SHAPE: Final = (1, 2, 3, 4)
"""Field numbers of number, channels, height and width, in a blob without `shape`."""

_DATA: Final = 5
"""Field number of `data` in a blob."""

_MOST_AXES: Final = 8
"""Largest number of axes of a blob."""

_NAMES: Final = ("weight", "bias")
"""Names of the blobs of a layer."""

_FLOAT: Final = 4
"""Bytes of a value."""


def read_caffemodel(path: Path) -> dict[str, Tensor]:
    """Read the blobs of every layer as ``LAYER.weight`` and, if there are two, ``LAYER.bias``.

    Raises WrongWeightFile for any other file.
    """
    state: dict[str, Tensor] = {}
    try:
        for number, wire, value in read_fields(memoryview(path.read_bytes())):
            if number in _LAYER_FIELDS and wire == BYTES and isinstance(value, memoryview):
                name, blobs = _layer(value, *_LAYER_FIELDS[number])
                state |= {f"{name}.{kind}": blob for kind, blob in zip(_NAMES, blobs, strict=False)}
    except (NotAMessage, UnicodeDecodeError) as error:
        raise WrongWeightFile(
            f"{path.name} is no .caffemodel ({error}); take the file that the network's authors "
            "publish, whole and unchanged."
        ) from error
    if not state:
        raise WrongWeightFile(f"{path.name} holds no layer with weights.")
    return state


def _layer(message: memoryview, named: int, held: int) -> tuple[str, list[Tensor]]:
    name, blobs = "", []
    for number, wire, value in read_fields(message):
        if wire == BYTES and isinstance(value, memoryview):
            if number == named:
                name = bytes(value).decode()
            elif number == held:
                blobs.append(_blob(value))
    return name, blobs


def _blob(message: memoryview) -> Tensor:
    shape: Sequence[int] = ()
    old: dict[int, int] = {}
    data = memoryview(b"")
    for number, wire, value in read_fields(message):
        if wire == VARINT and number in _OLD_SHAPE and isinstance(value, int):
            old[number] = value
        elif wire == BYTES and isinstance(value, memoryview):
            if number == _SHAPE:
                shape = _dimensions(value)
            elif number == _DATA:
                data = value
    if not shape and old:
        shape = [old.get(axis, 1) for axis in _OLD_SHAPE]
    if len(shape) > _MOST_AXES or math.prod(shape) * _FLOAT != len(data):
        raise NotAMessage(f"{len(data)} bytes are not an array of shape {list(shape)}")
    values = np.frombuffer(data, np.dtype("<f4")).astype(np.float32)
    return torch.from_numpy(values.reshape(shape))


def _dimensions(message: memoryview) -> list[int]:
    sizes: list[int] = []
    for number, _, value in read_fields(message):
        if number == 1:
            sizes += [value] if isinstance(value, int) else read_packed_varints(value)
    return sizes
