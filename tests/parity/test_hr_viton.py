"""HR-VITON's networks and its whole test-time sequence against what the original gave.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for 1024 x 768.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import export, seeded  # noqa: E402 - they import PyTorch
from networks.conversion_spec import ConversionSpec  # noqa: E402
from networks.hr_viton import condition, spade  # noqa: E402
from services.viton.published import common, hr_viton  # noqa: E402
from services.viton.published.hr_viton import PredictedCondition  # noqa: E402
from tests.parity import runtimes, stored, try_on_engines  # noqa: E402
from tests.parity.drawn_request import request  # noqa: E402
from tests.parity.try_on_engines import SIZE, Exported, Reference, State  # noqa: E402
from tests.parity.try_on_inputs import sequence_noise  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(1800)]

SPECS: Final[Mapping[str, ConversionSpec]] = {
    "condition": condition.SPEC,
    "spade": spade.SPEC,
}
NETWORKS: Final = tuple(SPECS)


def tamed(name: str, state: State) -> State:
    """Weights as seeded, but the first network's bend little and give labels of every sort."""
    if name != "condition":
        return state
    last = {key: value for key, value in state.items() if key.startswith("out_layer.")}
    made = state | seeded.seeded_state(last, 3)
    made["out_layer.scale.weight"] *= 0.03
    for key in made:
        if key.startswith("flow_conv.") and key.endswith(".weight"):
            made[key] = made[key] * 0.1
    return made


@pytest.fixture(scope="module")
def reference() -> Reference:
    return try_on_engines.reference("hr_viton")


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    return try_on_engines.loaded(SPECS, tamed)


@pytest.fixture(scope="module")
def exported(loaded: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("weights")
    return try_on_engines.exported("hr_viton", SPECS, loaded, folder)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layout_is_the_original_s(
    name: str, loaded: dict[str, Any], reference: Reference
) -> None:
    try_on_engines.check_layout(name, loaded[name], reference)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_the_original_gave(
    name: str, loaded: dict[str, Any], reference: Reference
) -> None:
    given = try_on_engines.answers(name, loaded[name])
    for key, value in zip(SPECS[name].outputs, given, strict=True):
        expected = reference[f"network_{name}_{key}"]
        assert stored.difference(value, expected) < stored.TOLERANCE, key


def test_keys_of_the_authors_earlier_code_are_read(tmp_path: Path) -> None:
    layout = spade.SPEC.build().state_dict()
    earlier = {key.replace(".conv_gamma", ".Spade.conv_gamma"): key for key in layout}
    assert set(earlier) != set(layout)
    torch.save({key: torch.zeros(1) for key in earlier}, tmp_path / "gen.pth")
    assert set(spade.SPEC.read(tmp_path / "gen.pth")) == set(layout)


def test_onnx_runtime_gives_what_pytorch_gives(exported: Exported) -> None:
    assert exported.worst < stored.RUNTIMES


def test_weights_that_bend_the_garment_far_are_not_refused(tmp_path: Path) -> None:
    network = condition.SPEC.build()
    network.load_state_dict(seeded.seeded_state(network.state_dict()))
    worst = export.to_onnx(condition.SPEC, network, tmp_path / "condition.onnx")
    assert worst < stored.RUNTIMES


@runtimes.EACH
def test_the_sequence_gives_what_the_original_gave(
    runtime: str,
    loaded: dict[str, Any],
    exported: Exported,
    reference: Reference,
) -> None:
    """The generator gets the original's labels, so that a tie decided otherwise ends there."""
    run = runtimes.runs(runtime, SPECS, loaded, exported.files)
    given = hr_viton.network_inputs(request(*SIZE))
    _, noises = sequence_noise(*SIZE)
    seen: dict[str, common.Planes] = {}

    def watched(**fed: common.Planes) -> tuple[common.Planes, ...]:
        seen.update(fed)
        return run["condition"](**fed)

    def differs(name: str, values: common.Planes) -> float:
        return stored.difference(values, reference[f"sequence_{name}"])

    told: PredictedCondition = hr_viton.predict_labels_and_flow(watched, given)
    assert differs("garment_given", seen["garment"]) < stored.TOLERANCE
    assert differs("person_given", seen["person"]) < stored.TOLERANCE
    assert differs("flow", told.flow) < stored.RUNTIMES
    assert differs("scores", told.scores) < stored.RUNTIMES
    try_on_engines.check_winners(common.argmax_classes(told.scores), reference)

    garment = hr_viton.warp_garment(given, told)
    assert differs("garment", garment) < stored.RUNTIMES
    parts = common.merge_classes(reference["winners"])
    drawn = hr_viton.synthesise(run["spade"], given, parts, garment, noises)
    assert differs("picture", drawn) < stored.RUNTIMES


def test_the_engine_wears_and_a_seed_gives_one_picture(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_on_engines.check_seeds("hr_viton", exported.folder, monkeypatch)
