"""The reader of TorchScript files: what PyTorch writes, and files that it did not write."""

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: the extra convert")

from networks import convert, loading, torchscript  # noqa: E402 - they import PyTorch
from networks.densepose import torchscript as densepose  # noqa: E402
from tests.parity import torchscript_files as written  # noqa: E402

pytestmark = pytest.mark.parity

ONES: Final = np.ones(6, "<f4").tobytes()
WEIGHT: Final = written.tensor(b"\2\3", b"\3\1")


def read(file: Path) -> dict[str, Any]:
    return torchscript.read_torchscript(file)


def saved(network: Any, file: Path, *, frozen: bool = False) -> None:
    with warnings.catch_warnings():
        # That TorchScript is no longer developed.
        warnings.simplefilter("ignore")
        script = torch.jit.script(network.eval())
        torch.jit.save(torch.jit.freeze(script) if frozen else script, str(file))


class Layers(torch.nn.Module):  # type: ignore[misc,name-defined]
    """Attributes of many types, tensors of many kinds, and a layer with two names."""

    names: list[str]
    shares: dict[str, float]
    counts: dict[int, int]
    place: Any

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 2, 3).to(memory_format=torch.channels_last)
        self.second = torch.nn.ModuleList([self.first, torch.nn.BatchNorm2d(2)])
        self.register_buffer("rounded", torch.arange(4, dtype=torch.float16)[1:])
        self.register_buffer("precise", torch.ones(2, 3, dtype=torch.float64).T)
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("count", torch.tensor(7, dtype=torch.int32))
        self.names = ["a", "b"]
        self.shares = {"a": 0.5, "b": -1e300}
        self.counts = {-1: 2, 2**31 - 1: 3}
        self.sides = (3, 2**40)
        self.scales = [0.5, 2.0]
        self.place = torch.device("cpu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[name-defined]
        """Use every attribute, or some would not be saved."""
        y = self.second[1](self.first(x))
        grown = (
            y.sum() + self.rounded.sum() + self.precise.sum() + self.shares["a"] + self.scales[0]
        )
        times = len(self.names) * self.sides[1] * self.counts[-1]
        return grown * times * self.flags.sum() * self.count


def test_what_pytorch_writes_is_read(tmp_path: Path) -> None:
    network = Layers()
    saved(network, tmp_path / "file.pt")
    with zipfile.ZipFile(tmp_path / "file.pt") as archive:
        assert any(entry.compress_type == zipfile.ZIP_DEFLATED for entry in archive.infolist())
    state = network.state_dict()
    real = {key: value for key, value in state.items() if value.is_floating_point()}
    found = read(tmp_path / "file.pt")
    assert found.keys() == real.keys()
    assert "second.0.weight" in found
    for key, value in real.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)


def test_a_file_written_by_hand_is_read(tmp_path: Path) -> None:
    layer = written.module({"weight": WEIGHT, "bias": written.NONE})
    held = written.pickled(written.module({"layer": layer}))
    written.write(tmp_path / "file.pt", held, {"0": ONES})
    found = read(tmp_path / "file.pt")
    assert {key: value.tolist() for key, value in found.items()} == {
        "layer.weight": [[1.0] * 3] * 2
    }


