"""VITON-HD's networks and its whole test-time sequence against what the original gave.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for 1024 x 768.
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks.conversion_spec import ConversionSpec
from networks.viton_hd import alias, gmm, seg
from services.viton.published import common, viton_hd
from tests.parity import runtimes, stored, try_on_engines
from tests.parity.drawn_request import request
from tests.parity.try_on_engines import SIZE, Exported, Reference, State
from tests.parity.try_on_inputs import sequence_noise

pytestmark = [pytest.mark.parity, pytest.mark.timeout(1800)]

SPECS: Final[Mapping[str, ConversionSpec]] = {
    "seg": seg.SPEC,
    "gmm": gmm.SPEC,
    "alias": alias.SPEC,
}
NETWORKS: Final = tuple(SPECS)
GENTLE: Final = 0.2
"""Of the seeded weights before the matching network's last activation: the garment stays whole."""


def gentle(name: str, state: State) -> State:
    """Weights as seeded, but for the matching network's."""
    if name == "gmm":
        state["regression.linear.weight"] *= GENTLE
    return state


@pytest.fixture(scope="module")
def reference() -> Reference:
    return try_on_engines.reference("viton_hd")


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    return try_on_engines.loaded(SPECS, gentle)


@pytest.fixture(scope="module")
def exported(loaded: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("weights")
    return try_on_engines.exported("viton_hd", SPECS, loaded, folder)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layout_is_the_original_s(
    name: str, loaded: dict[str, Any], reference: Reference
) -> None:
    try_on_engines.check_layout(name, loaded[name], reference)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_the_original_gave(
    name: str, loaded: dict[str, Any], reference: Reference
) -> None:
    [given] = try_on_engines.answers(name, loaded[name])
    assert stored.difference(given, reference[f"network_{name}"]) < stored.TOLERANCE


def test_onnx_runtime_gives_what_pytorch_gives(exported: Exported) -> None:
    assert exported.worst < stored.RUNTIMES


@runtimes.EACH
def test_the_sequence_gives_what_the_original_gave(
    runtime: str,
    loaded: dict[str, Any],
    exported: Exported,
    reference: Reference,
) -> None:
    """Each stage gets the original's labels, so that a tie decided otherwise ends where it is."""
    run = runtimes.runs(runtime, SPECS, loaded, exported.files)
    given = viton_hd.network_inputs(request(*SIZE))
    first, noises = sequence_noise(*SIZE)
    seen: dict[str, common.Planes] = {}

    def watched(name: str) -> common.RunNetwork:
        def watch(**fed: common.Planes) -> tuple[common.Planes, ...]:
            answer = run[name](**fed)
            seen.update({f"{name}_{key}": value for key, value in fed.items()})
            seen[f"{name}_answer"] = answer[0]
            return answer

        return watch

    def differs(name: str, values: common.Planes) -> float:
        return stored.difference(values, reference[f"sequence_{name}"])

    winners = viton_hd.predict_labels(watched("seg"), given, first)
    assert differs("seg_given", seen["seg_given"]) < stored.TOLERANCE
    try_on_engines.check_winners(winners, reference)

    parts = common.merge_classes(reference["winners"])
    warped = viton_hd.warp_garment(watched("gmm"), given, parts)
    assert differs("person", seen["gmm_person"]) < stored.TOLERANCE
    assert differs("offsets", seen["gmm_answer"]) < stored.RUNTIMES
    assert differs("garment", warped[:3]) < stored.RUNTIMES

    drawn = viton_hd.synthesise(watched("alias"), given, parts, warped, noises)
    assert differs("mask", seen["alias_mask"]) < stored.RUNTIMES
    assert differs("divided", seen["alias_divided"]) < stored.RUNTIMES
    assert differs("picture", drawn) < stored.RUNTIMES


def test_the_engine_wears_and_a_seed_gives_one_picture(
    exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_on_engines.check_seeds("viton_hd", exported.folder, monkeypatch)
