"""Writes the part network for ONNX Runtime."""

import io
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from services.densepose.inputs import CHANNELS, STRIDE
from training.densepose.net import PartNet


def export(net: PartNet, file: Path) -> None:
    """Write a network, its weights at half precision: they lose nothing by it, and half the room.

    Input ``planes`` (B, C, H, W); outputs ``parts`` (B, 25, H, W), ``charts`` (B, 48, H/2, W/2).
    """
    stream = io.BytesIO()
    torch.onnx.export(
        net,
        (torch.zeros(1, CHANNELS, 4 * STRIDE, 4 * STRIDE),),
        stream,
        input_names=["planes"],
        output_names=["parts", "charts"],
        dynamic_axes={
            "planes": {0: "people", 2: "height", 3: "width"},
            "parts": {0: "people", 2: "height", 3: "width"},
            "charts": {0: "people", 2: "half_height", 3: "half_width"},
        },
        opset_version=17,
        # The newer exporter needs a package more.
        dynamo=False,
    )
    model = onnx.load_from_string(stream.getvalue())
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 1:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(
                helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT)
            )
    for place, cast in enumerate(casts):
        model.graph.node.insert(place, cast)
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())
