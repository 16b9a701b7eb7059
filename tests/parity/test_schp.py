"""SCHP's network against what the original gave.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for LIP's own 473 x 473.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")
onnx = pytest.importorskip("onnx", reason="comes with PyTorch: the extra convert")

from networks import export, loading, seeded  # noqa: E402 - they import PyTorch
from networks.human_parse import schp_atr, schp_lip  # noqa: E402
from services.human_parse.contract import ParseRequest  # noqa: E402
from services.human_parse.service import ENGINES  # noqa: E402
from services.kit.labels import Label  # noqa: E402
from services.kit.runtimes import sessions  # noqa: E402
from tests.parity import stored  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(900)]

SIDES: Final = {"lip": 473 if os.environ.get("TRYON_PARITY_FULL") == "1" else 105, "atr": 105}
NETWORKS: Final = {"lip": schp_lip.SPEC, "atr": schp_atr.SPEC}
PREFIX: Final = {"lip": "", "atr": "atr_"}
"""Of the names of what the reference holds of each."""
OUTPUTS: Final = ("parsing", "fusion", "edge")
EACH: Final = pytest.mark.parametrize("name", NETWORKS)


def given(name: str) -> NDArray[np.float32]:
    return stored.seeded("schp", 1, 3, SIDES[name], SIDES[name]) * 2


def expected(name: str, what: str) -> NDArray[Any]:
    return stored.load("schp")[f"{PREFIX[name]}{what}"]


def check(name: str, outputs: list[NDArray[np.float32]], tolerance: float) -> None:
    side = SIDES[name]
    for what, output in zip(OUTPUTS, outputs, strict=True):
        assert stored.difference(output, expected(name, f"{what}_{side}")) < tolerance
    labels = outputs[1][0].argmax(axis=0)
    first, second = np.sort(outputs[1][0], axis=0)[[-1, -2]]
    certain = first - second > tolerance * np.ptp(outputs[1])
    assert np.array_equal(labels[certain], expected(name, f"labels_{side}")[certain])


@EACH
def test_the_official_file_loads_and_gives_what_the_original_gives(
    name: str, tmp_path: Path
) -> None:
    published = NETWORKS[name]
    state = seeded.seeded_weights(published)
    file = tmp_path / f"{name}.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, file)
    network = published.build()
    loading.load_strictly(network, published.read(file), "SCHP")
    count = sum(value.numel() for value in network.parameters())
    assert count == expected(name, "parameters")
    assert stored.layout(network.state_dict()) == str(expected(name, "layout"))
    with torch.inference_mode():
        outputs = network(torch.from_numpy(given(name)))
    check(name, [each.numpy() for each in outputs], stored.TOLERANCE)


@EACH
def test_onnx_runtime_gives_the_same(name: str, tmp_path: Path) -> None:
    published, side = NETWORKS[name], SIDES[name]
    network = published.build()
    network.load_state_dict(seeded.seeded_weights(published))
    file = tmp_path / "exported.onnx"
    export.to_onnx(replace(published, size=(side, side)), network, file)
    outputs = sessions.onnx_session(file).run(list(OUTPUTS), {"picture": given(name)})
    check(name, outputs, stored.RUNTIMES)


def test_the_file_for_one_data_set_is_refused_for_the_other() -> None:
    with pytest.raises(loading.WrongWeightFile, match="another shape"):
        loading.load_strictly(
            schp_atr.SPEC.build(),
            seeded.seeded_weights(schp_lip.SPEC),
            "SCHP for ATR",
        )


CLASSES: Final = {"schp_lip": (20, 5), "schp_atr": (18, 4)}
"""How many there are, and upper clothes."""


def as_published(classes: int, seen: int, side: int, file: Path) -> None:
    """Write a network that sees one class everywhere, in its second output only."""
    right = np.eye(classes, dtype=np.float32)[seen]
    answers = {"3207": right[::-1], "3214": right, "3236": np.zeros(2, np.float32)}
    nodes, held = [], []
    for name, planes in answers.items():
        kernels = {"weight": np.zeros((len(planes), 3, 4, 4), np.float32), "bias": planes.copy()}
        held += [
            onnx.numpy_helper.from_array(each, f"{name}.{key}") for key, each in kernels.items()
        ]
        given = ["input.1", f"{name}.weight", f"{name}.bias"]
        nodes.append(onnx.helper.make_node("Conv", given, [name], strides=[4, 4]))
    ends = [
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in names]
        for names, shape in ((["input.1"], [1, 3, side, side]), (answers, None))
    ]
    graph = onnx.helper.make_graph(nodes, "drawn", *ends, initializer=held)
    opset = onnx.helper.make_opsetid("", export.OPSET)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8), file)


@pytest.mark.parametrize(("name", "side"), [("schp_lip", 473), ("schp_atr", 512)])
def test_the_engine_reads_the_published_file_as_its_publishers_do(
    name: str, side: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``input.1`` of the data set's size in, the second of outputs with numbers for names out."""
    as_published(*CLASSES[name], side, tmp_path / f"{name}.onnx")
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    photo = np.zeros((90, 60, 3), np.uint8)
    request = ParseRequest(photo, np.zeros((25, 3), np.float32))
    labels = ENGINES[name]().handlers["Parse"](request).labels
    assert labels.shape == (90, 60)
    assert (labels == Label.UPPER).all()
