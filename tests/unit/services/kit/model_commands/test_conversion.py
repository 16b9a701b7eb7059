"""Adding published weights: what is checked, asked and recorded, without PyTorch."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from onnx import helper
from typer.testing import CliRunner, Result

from services.kit import consoles
from services.kit.errors import WeightsMissing
from services.kit.model_commands import commands, conversion, fetch
from services.kit.weights import conversion_record, store
from services.kit.weights.manifest import Manifest
from services.kit.weights.published_networks import Network
from services.kit.weights.store import State
from tests.unit.services.kit.model_commands.weights_server import digest
from tests.unit.services.kit.model_commands.weights_server import manifest as make_manifest

pytestmark = pytest.mark.unit

CONTENT = b"official weights" * 100


def network(**changes: Any) -> Network:
    row = {
        "name": "net_pth",
        "service": "viton",
        "engine": "viton_hd",
        "title": "The Net",
        "parameters": 400,
        "licence": "CC BY-NC 4.0",
        "commercial": False,
        "origin": "https://example.org/net",
        "files": ("net_final.pth",),
        "module": "networks.net",
        "file": "net.onnx",
    }
    return Network.model_validate(row | changes)


def onnx_file(file: Path) -> Path:
    number = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Relu", ["input"], ["output"])],
        "net",
        [helper.make_tensor_value_info("input", number, ["length"])],
        [helper.make_tensor_value_info("output", number, ["length"])],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(made, file)
    return file


class WrongWeightFile(Exception):
    pass


class OutputsDiffer(Exception):
    pass


def convert(module: str, title: str, source: Path, target: Path) -> float:
    """Stand in for PyTorch: the official file behind a few bytes."""
    assert (module, title) == ("networks.net", "The Net")
    target.write_bytes(b"onnx: " + source.read_bytes())
    return 0.0


def companion_files(module: str, source: Path) -> tuple[Path, ...]:
    """Stand in for PyTorch: what a reader of two files tells."""
    assert module == "networks.net"
    index = source.with_suffix(".index")
    return (index,) if index.exists() else ()


def write_state(module: str, source: Path, target: Path) -> None:
    """Stand in for PyTorch and safetensors."""
    assert module == "networks.net"
    target.write_bytes(b"state: " + source.read_bytes())


class PrecisionTooLow(Exception):
    pass


def reduce_precision(module: str, file: Path, precision: str) -> SimpleNamespace:
    """Stand in for ONNX and ONNX Runtime."""
    assert module == "networks.net"
    file.write_bytes(precision.encode() + file.read_bytes())
    return SimpleNamespace(psnr=51.26, equal=0.998)


@pytest.fixture
def known() -> Manifest:
    """Two networks: one that is converted, one that comes as ONNX."""
    copied = network(name="parsing_lip", file="lip.onnx", module=None, parameters=10)
    return make_manifest().model_copy(update={"networks": (network(), copied)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: Manifest) -> Path:
    """An empty weights folder, networks of ``known``, a converter that needs no PyTorch."""
    monkeypatch.setenv("TRYON_MODELS_DIR", str(tmp_path / "weights"))
    for module in (store, commands):
        monkeypatch.setattr(module, "get_manifest", lambda: known)
    monkeypatch.setattr(conversion, "is_pytorch_installed", lambda: True)
    fake = SimpleNamespace(
        companion_files=companion_files,
        convert=convert,
        WrongWeightFile=WrongWeightFile,
        OutputsDiffer=OutputsDiffer,
        TESTED="2.13",
    )
    monkeypatch.setitem(sys.modules, "networks.convert", fake)
    monkeypatch.setitem(
        sys.modules, "networks.safetensors_states", SimpleNamespace(write_state=write_state)
    )
    reducer = SimpleNamespace(reduce_precision=reduce_precision, PrecisionTooLow=PrecisionTooLow)
    monkeypatch.setitem(sys.modules, "networks.precision", reducer)
    return tmp_path / "weights"


@pytest.fixture
def official(tmp_path: Path) -> Path:
    file = tmp_path / "net_final.pth"
    file.write_bytes(CONTENT)
    return file


def add(file: Path, name: str = "net_pth", *options: str, typed: str | None = None) -> Result:
    command = ["add", str(file), "--as", name, *options]
    return CliRunner().invoke(commands.app, command, input=typed)


def left(folder: Path) -> set[str]:
    return (
        {path.name for path in folder.iterdir()} - {fetch.LOCK_FILE} if folder.exists() else set()
    )


def test_converts_records_and_finds(folder: Path, official: Path) -> None:
    before = datetime.now(UTC)
    done = add(official, "net_pth", "--accept-licence")
    assert done.exit_code == 0, done.output
    assert "CC BY-NC 4.0. Commercial use is NOT allowed." in done.stderr
    assert "TRYON_VITON_ENGINE=viton_hd" in done.stderr
    assert left(folder) == {"net.onnx", "net.onnx.json"}
    made = folder / "net.onnx"
    assert made.read_bytes() == b"onnx: " + CONTENT
    record = conversion_record.read(made)
    assert record is not None
    assert record.network == "net_pth"
    assert (record.official, record.official_sha256) == (official.name, digest(CONTENT))
    assert (record.size, record.sha256) == (len(CONTENT) + 6, digest(b"onnx: " + CONTENT))
    assert record.licence == "CC BY-NC 4.0"
    assert before.replace(microsecond=0) <= record.acknowledged <= datetime.now(UTC)
    assert "tryon" in record.versions
    assert store.find_weights("net.onnx") == made


def test_every_file_that_is_read_is_recorded(folder: Path, official: Path) -> None:
    official.with_suffix(".index").write_bytes(b"index")
    assert add(official, "net_pth", "--accept-licence", "--torch").exit_code == 0
    for name in ("net.onnx", "net.safetensors"):
        record = conversion_record.read(folder / name)
        assert record is not None
        assert record.official_sha256 == digest(CONTENT)
        assert record.companion_sha256 == {"net_final.index": digest(b"index")}


def test_a_record_of_an_earlier_version_is_read(folder: Path, official: Path) -> None:
    official.with_suffix(".index").write_bytes(b"index")
    assert add(official, "net_pth", "--accept-licence").exit_code == 0
    place = conversion_record.record_path(folder / "net.onnx")
    place.write_text(place.read_text().replace('"companion_sha256"', '"beside"'))
    record = conversion_record.read(folder / "net.onnx")
    assert record is not None
    assert record.companion_sha256 == {"net_final.index": digest(b"index")}


def test_a_file_beside_it_that_cannot_be_read(
    folder: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = official.with_suffix(".index")
    monkeypatch.setattr(sys.modules["networks.convert"], "companion_files", lambda *_: (gone,))
    done = add(official, "net_pth", "--accept-licence")
    assert done.exit_code == 1
    assert f"Cannot read {gone}: No such file" in done.stderr
    assert left(folder) == set()


@pytest.mark.usefixtures("folder")
def test_an_onnx_file_is_copied_and_needs_no_pytorch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "is_pytorch_installed", lambda: False)
    file = onnx_file(tmp_path / "parsing_lip.onnx")
    done = add(file, "parsing_lip", "--accept-licence")
    assert done.exit_code == 0, done.output
    assert store.find_weights("lip.onnx").read_bytes() == file.read_bytes()


def test_the_official_state_is_kept_where_pytorch_is_to_run_it(
    folder: Path, official: Path, known: Manifest
) -> None:
    done = add(official, "net_pth", "--accept-licence", "--torch")
    assert done.exit_code == 0, done.output
    assert "TRYON_RUNTIME=torch" in done.stderr
    kept = {"net.safetensors", "net.safetensors.json"}
    assert left(folder) == {"net.onnx", "net.onnx.json"} | kept
    state = store.find_torch_state(known.networks[0])
    assert state.read_bytes() == b"state: " + CONTENT
    record = conversion_record.read(state)
    assert record is not None
    assert (record.file, record.official_sha256) == (state.name, digest(CONTENT))
    assert record.sha256 == digest(state.read_bytes())
    assert store.find_weights("net.onnx").read_bytes() == b"onnx: " + CONTENT

    state.write_bytes(state.read_bytes()[::-1])
    with pytest.raises(WeightsMissing, match=r"models add FILE --as net_pth --torch`"):
        store.find_torch_state(known.networks[0])
    verified = CliRunner().invoke(commands.app, ["verify"])
    assert verified.exit_code == 1
    assert "net.onnx: present" in verified.stdout
    assert "net.safetensors: damaged" in verified.stdout
    assert "models add FILE --as net_pth --torch`" in verified.stderr

    # Of another file: it would not be the network that ONNX Runtime runs.
    official.write_bytes(CONTENT[::-1])
    assert add(official, "net_pth", "--accept-licence").exit_code == 0
    assert left(folder) - {store.VERIFIED_FILE} == {"net.onnx", "net.onnx.json"}
    with pytest.raises(WeightsMissing, match=r"net\.safetensors is not in"):
        store.find_torch_state(known.networks[0])


def test_pytorch_cannot_run_what_comes_as_onnx(folder: Path, tmp_path: Path) -> None:
    file = onnx_file(tmp_path / "parsing_lip.onnx")
    done = add(file, "parsing_lip", "--accept-licence", "--torch")
    assert done.exit_code == 1
    assert "leave --torch out" in done.stderr
    assert left(folder) == set()


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_weights_in_fewer_bits_are_the_same_engines(
    folder: Path, official: Path, precision: str
) -> None:
    done = add(official, "net_pth", "--accept-licence", "--precision", precision, "--torch")
    assert done.exit_code == 0, done.output
    assert f"Its weights are in {precision}, 0.0 MB" in done.stderr
    assert "a PSNR of 51.3 dB and 99.80% of the labels equal" in done.stderr
    made = folder / "net.onnx"
    assert store.find_weights("net.onnx") == made
    assert made.read_bytes() == precision.encode() + b"onnx: " + CONTENT
    record = conversion_record.read(made)
    assert record is not None
    assert (record.precision, record.psnr, record.equal_labels) == (precision, 51.26, 0.998)
    assert record.sha256 == digest(made.read_bytes())
    # What PyTorch runs is whole.
    kept = conversion_record.read(folder / "net.safetensors")
    assert kept is not None
    assert (kept.precision, kept.psnr) == ("fp32", None)
    assert (folder / "net.safetensors").read_bytes() == b"state: " + CONTENT

    [added, other] = json.loads(CliRunner().invoke(commands.app, ["list", "--json"]).stdout)
    assert (added["precision"], added["psnr"], added["equal_labels"]) == (precision, 51.26, 0.998)
    assert (other["precision"], other["psnr"], other["equal_labels"]) == (None, None, None)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(commands.app, ["list"]).stdout
    assert precision in shown

    assert add(official, "net_pth", "--accept-licence").exit_code == 0
    assert store.find_weights("net.onnx").read_bytes() == b"onnx: " + CONTENT
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(commands.app, ["list"]).stdout
    assert precision not in shown
    assert "fp32" in shown


def test_fewer_bits_that_change_the_answer_add_nothing(
    folder: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(official, "net_pth", "--accept-licence")

    def fail(*_: Any) -> None:
        raise PrecisionTooLow("It has 12 dB.")

    monkeypatch.setattr(sys.modules["networks.precision"], "reduce_precision", fail)
    official.write_bytes(CONTENT[::-1])
    done = add(official, "net_pth", "--accept-licence", "--precision", "int8")
    assert done.exit_code == 1
    assert "It has 12 dB. Nothing was added; leave --precision out" in done.stderr
    assert left(folder) - {store.VERIFIED_FILE} == {"net.onnx", "net.onnx.json"}
    assert store.find_weights("net.onnx").read_bytes() == b"onnx: " + CONTENT


def test_what_comes_as_onnx_is_not_kept_in_fewer_bits(folder: Path, tmp_path: Path) -> None:
    file = onnx_file(tmp_path / "parsing_lip.onnx")
    done = add(file, "parsing_lip", "--accept-licence", "--precision", "fp16")
    assert done.exit_code == 1
    assert "leave --precision out" in done.stderr
    assert left(folder) == set()


def test_a_precision_that_is_none(folder: Path, official: Path) -> None:
    done = add(official, "net_pth", "--accept-licence", "--precision", "int4")
    assert done.exit_code == 2
    assert "'int4' is not one of 'fp32'" in " ".join(done.stderr.split())
    assert left(folder) == set()


def test_a_record_from_before_there_were_precisions_is_of_fp32(
    folder: Path, official: Path
) -> None:
    add(official, "net_pth", "--accept-licence")
    place = conversion_record.record_path(folder / "net.onnx")
    record = json.loads(place.read_text())
    for name in ("companion_sha256", "precision", "psnr", "equal_labels"):
        del record[name]
    place.write_text(json.dumps(record))
    [added, _] = json.loads(CliRunner().invoke(commands.app, ["list", "--json"]).stdout)
    assert (added["state"], added["precision"]) == (State.PRESENT.value, "fp32")


def test_adding_again_replaces(folder: Path, official: Path) -> None:
    add(official, "net_pth", "--accept-licence")
    (folder / "net.onnx").write_bytes(b"spoilt")
    official.write_bytes(CONTENT[::-1])
    assert add(official, "net_pth", "--accept-licence").exit_code == 0
    assert store.find_weights("net.onnx").read_bytes() == b"onnx: " + CONTENT[::-1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("net_pt", "did you mean net_pth?"),
        ("NET-PTH", "did you mean net_pth?"),
        ("lip", "did you mean parsing_lip?"),
        ("zzzz", "There is no published network zzzz: `bash run.sh models list`"),
        ("", "`bash run.sh models list` names them all"),
    ],
)
def test_a_name_that_is_none(folder: Path, official: Path, name: str, hint: str) -> None:
    done = add(official, name, "--accept-licence")
    assert done.exit_code == 1
    assert hint in done.stderr
    assert left(folder) == set()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has 0 bytes, and the weights of The Net have 800 to"),
        (b"<html>sign in</html>", "it is not net_final.pth, or not all of it"),
        (bytes(17_000_000), "has 17,000,000 bytes"),
    ],
)
def test_a_file_of_another_size(
    folder: Path, official: Path, content: bytes, sentence: str
) -> None:
    official.write_bytes(content)
    done = add(official, "net_pth", "--accept-licence")
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert left(folder) == set()


def test_no_file_and_a_folder(folder: Path, tmp_path: Path) -> None:
    missing = add(tmp_path / "none.pth", "net_pth", "--accept-licence")
    assert missing.exit_code == 1
    assert "Cannot read" in missing.stderr
    assert "No such file" in missing.stderr
    given = add(tmp_path, "net_pth", "--accept-licence")
    assert given.exit_code == 1
    assert "is a folder; name the file in it: net_final.pth" in given.stderr
    assert left(folder) == set()


def test_not_the_published_file(
    folder: Path, official: Path, known: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinned = known.model_copy(update={"networks": (network(sha256=digest(b"published")),)})
    monkeypatch.setattr(commands, "get_manifest", lambda: pinned)
    done = add(official, "net_pth", "--accept-licence")
    assert done.exit_code == 1
    assert f"its sha256 is {digest(CONTENT)}, that of the published file" in done.stderr
    assert left(folder) == set()


def test_not_an_onnx_file(folder: Path, official: Path) -> None:
    done = add(official, "parsing_lip", "--accept-licence")
    assert done.exit_code == 1
    assert "is not the ONNX file of The Net" in done.stderr
    assert left(folder) == set()


def test_no_terminal_and_no_word_about_the_licence(folder: Path, official: Path) -> None:
    done = add(official)
    assert done.exit_code == 1
    assert "CC BY-NC 4.0" in done.stderr
    assert "Nothing was added: read that licence" in done.stderr
    assert "--accept-licence" in done.stderr
    assert left(folder) == set()


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_the_licence_is_asked_for_on_a_terminal(
    folder: Path,
    official: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    status: int,
) -> None:
    monkeypatch.setattr(commands, "is_interactive", lambda: True)
    done = add(official, typed=typed)
    assert done.exit_code == status
    assert "Do you keep to that licence?" in done.stderr
    assert ("the licence was not acknowledged" in done.stderr) == (status == 1)
    assert left(folder) == (set() if status else {"net.onnx", "net.onnx.json"})


def test_onnx_runtime_is_asked_for_before_the_licence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(package: str) -> object:
        return None if package in ("onnxruntime", "torch") else object()

    monkeypatch.setattr(conversion, "find_spec", find)
    monkeypatch.setattr(conversion, "is_pytorch_installed", lambda: False)
    done = add(onnx_file(tmp_path / "parsing_lip.onnx"), "parsing_lip")
    # Not what makes run.sh install PyTorch: that would not help.
    assert done.exit_code == consoles.EXIT_FAILED
    assert "needs ONNX Runtime" in done.stderr
    assert "pip install 'tryon[viton]'" in done.stderr
    assert "licence" not in done.stderr
    assert left(folder) == set()


def test_pytorch_is_asked_for_before_the_licence(
    folder: Path, official: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "is_pytorch_installed", lambda: False)
    done = add(official)
    # run.sh installs it then, and asks again.
    assert done.exit_code == commands.EXIT_NEEDS_PYTORCH
    assert "pip install 'tryon[convert]'" in done.stderr
    assert "licence" not in done.stderr
    assert left(folder) == set()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (WrongWeightFile("12 keys are missing."), "12 keys are missing."),
        (OutputsDiffer("It differs."), "It differs. Nothing was added; install PyTorch 2.13"),
        (OSError(28, "No space left on device"), "free some disk space"),
    ],
)
def test_a_conversion_that_fails_leaves_what_was_there(
    folder: Path,
    official: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    sentence: str,
) -> None:
    add(official, "net_pth", "--accept-licence")

    def fail(*_: Any) -> float:
        raise error

    monkeypatch.setattr(sys.modules["networks.convert"], "convert", fail)
    done = add(official, "net_pth", "--accept-licence")
    assert done.exit_code == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert left(folder) - {store.VERIFIED_FILE} == {"net.onnx", "net.onnx.json"}
    assert store.find_weights("net.onnx").exists()


def test_a_weights_folder_that_is_a_file(folder: Path, official: Path) -> None:
    folder.write_bytes(b"")
    done = add(official, "net_pth", "--accept-licence")
    assert done.exit_code == 1
    assert "cannot be written" in done.stderr


@pytest.mark.usefixtures("folder")
def test_a_missing_one_comes_with_its_remedy() -> None:
    with pytest.raises(WeightsMissing) as caught:
        store.find_weights("net.onnx")
    assert "get net_final.pth from https://example.org/net" in caught.value.message
    assert "`bash run.sh models add FILE --as net_pth`" in caught.value.message


def spoil_content(file: Path) -> None:
    file.write_bytes(file.read_bytes()[::-1])


def spoil_size(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def spoil_record(file: Path) -> None:
    conversion_record.record_path(file).write_text("{}")


def of_another_network(file: Path) -> None:
    record = json.loads(conversion_record.record_path(file).read_text())
    conversion_record.record_path(file).write_text(json.dumps(record | {"network": "parsing_lip"}))


@pytest.mark.parametrize(
    "spoil",
    [spoil_content, spoil_size, spoil_record, of_another_network],
    ids=lambda each: str(each.__name__),
)
def test_a_changed_one_is_told_as_damaged(folder: Path, official: Path, spoil: Any) -> None:
    add(official, "net_pth", "--accept-licence")
    store.find_weights("net.onnx")
    spoil(folder / "net.onnx")
    with pytest.raises(WeightsMissing, match=r"convert it again") as caught:
        store.find_weights("net.onnx")
    assert "models add FILE --as net_pth" in caught.value.message
    verified = CliRunner().invoke(commands.app, ["verify"])
    assert verified.exit_code == 1
    assert "net.onnx: damaged" in verified.stdout
    assert "models add FILE --as net_pth" in verified.stderr


def test_a_file_without_a_record_is_the_users_own(folder: Path) -> None:
    folder.mkdir()
    (folder / "net.onnx").write_bytes(b"mine")
    assert store.find_weights("net.onnx") == folder / "net.onnx"


@pytest.mark.usefixtures("folder")
def test_networks_are_listed(official: Path) -> None:
    add(official, "net_pth", "--accept-licence", "--torch")
    rows = json.loads(CliRunner().invoke(commands.app, ["list", "--json"]).stdout)
    [added, other] = rows
    assert added["name"] == "net_pth"
    assert (added["service"], added["engine"]) == ("viton", "viton_hd")
    assert added["used_by"] == ["viton: viton_hd"]
    assert added["parameters"] == 400
    assert (added["licence"], added["commercial"]) == ("CC BY-NC 4.0", False)
    assert (added["torch"], other["torch"]) == (State.PRESENT.value, State.MISSING.value)
    assert (added["state"], other["state"]) == (State.PRESENT.value, State.MISSING.value)
    assert added["sha256"] == digest(b"onnx: " + CONTENT)
    assert added["acknowledged"] is not None
    assert (other["size"], other["acknowledged"]) == (None, None)
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(commands.app, ["list"]).stdout
    assert "net_pth" in shown
    assert "not added" in shown
