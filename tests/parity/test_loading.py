"""The reader of ``.pth`` files: what PyTorch writes, and files that it did not write."""

import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, Final

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch: the extra convert")

from networks import loading  # noqa: E402 - it imports PyTorch
from networks.hr_viton import spade  # noqa: E402
from tests.parity import torchscript_files as written  # noqa: E402

pytestmark = pytest.mark.parity

REFUSED: Final = "is not a PyTorch file that holds tensors alone; take the file"
STORAGE: Final = written.text("storage")
ORDERED: Final = b"ccollections\nOrderedDict\n"
STEERING: Final = "\x1b[2J"


def network() -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.BatchNorm2d(2))


def saved(held: Any, folder: Path, *, old: bool = False) -> Path:
    torch.save(held, folder / "file.pth", _use_new_zipfile_serialization=not old)
    return folder / "file.pth"


def pickled(pushed: bytes, folder: Path, *, old: bool = False) -> Path:
    """Write a file of a pickle, as PyTorch writes it now or as it did before 1.6."""
    file = folder / "file.pth"
    held = written.pickled(pushed)
    if old:
        saved({}, folder, old=True)
        start = file.read_bytes()
        file.write_bytes(start[: start.rindex(b"\x80\2}q\0.")] + held + written.pickled(b"]"))
    else:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/data.pkl", held)
            archive.writestr("a/version", "3\n")
            archive.writestr("a/byteorder", "little")
    return file


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_what_pytorch_writes_is_read(tmp_path: Path, wrapper: str | None, *, old: bool) -> None:
    state = network().state_dict()
    optimiser = torch.optim.Adam(network().parameters())
    parallel = OrderedDict((f"module.{key}", value) for key, value in state.items())
    held = {wrapper: parallel, "epoch": 3, "optimiser": optimiser.state_dict(), "rate": (0.5, 2)}
    found = loading.read_torch(saved(held if wrapper else state, tmp_path, old=old))
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value) for key, value in state.items())


@pytest.mark.parametrize("old", [False, True])
def test_parameters_and_other_precisions_are_read(tmp_path: Path, *, old: bool) -> None:
    for kind in (torch.float16, torch.bfloat16, torch.float64):
        made = network().to(kind)
        held = OrderedDict(made.named_parameters()) | dict(made.named_buffers())
        read = loading.read_torch(saved(held, tmp_path, old=old))
        loaded = network()
        loading.load_strictly(loaded, read, "the net")
        assert torch.equal(loaded[0].weight, made[0].weight.float())


def test_keys_as_older_versions_write_them_are_read(tmp_path: Path) -> None:
    optimiser = {"state": {2**47 - each: {"step": 1} for each in range(3)}}
    held = {"state_dict": network().state_dict(), "optimiser": optimiser}
    assert len(loading.read_torch(saved(held, tmp_path))) == 7
    # An OrderedDict, by Python 2: it is called with a list of lists.
    pairs = ORDERED + b"](](" + written.text("epoch") + b"K\3ee\x85R"
    with pytest.raises(loading.WrongWeightFile, match="It holds epoch"):
        loading.read_torch(pickled(pairs, tmp_path))


def test_compressed_entries_are_not_unpacked(tmp_path: Path) -> None:
    file = saved({"weight": torch.zeros(5_000_000)}, tmp_path)
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    assert file.stat().st_size < 100_000
    with pytest.raises(loading.WrongWeightFile, match=REFUSED) as told:
        loading.read_torch(file)
    assert "is compressed" in str(told.value.__cause__)


def test_entries_that_overlap_are_refused(tmp_path: Path) -> None:
    file = saved({"weight": torch.zeros(500)}, tmp_path)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("a/more", b"")
        archive.filelist.extend(archive.filelist[:-1] * 10)
    with pytest.raises(loading.WrongWeightFile, match=REFUSED) as told:
        loading.read_torch(file)
    assert "larger than the file" in str(told.value.__cause__)


@pytest.mark.parametrize("other", ["b/data.pkl", "a/DATA.PKL"])
def test_a_second_pickle_is_refused(other: str, tmp_path: Path) -> None:
    file = pickled(b"}", tmp_path)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(other, written.pickled(b"}"))
    with pytest.raises(loading.WrongWeightFile, match=REFUSED) as told:
        loading.read_torch(file)
    assert "not one pickle" in str(told.value.__cause__)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("pushed", "reason"),
    [
        (b"}" + written.nested(40) + b"Ns", "a key is neither"),
        (b"}(" + written.nested(40) + b"Nu", "a key is neither"),
        (b"(" + STORAGE + b"N" + written.nested(40) + b"NNtQ", "passes on more"),
        (ORDERED + b"]]" + written.nested(40) + b"aNaa\x85R", "passes on more"),
        (written.nested(40) + b")R", "has no name"),
        (b")" + b"\x85" * 101, "too deep"),
        (b"K\1Q", "tuple"),
        (b"}\x8a\x08" + b"\xff" * 7 + b"\x1fNs", "a key is neither"),
        (b"]\x8a\x09" + bytes(8) + b"\1a", "more than 64 bits"),
        (b"\x85", "takes more than there is"),
        (b"\x95" + bytes(8) + b"N", "not written with this FRAME"),
    ],
)
def test_pickles_that_pytorch_does_not_write_are_refused(
    pushed: bytes, reason: str, tmp_path: Path, *, old: bool
) -> None:
    file = pickled(pushed, tmp_path, old=old)
    with pytest.raises(loading.WrongWeightFile, match=REFUSED) as told:
        loading.read_torch(file)
    assert reason in str(told.value.__cause__)


