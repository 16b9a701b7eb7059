"""The table of published networks: well formed, and true of what is in the code."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.kit.weights import manifest, published_networks
from services.kit.weights.published_networks import Network

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[5]
KNOWN = manifest.read(manifest.FOLDER).networks
ROW: dict[str, Any] = {
    "name": "net",
    "service": "viton",
    "engine": "viton_hd",
    "title": "The Net",
    "parameters": 10,
    "licence": "MIT",
    "commercial": True,
    "origin": "https://example.org",
    "files": ("net.pth",),
    "module": "networks.net",
    "file": "net.onnx",
}


@pytest.mark.parametrize("network", KNOWN, ids=lambda network: network.name)
def test_a_networks_service_engine_and_module_are_there(network: Network) -> None:
    engines = importlib.import_module(f"services.{network.service}.service").ENGINES
    assert network.engine in engines
    if network.module:
        path = ROOT.joinpath(*network.module.split("."))
        assert path.with_suffix(".py").is_file()
    readme = (ROOT / "services" / network.service / "README.md").read_text(encoding="utf-8")
    assert f"`{network.engine}`" in readme


def test_networks_are_in_the_order_of_their_names() -> None:
    names = [network.name for network in KNOWN]
    assert names == sorted(names)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Net"},
        {"name": "net__x"},
        {"parameters": 0},
        {"licence": ""},
        {"origin": "somewhere"},
        {"files": ()},
        {"sha256": "abc"},
        {"module": "os"},
        {"file": "../net.onnx"},
        {"min_bytes": 500, "max_bytes": 400},
        {"surprise": 1},
    ],
)
def test_a_network_that_cannot_be_meant_is_refused(change: dict[str, Any]) -> None:
    Network.model_validate(ROW)
    with pytest.raises(ValidationError):
        Network.model_validate(ROW | change)


def test_bounds_follow_the_parameters_unless_they_are_given() -> None:
    assert Network.model_validate(ROW).official_size_bounds() == (
        20,
        160 + published_networks.MAX_EXTRA_BYTES,
    )
    assert Network.model_validate(
        ROW | {"min_bytes": 5, "max_bytes": 7}
    ).official_size_bounds() == (5, 7)


@pytest.mark.parametrize("change", [{}, {"name": "other"}, {"file": "other.onnx"}])
def test_a_name_or_a_file_twice_is_refused(change: dict[str, Any]) -> None:
    networks = [Network.model_validate(ROW), Network.model_validate(ROW | change)]
    with pytest.raises(ValidationError, match="named twice"):
        manifest.Manifest(weights=(), npm={}, networks=tuple(networks))


def test_a_folder_without_the_table_has_no_networks(tmp_path: Path) -> None:
    assert published_networks.read(tmp_path) == ()
