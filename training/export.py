"""Export a trained network to ONNX."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn


def export(
    network: nn.Module,
    given: Tensor,
    file: Path,
    *,
    name: str,
    answers: Sequence[str],
    axes: Mapping[str, Mapping[int, str]] | None = None,
) -> None:
    """Write a network with weights at half precision, which halves the file without loss.

    ``given`` is an example of its input, ``name`` the input's name, ``answers`` the outputs'.
    ``axes`` are the names of the axes whose size is free, by input or output and number.
    """
    stream = io.BytesIO()
    torch.onnx.export(
        network.to(memory_format=torch.contiguous_format).eval(),
        (given,),
        stream,
        input_names=[name],
        output_names=list(answers),
        dynamic_axes=axes,
        opset_version=17,
        # The newer exporter needs another package.
        dynamo=False,
    )
    model = onnx.load_from_string(stream.getvalue())
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size > 1:
            whole = weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{whole}.half"))
            casts.append(
                helper.make_node("Cast", [f"{whole}.half"], [whole], to=onnx.TensorProto.FLOAT)
            )
    for place, cast in enumerate(casts):
        model.graph.node.insert(place, cast)
    onnx.checker.check_model(model)
    file.write_bytes(model.SerializeToString())