@pytest.mark.parametrize("old", [False, True])
def test_long_lists_are_not_passed_again_and_again(tmp_path: Path, *, old: bool) -> None:
    long = b"](" + b"]" * 5000 + b"e\x85q\0"
    calls = b"(" + (ORDERED + b"h\0R") * 50_000 + b"t"
    with pytest.raises(loading.WrongWeightFile, match=REFUSED):
        loading.read_torch(pickled(b"(" + long + calls + b"t", tmp_path, old=old))


@pytest.mark.parametrize("old", [False, True])
def test_pickles_beyond_all_bounds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    file = saved({"key": [1] * 500}, tmp_path, old=old)
    monkeypatch.setattr(loading, "MOST_BYTES", 400)
    with pytest.raises(loading.WrongWeightFile, match=REFUSED) as told:
        loading.read_torch(file)
    assert ("more than 400 bytes" if old else "the usual size") in str(told.value.__cause__)


@pytest.mark.parametrize("kind", ["sparse", "meta", "quantised"])
def test_tensors_that_are_not_plain_numbers_are_refused(kind: str, tmp_path: Path) -> None:
    weight = torch.ones(2, 3, 3, 3)
    if kind == "sparse":
        weight = weight.to_sparse()
    elif kind == "meta":
        weight = weight.to("meta")
    else:
        with warnings.catch_warnings():
            # That PyTorch is to lose them.
            warnings.simplefilter("ignore")
            weight = torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)
    file = saved(network().state_dict() | {"0.weight": weight}, tmp_path)
    with pytest.raises(
        loading.WrongWeightFile, match=r"sparse, quantised.*\(0\.weight\).*unchanged"
    ):
        loading.read_torch(file)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"0.weight": torch.ones(2, 3, 3, 3).long()}, r"0\.weight: int64, not float32"),
        ({"0.weight": torch.ones(2, 3, 3, 3) > 0}, r"0\.weight: bool, not float32"),
        ({"0.weight": torch.ones(2, 3, 3, 3) * 1j}, r"0\.weight: complex64, not float32"),
        ({"1.num_batches_tracked": torch.tensor(7.5)}, "float32, not int64"),
        ({"1.num_batches_tracked": torch.tensor(1j)}, "complex64, not int64"),
    ],
)
def test_numbers_of_another_kind_are_refused(changed: dict[str, Any], sentence: str) -> None:
    net = network()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with pytest.raises(
        loading.WrongWeightFile, match=f"1 have another kind of numbers.*{sentence}"
    ):
        loading.load_strictly(net, before | changed, "the net")
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_counters_of_batch_norms_may_be_absent() -> None:
    state = network().state_dict()
    del state["1.num_batches_tracked"]
    loaded = network()
    loading.load_strictly(loaded, state, "the net")
    assert torch.equal(loaded[0].weight, state["0.weight"])
    # But not beside other gaps of the same norm.
    del state["1.running_mean"]
    with pytest.raises(loading.WrongWeightFile, match="2 keys are missing"):
        loading.load_strictly(loaded, state, "the net")


def test_a_prefix_that_not_all_keys_have_is_left(tmp_path: Path) -> None:
    state = network().state_dict() | {"module.0.bias": torch.zeros(2)}
    read = loading.read_torch(saved(state, tmp_path))
    with pytest.raises(loading.WrongWeightFile, match=r"1 are not known \(module\.0\.bias\)"):
        loading.load_strictly(network(), read, "the net")


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (
            {"generator": {"a": torch.ones(1)}, "epoch": 3},
            "It holds generator, epoch. Take the file",
        ),
        ({"model": {"state_dict": {"a": torch.ones(1)}}}, "It holds state_dict. Take the file"),
        ({str(each): each for each in range(9)}, "It holds 0, 1, 2, 3, ..."),
        ({0: torch.ones(1), "0": torch.ones(1)}, "It holds 0, 0. Take the file"),
        ({"k" * 1000: 3, "epoch": 3}, "It holds " + "k" * 77 + "..., epoch. Take the file"),
        ({STEERING: 3}, r"It holds \x1b[2J. Take the file"),
        ({}, "names with tensors. Take the file"),
        ([torch.ones(1)], "names with tensors. Take the file"),
    ],
)
def test_what_is_found_in_the_place_of_a_state_is_told(
    held: Any, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(loading.WrongWeightFile, match="holds no state of a network") as told:
        loading.read_torch(saved(held, tmp_path))
    assert sentence in str(told.value)


def test_keys_that_are_told_are_short_and_steer_no_terminal() -> None:
    state = network().state_dict() | {"k" * 1_000_000: torch.ones(1), STEERING: torch.ones(1)}
    with pytest.raises(loading.WrongWeightFile) as told:
        loading.load_strictly(network(), state, "the net")
    assert len(str(told.value)) < 300
    assert r"kkk..., \x1b[2J)" in str(told.value)


def test_two_keys_do_not_become_one(tmp_path: Path) -> None:
    held = {"up.Spade.weight": torch.ones(1), "up.weight": torch.zeros(1)}
    file = saved(held, tmp_path)
    with pytest.raises(loading.WrongWeightFile, match="a tensor under two names; take"):
        spade.SPEC.read(file)
