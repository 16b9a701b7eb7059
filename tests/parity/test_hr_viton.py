"""HR-VITON's networks and its whole test-time sequence against what the original gave.

``README.md`` tells how the reference was made. Set TRYON_PARITY_FULL=1 for 1024 x 768.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="the networks need PyTorch: the extra convert")

from networks import export, loading, seeded  # noqa: E402 - they import PyTorch
from networks.hr_viton import condition, spade  # noqa: E402
from networks.published import Published  # noqa: E402
from services.kit.settings import get_settings  # noqa: E402
from services.viton import hr_viton, published  # noqa: E402
from services.viton.hr_viton import Condition, Given  # noqa: E402
from services.viton.service import ENGINES  # noqa: E402
from tests.parity import runtimes, stored  # noqa: E402
from tests.parity.drawn_request import request  # noqa: E402
from tests.parity.try_on_inputs import FULL, SMALL, network_inputs, sequence_noise  # noqa: E402

pytestmark = [pytest.mark.parity, pytest.mark.timeout(1800)]

PUBLISHED: Final[Mapping[str, Published]] = {
    "condition": condition.PUBLISHED,
    "spade": spade.PUBLISHED,
}
NETWORKS: Final = tuple(PUBLISHED)
SIZE: Final = FULL if os.environ.get("TRYON_PARITY_FULL") == "1" else SMALL
State = dict[str, Any]


def tamed(state: State) -> State:
    """Weights of the first network that bend the garment little and give labels of every sort."""
    last = {key: value for key, value in state.items() if key.startswith("out_layer.")}
    made = state | seeded.seeded_state(last, 3)
    made["out_layer.scale.weight"] *= 0.03
    for key in made:
        if key.startswith("flow_conv.") and key.endswith(".weight"):
            made[key] = made[key] * 0.1
    return made


@pytest.fixture(scope="module")
def reference() -> dict[str, NDArray[Any]]:
    return stored.load("hr_viton" if SIZE == SMALL else "hr_viton_full")


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    networks = {name: network.build() for name, network in PUBLISHED.items()}
    for name, network in networks.items():
        state = seeded.seeded_state(network.state_dict())
        loading.load_strictly(network, tamed(state) if name == "condition" else state, name)
    return networks


@pytest.fixture(scope="module")
def exported(
    loaded: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, float]]:
    """Write the networks as the engine reads them, and keep the export's own differences."""
    folder = tmp_path_factory.mktemp("weights")
    worst = {
        name: export.to_onnx(network, loaded[name], folder / f"hr_viton_{name}.onnx")
        for name, network in PUBLISHED.items()
    }
    return folder, worst


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layout_is_the_original_s(
    name: str, loaded: dict[str, Any], reference: dict[str, NDArray[Any]]
) -> None:
    network = loaded[name]
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == int(reference[f"parameters_{name}"])
    assert stored.layout(network.state_dict()) == str(reference[f"layout_{name}"])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_gives_what_the_original_gave(
    name: str, loaded: dict[str, Any], reference: dict[str, NDArray[Any]]
) -> None:
    fed = [torch.from_numpy(value[None]) for value in network_inputs(name, *SIZE).values()]
    with torch.inference_mode():
        given = loaded[name](*fed)
    given = given if isinstance(given, tuple) else (given,)
    for key, value in zip(PUBLISHED[name].outputs, given, strict=True):
        expected = reference[f"network_{name}_{key}"]
        assert stored.difference(value[0].numpy(), expected) < stored.TOLERANCE, key


def test_keys_of_the_authors_earlier_code_are_read(tmp_path: Path) -> None:
    layout = spade.PUBLISHED.build().state_dict()
    earlier = {key.replace(".conv_gamma", ".Spade.conv_gamma"): key for key in layout}
    assert set(earlier) != set(layout)
    torch.save({key: torch.zeros(1) for key in earlier}, tmp_path / "gen.pth")
    assert set(spade.PUBLISHED.read(tmp_path / "gen.pth")) == set(layout)


def test_onnx_runtime_gives_what_pytorch_gives(exported: tuple[Path, dict[str, float]]) -> None:
    assert set(exported[1]) == set(NETWORKS)
    assert max(exported[1].values()) < stored.RUNTIMES


def test_weights_that_bend_the_garment_far_are_not_refused(tmp_path: Path) -> None:
    network = condition.PUBLISHED.build()
    network.load_state_dict(seeded.seeded_state(network.state_dict()))
    worst = export.to_onnx(condition.PUBLISHED, network, tmp_path / "condition.onnx")
    assert worst < stored.RUNTIMES


@runtimes.EACH
def test_the_sequence_gives_what_the_original_gave(
    runtime: str,
    loaded: dict[str, Any],
    exported: tuple[Path, dict[str, float]],
    reference: dict[str, NDArray[Any]],
) -> None:
    """The generator gets the original's labels, so that a tie decided otherwise ends there."""
    files = {name: exported[0] / f"hr_viton_{name}.onnx" for name in NETWORKS}
    run = runtimes.runs(runtime, PUBLISHED, loaded, files)
    given = Given.of(request(*SIZE))
    _, noises = sequence_noise(*SIZE)
    seen: dict[str, published.Planes] = {}

    def watched(**fed: published.Planes) -> tuple[published.Planes, ...]:
        seen.update(fed)
        return run["condition"](**fed)

    def differs(name: str, values: published.Planes) -> float:
        return stored.difference(values, reference[f"sequence_{name}"])

    told: Condition = hr_viton.foresee(watched, given)
    assert differs("garment_given", seen["garment"]) < stored.TOLERANCE
    assert differs("person_given", seen["person"]) < stored.TOLERANCE
    assert differs("flow", told.flow) < stored.RUNTIMES
    assert differs("scores", told.scores) < stored.RUNTIMES
    expected = reference["winners"]
    clear = np.unpackbits(reference["ties"], count=expected.size) == 0
    assert clear.mean() > 0.99
    winners = published.winners(told.scores)
    np.testing.assert_array_equal(winners.ravel()[clear], expected.ravel()[clear])

    garment = hr_viton.bend(given, told)
    assert differs("garment", garment) < stored.RUNTIMES
    drawn = hr_viton.draw(run["spade"], given, published.parts(expected), garment, noises)
    assert differs("picture", drawn) < stored.RUNTIMES


def test_the_engine_wears_and_a_seed_gives_one_picture(
    exported: tuple[Path, dict[str, float]], environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("TRYON_MODELS_DIR", str(exported[0]))
    asked = request(256, 128)
    held = []

    def wear(seed: str) -> NDArray[np.uint8]:
        environment.setenv("TRYON_VITON_SEED", seed)
        get_settings.cache_clear()
        service = ENGINES["hr_viton"]()
        # As long as one of them lives they share the sessions.
        held.append(service)
        assert service.engine == "hr_viton"
        image: NDArray[np.uint8] = service.handlers["TryOn"](asked).image
        return image

    first = wear("0")
    np.testing.assert_array_equal(first, wear("0"))
    assert (first != wear("1")).mean() > 0.1
