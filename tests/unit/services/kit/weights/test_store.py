"""The manifest, and finding weight files: cheap when nothing changed, never a wrong file."""

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from services.kit.errors import WeightsMissing
from services.kit.model_commands import commands, prepare
from services.kit.weights import manifest, store
from services.kit.weights.store import State
from tests.unit.services.kit.model_commands.weights_server import manifest as make_manifest
from tests.unit.services.kit.model_commands.weights_server import weight

pytestmark = pytest.mark.unit

CONTENT = b"some network" * 1000
URL = {"url": "https://example.org/net.bin"}
KNOWN = make_manifest(
    weight(CONTENT, URL), weight(b"other", URL, file="other.bin") | {"default": False}
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The settings' models folder, with ``net.bin`` of ``KNOWN`` in it."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path))
    for module in (store, commands):
        monkeypatch.setattr(module, "get_manifest", lambda: KNOWN)
    (tmp_path / "net.bin").write_bytes(CONTENT)
    return tmp_path


def test_finds_a_file_and_remembers_its_digest(folder: Path) -> None:
    assert store.find_weights("net.bin") == folder / "net.bin"
    [entry] = json.loads((folder / store.VERIFIED_FILE).read_text()).values()
    assert entry["size"] == len(CONTENT)


def test_a_recorded_file_is_not_hashed_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.find_weights("net.bin")
    hashed: list[Path] = []
    monkeypatch.setattr(store, "sha256", hashed.append)
    store.find_weights("net.bin")
    assert hashed == []
    (folder / "net.bin").touch()
    with pytest.raises(WeightsMissing):
        store.find_weights("net.bin")
    assert hashed == [folder / "net.bin"]


def test_another_file_of_the_same_size_is_refused(folder: Path) -> None:
    store.find_weights("net.bin")
    (folder / "net.bin").write_bytes(CONTENT[::-1])
    os.utime(folder / "net.bin", ns=(1, 1))
    with pytest.raises(WeightsMissing, match=r"net\.bin in .* models fetch net\.bin"):
        store.find_weights("net.bin")


def test_damage_that_leaves_size_and_time_is_found_by_hashing(folder: Path) -> None:
    file = folder / "net.bin"
    store.find_weights("net.bin")
    before = file.stat()
    file.write_bytes(CONTENT[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    [net, _] = store.states(folder, KNOWN, rehash=True)
    assert net[1] is State.DAMAGED
    with pytest.raises(WeightsMissing):
        store.find_weights("net.bin")


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("net.bin", "`bash run.sh models`"), ("other.bin", "`bash run.sh models fetch other.bin`")],
)
def test_a_missing_file_comes_with_its_remedy(folder: Path, name: str, remedy: str) -> None:
    (folder / "net.bin").unlink()
    with pytest.raises(WeightsMissing) as caught:
        store.find_weights(name)
    assert remedy in caught.value.message


def test_the_users_own_weights_are_taken_as_they_are(folder: Path) -> None:
    (folder / "own.pth").write_bytes(b"mine")
    assert store.find_weights("own.pth") == folder / "own.pth"
    with pytest.raises(WeightsMissing, match="put it there"):
        store.find_weights("others.pth")


@pytest.mark.parametrize("record", ["", "[]", '{"net.bin": 1}'])
def test_a_spoilt_record_costs_one_hashing(folder: Path, record: str) -> None:
    (folder / store.VERIFIED_FILE).write_text(record)
    assert store.find_weights("net.bin").exists()
    assert len(json.loads((folder / store.VERIFIED_FILE).read_text())) == 1


def test_commands_tell_the_state(folder: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(commands.app, ["verify"]).exit_code == 0
    listed = json.loads(runner.invoke(commands.app, ["list", "--json"]).stdout)
    assert {row["file"]: row["state"] for row in listed} == {
        "net.bin": "present",
        "other.bin": "missing",
    }
    shown = runner.invoke(commands.app, ["path", "net.bin"])
    assert shown.stdout.strip() == str(folder / "net.bin")
    (folder / "net.bin").write_bytes(CONTENT[:-1])
    verified = runner.invoke(commands.app, ["verify"])
    assert verified.exit_code == 1
    assert "net.bin: damaged" in verified.stdout
    refused = runner.invoke(commands.app, ["path", "net.bin"])
    assert refused.exit_code == 1


def test_the_projects_manifest_is_well_formed() -> None:
    known = manifest.read(manifest.FOLDER)
    assert {weight.prepare for weight in known.weights} - {None} == set(prepare.STEPS)
    locked = {source.npm for weight in known.weights for source in weight.sources if source.npm}
    wanted = json.loads((manifest.FOLDER / "package.json").read_text())["dependencies"]
    assert wanted == {name: known.npm[name].version for name in locked}
    for weight_file in known.weights:
        # A package is one address; a second keeps the default engines going if it is withdrawn.
        assert len(weight_file.sources) >= 2 or not weight_file.default or weight_file.made_from


@pytest.mark.parametrize(
    "change",
    [
        {"file": "../net.bin"},
        {"sha256": "abc"},
        {"size": 0},
        {"sources": ()},
        {"sources": ({"npm": "not-locked", "members": ("net",)},)},
        {"sources": ({"url": "https://example.org", "npm": "two-places"},)},
        {"sources": ({"pypi": "unpinned", "members": ("net",)},)},
        {"sources": ({"pypi": "net==1.0", "sdist": True, "members": ("net",)},)},
        {"sources": ({"npm": "net", "sdist": True, "sha256": 64 * "a", "members": ("net",)},)},
        {"prepare": "symbolic_size"},
        {"made_from": "other.bin"},
        {"sources": (), "made_from": "other.bin"},
        {"sources": (), "made_from": "other.bin", "prepare": "symbolic_size"},
        {"surprise": 1},
    ],
)
def test_a_manifest_that_cannot_be_meant_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_manifest(weight(CONTENT, URL) | change)
