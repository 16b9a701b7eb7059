"""What the published try-on engines' tests share: networks with seeded weights, and checks."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from networks import export, loading, seeded
from networks.conversion_spec import ConversionSpec
from services.viton.service import ENGINES
from tests.conftest import forget_settings
from tests.parity import stored
from tests.parity.drawn_request import request
from tests.parity.try_on_inputs import FULL, SMALL, network_inputs

SIZE: Final = FULL if os.environ.get("TRYON_PARITY_FULL") == "1" else SMALL
"""Height and width of pictures."""
State = dict[str, Any]
Reference = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Exported:
    """Networks as an engine reads them, and how far ONNX Runtime's answer was from PyTorch's."""

    folder: Path
    files: Mapping[str, Path]
    worst: float


def reference(engine: str) -> Reference:
    """Read what the engine's original gave."""
    return stored.load(engine if SIZE == SMALL else f"{engine}_full")


def loaded(
    networks: Mapping[str, ConversionSpec], changed: Callable[[str, State], State]
) -> dict[str, Any]:
    """Build networks with seeded weights, each state changed by name."""
    built = {name: network.build() for name, network in networks.items()}
    for name, network in built.items():
        state = changed(name, seeded.seeded_state(network.state_dict()))
        loading.load_strictly(network, state, name)
    return built


def exported(
    engine: str, networks: Mapping[str, ConversionSpec], built: Mapping[str, Any], folder: Path
) -> Exported:
    """Write what ``loaded`` gave to ``folder``."""
    files = {name: folder / f"{engine}_{name}.onnx" for name in networks}
    worst = [export.to_onnx(networks[name], built[name], file) for name, file in files.items()]
    return Exported(folder, files, max(worst))


def answers(name: str, network: Any) -> list[NDArray[np.float32]]:
    """Run a network on its inputs of ``try_on_inputs``."""
    fed = [torch.from_numpy(value[None]) for value in network_inputs(name, *SIZE).values()]
    with torch.inference_mode():
        given = network(*fed)
    return [value[0].numpy() for value in (given if isinstance(given, tuple) else (given,))]


def check_layout(name: str, network: Any, original: Reference) -> None:
    """Hold a network's parameters, keys and shapes to the original's."""
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == int(original[f"parameters_{name}"])
    assert stored.layout(network.state_dict()) == str(original[f"layout_{name}"])


def check_winners(winners: NDArray[np.uint8], original: Reference) -> None:
    """Hold a label map to the original's wherever that was no tie."""
    expected = original["winners"]
    clear = np.unpackbits(original["ties"], count=expected.size) == 0
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(winners.ravel()[clear], expected.ravel()[clear])


def check_seeds(engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the service wear a garment: one seed gives one picture, and the answer fits it."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(folder))
    asked = request(256, 128)
    held = []

    def wear(seed: str) -> NDArray[np.uint8]:
        monkeypatch.setenv("TRYON_VITON_SEED", seed)
        forget_settings()
        service = ENGINES[engine]()
        # As long as one of them lives they share the sessions.
        held.append(service)
        assert service.engine == engine
        answer = service.handlers["TryOn"](asked)
        assert not answer.flow.any()
        assert not answer.garment_alpha.any()
        changed = (answer.image != asked.person).any(axis=2)
        np.testing.assert_array_equal(answer.edit_mask > 0, changed)
        image: NDArray[np.uint8] = answer.image
        return image

    first = wear("0")
    np.testing.assert_array_equal(first, wear("0"))
    assert (first != wear("1")).mean() > 0.1
