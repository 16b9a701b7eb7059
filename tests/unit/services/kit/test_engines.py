"""Choosing an engine by name."""

import importlib

import pytest

from services.kit import engines
from services.kit.errors import UnknownEngine
from tests.conftest import contracts

pytestmark = pytest.mark.unit

TABLE = {"mediapipe": lambda: "first", "body25": lambda: "second"}


def test_the_first_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRYON_HUMAN_PARSE_ENGINE", raising=False)
    assert engines.choose_loader("human_parse", TABLE)() == "first"


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRYON_HUMAN_PARSE_ENGINE", value)
    assert engines.choose_loader("human_parse", TABLE)() == "first"


def test_the_variable_chooses_for_its_service_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_HUMAN_PARSE_ENGINE", "body25")
    assert engines.choose_loader("human_parse", TABLE)() == "second"
    assert engines.choose_loader("openpose", TABLE)() == "first"


def test_an_unknown_name_lists_the_known_and_the_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_OPENPOSE_ENGINE", "MediaPip")
    with pytest.raises(UnknownEngine) as caught:
        engines.choose_loader("openpose", TABLE)
    assert caught.value.message == (
        "TRYON_OPENPOSE_ENGINE=MediaPip names no engine of the openpose service, "
        "which has: mediapipe, body25. Did you mean mediapipe?"
    )
    assert caught.value.stage == "openpose"


def test_a_name_like_none_of_them_gets_no_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_OPENPOSE_ENGINE", "zzz")
    with pytest.raises(UnknownEngine) as caught:
        engines.choose_loader("openpose", TABLE)
    assert "Did you mean" not in caught.value.message


@pytest.mark.parametrize("variable", ["TRYON_ENGINE_PRESET", "TRYON_PIPELINE"])
def test_a_preset_chooses_for_every_service(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "hr_viton")
    for service in services():
        monkeypatch.delenv(f"TRYON_{service.upper()}_ENGINE", raising=False)
        table = importlib.import_module(f"services.{service}.service").ENGINES
        own = engines.ENGINE_PRESETS["hr_viton"].get(service, next(iter(table)))
        assert engines.choose_loader(service, table) is table[own]


@pytest.mark.parametrize("preset", engines.ENGINE_PRESETS)
def test_a_preset_names_engines_that_there_are(preset: str) -> None:
    for service, engine in engines.ENGINE_PRESETS[preset].items():
        assert engine in importlib.import_module(f"services.{service}.service").ENGINES


def test_a_service_s_own_variable_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_ENGINE_PRESET", "viton_hd")
    monkeypatch.setenv("TRYON_HUMAN_PARSE_ENGINE", "mediapipe")
    assert engines.choose_loader("human_parse", TABLE)() == "first"


def test_an_unknown_preset_lists_the_known_and_the_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRYON_ENGINE_PRESET", "HR-VITON")
    with pytest.raises(UnknownEngine) as caught:
        engines.choose_loader("human_parse", TABLE)
    assert caught.value.message == (
        "TRYON_ENGINE_PRESET=HR-VITON names no engine preset; there are: viton_hd, hr_viton. "
        "Did you mean hr_viton?"
    )


def test_the_former_variable_counts_less_and_is_named_when_it_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRYON_PIPELINE", "magic")
    with pytest.raises(UnknownEngine, match="TRYON_PIPELINE=magic names no engine preset"):
        engines.choose_loader("human_parse", TABLE)
    monkeypatch.setenv("TRYON_ENGINE_PRESET", "viton_hd")
    assert engines.choose_loader("densepose", TABLE)() == "first"


def services() -> list[str]:
    return [contract.name for contract in contracts()]