class Evil:
    """Something that a pickle would execute."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (Path("executed"),)


def shared(depth: int) -> bytes:
    """Push modules of which each holds the next one twice: 2 ** depth names."""
    made = written.module({"weight": WEIGHT})
    for index in range(depth):
        keep, take = b"q%c" % index, b"h%c" % index
        made = written.module({"a": made + keep, "b": take})
    return made


LONG: Final = b"(" + b"N" * 9 + b"tq\0"
ITSELF: Final = b"c__torch__\nLayer\n)\x81q\0}(" + written.text("layer") + b"h\0ub"


@pytest.mark.parametrize(
    ("pushed", "reason"),
    [
        (pickle.dumps(Evil(), 2)[2:-1], "what is called has no name"),
        (b"cos\nsystem\n" + written.text("mkdir executed") + b"\x85R", "os.system is not expected"),
        (b"(" + written.text("mkdir executed") + b"ios\nsystem\n", "not written with this INST"),
        (b"\x95" + bytes(8) + b"N", "not written with this FRAME"),
        (
            written.text("os") + written.text("system") + b"\x93",
            "not written with this STACK_GLOBAL",
        ),
        (b"\x82\1", "not written with this EXT1"),
        (b"Nr\xff\xff\xff\x7f", "not written with this LONG_BINPUT"),
        (written.module({"weight": WEIGHT}) + b"0", "not written with this POP"),
        (b"]", "the attributes are no module's"),
        (WEIGHT, "the attributes are no module's"),
        (b"c__torch__\nLayer\n)\x81]b", "attributes have no names"),
        (b"c__torch__\nLayer\n)\x81}K\1Nsb", "str"),
        (written.module({"weight": written.tensor(b"\2\3", b"\3\1", key="1")}), "no item named"),
        (written.module({"weight": written.tensor(b"\7", b"\1")}), "more numbers than are in"),
        (written.module({"weight": written.tensor(b"\xff\xff", b"\0\0")}), "more numbers than"),
        (written.module({"weight": written.tensor(b"\6", b"\2")}), "out of bounds"),
        (
            written.module({"weight": written.tensor(b"\1", b"\1", kind=b"QInt8Storage")}),
            "torch.QInt8Storage is not expected",
        ),
        (
            written.module({"weight": written.tensor(b"\1", b"\1", kind=b"device")}),
            "a storage of no kind of numbers",
        ),
        (
            written.module({"weight": written.tensor(b"\1" * 65, b"\0" * 65)}),
            "sides are not a few numbers",
        ),
        (b"}" + written.nested(40) + b"Ns", "neither text nor a small number"),
        (b"}(" + written.nested(40) + b"Nu", "neither text nor a small number"),
        (b"}\x8a\x08" + b"\xff" * 7 + b"\x1f" + b"Ns", "neither text nor a small number"),
        (LONG + b"ctorch\ndevice\nh\0R", "positional arguments"),
        (LONG + b"ccollections\nOrderedDict\nh\0R", "positional arguments"),
        (LONG + b"ctorch._utils\n_rebuild_tensor_v2\nh\0R", "positional arguments"),
        (LONG + b"Q", "too many values to unpack"),
        (
            b"("
            + written.text("storage")
            + b"ctorch\nFloatStorage\n"
            + written.nested(2)
            + b"NNtQ",
            "a storage without a name",
        ),
        (b"(" + written.nested(40) + b"tQ", "passes on more than it holds"),
        (ITSELF, "without end"),
        (shared(40), "without end"),
    ],
)
def test_attributes_that_pytorch_does_not_write_are_refused(
    pushed: bytes, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written.write(tmp_path / "file.pt", written.pickled(pushed), {"0": ONES})
    with pytest.raises(
        loading.WrongWeightFile, match=r"file\.pt is not a TorchScript.*whole"
    ) as told:
        read(tmp_path / "file.pt")
    assert reason in str(told.value.__cause__)
    assert not Path("executed").exists()


HELD: Final = written.pickled(written.module({"weight": WEIGHT}))


@pytest.mark.parametrize("compressed", ["data.pkl", "data/0"])
def test_compressed_entries_are_not_unpacked(compressed: str, tmp_path: Path) -> None:
    file = tmp_path / "file.pt"
    written.write(file, HELD, {"0": ONES + bytes(50_000_000)}, compressed=compressed)
    with pytest.raises(loading.WrongWeightFile, match="not a TorchScript file") as told:
        read(file)
    assert f"{compressed} is compressed" in str(told.value.__cause__)


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.pt"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights/data.pkl", HELD)
        archive.writestr("weights/data/0", ONES * 100)
        archive.filelist.extend(archive.filelist[-1:] * 100)
    with pytest.raises(loading.WrongWeightFile, match="not a TorchScript file") as told:
        read(file)
    assert "larger than the file" in str(told.value.__cause__)


def test_attributes_beyond_all_bounds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written.write(tmp_path / "file.pt", HELD, {"0": ONES})
    monkeypatch.setattr(torchscript, "MOST_BYTES", len(HELD) - 1)
    with pytest.raises(loading.WrongWeightFile, match="not a TorchScript file") as told:
        read(tmp_path / "file.pt")
    assert "too many for attributes" in str(told.value.__cause__)


def test_other_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file.pt"
    torch.save({"weight": torch.ones(2)}, file)
    others = [file.read_bytes(), b"", b"weights" * 99]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme", b"weights")
    others.append(file.read_bytes())
    saved(torch.nn.Conv2d(1, 1, 1), file)
    whole = file.read_bytes()
    spoilt = bytearray(whole)
    spoilt[whole.index(b"data.pkl") + 200] ^= 255
    for content in (*others, whole[:-200], whole[200:], bytes(spoilt)):
        file.write_bytes(content)
        with pytest.raises(loading.WrongWeightFile, match="not a TorchScript file"):
            read(file)
    with pytest.raises(loading.WrongWeightFile, match="not a TorchScript file"):
        read(tmp_path / "missing.pt")


def test_a_frozen_file_holds_no_weights(tmp_path: Path) -> None:
    saved(torch.nn.Conv2d(1, 1, 1), tmp_path / "file.pt", frozen=True)
    with pytest.raises(loading.WrongWeightFile, match="no weights in its modules, as where"):
        read(tmp_path / "file.pt")


def test_another_networks_file_is_not_densepose(tmp_path: Path) -> None:
    stem = written.module({"conv1": written.module({"weight": WEIGHT, "other": WEIGHT})})
    for name in ("stem", "bottom_up", "backbone", "model"):
        stem = written.module({name: stem})
    written.write(tmp_path / "file.pt", written.pickled(stem), {"0": ONES})
    with pytest.raises(loading.WrongWeightFile) as told:
        convert.convert(densepose.__name__, "DensePose", tmp_path / "file.pt", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for sentence in (
        "not the weight file of DensePose: of 359 keys 358 keys are missing",
        "1 are not known (backbone.bottom_up.stem.conv1.other)",
        "backbone.bottom_up.stem.conv1.weight: (2, 3), not (64, 3, 7, 7)",
    ):
        assert sentence in str(told.value)
