"""Add a published network's weights: verify the user's file, convert it, record it.

The converter needs PyTorch and is imported by name: the gateway's command line imports this module
without a model runtime.
"""

import importlib
import shutil
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from services.kit.errors import (
    CannotConvert,
    InvalidOption,
    UnknownNetwork,
    WeightsMissing,
    WrongWeights,
)
from services.kit.model_commands.fetch import PARTIAL_FOLDER, Progress, exclusive_lock
from services.kit.model_commands.fetch_errors import CannotStore, convert_os_errors
from services.kit.weights import conversion_record, published_networks
from services.kit.weights.conversion_record import ConversionRecord, Precision
from services.kit.weights.manifest import Manifest
from services.kit.weights.published_networks import Network
from services.kit.weights.store import sha256

CONVERTER_PACKAGES: Final = ("torch", "onnx", "onnxruntime", "safetensors")
"""Packages that convert weights."""

RECORDED_PACKAGES: Final = ("tryon", *CONVERTER_PACKAGES)
"""Packages whose versions are recorded."""


@dataclass(frozen=True)
class CandidateFile:
    """A file that may be a network's official weight file."""

    network: Network
    """The network that the file was given for."""
    file: Path
    """The file."""
    sha256: str
    """SHA-256 of the file, in hexadecimal digits."""


def check_candidate(file: Path, name: str, manifest: Manifest) -> CandidateFile:
    """Check a file as far as possible without PyTorch.

    Raises UnknownNetwork for an unknown name, and WrongWeights if the file cannot be read, has
    another size than the network's or is not the published file.
    """
    network = _find_network(name, manifest)
    names = " or ".join(network.files)
    if file.is_dir():
        raise WrongWeights(f"{file} is a folder; name the file in it: {names}.")
    try:
        size = file.stat().st_size
        least, most = network.official_size_bounds()
        if not least <= size <= most:
            raise WrongWeights(
                f"{file} has {size:,} bytes, and the weights of {network.title} have "
                f"{least:,} to {most:,}: it is not {names}, or not all of it. Get it from "
                f"{network.origin} once more."
            )
        digest = sha256(file)
    except OSError as error:
        raise WrongWeights(f"Cannot read {file}: {error.strerror or error}.") from error
    if network.sha256 and digest != network.sha256:
        raise WrongWeights(
            f"{file} is not the published {names}: its sha256 is {digest}, that of the published "
            f"file {network.sha256}. Get it from {network.origin} once more."
        )
    return CandidateFile(network, file, digest)


def is_pytorch_installed() -> bool:
    """Return whether the packages that convert weights are installed."""
    return all(find_spec(package) for package in CONVERTER_PACKAGES)


def is_onnx_runtime_installed() -> bool:
    """Return whether ONNX Runtime is installed."""
    return find_spec("onnxruntime") is not None


def check_converter(
    network: Network, *, torch: bool = False, precision: Precision = "fp32"
) -> None:
    """Check that the packages that convert a network, or check its ONNX file, are installed.

    Raises CannotConvert if they are not. Raises InvalidOption if a network that is published as an
    ONNX file shall be kept for PyTorch (``torch``) or in another ``precision``.
    """
    if torch and not network.module:
        raise InvalidOption(
            f"{network.title} comes as an ONNX file, which PyTorch does not run; leave --torch out."
        )
    if precision != "fp32" and not network.module:
        raise InvalidOption(
            f"{network.title} comes as an ONNX file, which is copied as it is; leave --precision "
            "out."
        )
    if network.module and not is_pytorch_installed():
        raise CannotConvert(
            f"Converting the weights of {network.title} needs PyTorch, once, and it is not "
            "installed here: `bash run.sh models add` brings it, or install this project with its "
            "extra: pip install 'tryon[convert]'."
        )
    if not network.module and not is_onnx_runtime_installed():
        extra = network.service.replace("_", "-")
        raise CannotConvert(
            f"Checking the ONNX file of {network.title} needs ONNX Runtime, and it is not "
            "installed here: install this project with the extra of its service: "
            f"pip install 'tryon[{extra}]'."
        )


def licence_terms(network: Network) -> str:
    """Return a sentence about the licence of a network's weights."""
    use = "Commercial use is allowed." if network.commercial else "Commercial use is NOT allowed."
    return f"{network.title}: its weights are under {network.licence}. {use} See {network.origin}."


def add(
    candidate: CandidateFile,
    acknowledged: datetime,
    folder: Path,
    progress: Progress,
    *,
    torch: bool = False,
    precision: Precision = "fp32",
) -> Path:
    """Convert a checked file into ``folder``; return the path of the converted file.

    ``acknowledged`` is when the user acknowledged the licence. With ``torch`` the official state is
    kept too; without, an earlier one is removed, because it may be that of another file.
    ``precision`` is the number format of the converted weights. Raises WrongWeights, CannotConvert
    (also if the network's output changes too much in that format), InvalidOption, and
    WeightsMissing if the result cannot be stored. After an error the folder is unchanged.
    """
    network = candidate.network
    check_converter(network, torch=torch, precision=precision)
    target = folder / network.file
    work = folder / PARTIAL_FOLDER / network.file
    companion_sha256 = _hash_companions(candidate) if network.module else {}
    try:
        with convert_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with exclusive_lock(folder, progress):
            try:
                with convert_os_errors(work):
                    work.mkdir(parents=True, exist_ok=True)
                    ready = work / network.file
                    progress.phase(network.file, "converting" if network.module else "copying")
                    (_convert if network.module else _copy)(candidate, ready)
                    made: dict[Path, dict[str, Any]] = {ready: {}}
                    if precision != "fp32":
                        progress.phase(network.file, f"making {precision} of it")
                        made[ready] = _reduce_precision(candidate, ready, precision)
                    if torch:
                        made[_keep_official_state(candidate, work)] = {}
                    progress.phase(network.file, "checking")
                    for file, updates in made.items():
                        record = _record(
                            candidate, companion_sha256, acknowledged, file
                        ).model_copy(update=updates)
                        conversion_record.write(record, conversion_record.record_path(file))
                    _move_into_place(network, list(made), folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
                if work.parent.exists() and not any(work.parent.iterdir()):
                    work.parent.rmdir()
    except CannotStore as error:
        raise WeightsMissing(f"{error.reason}; {error.remedy}.") from error
    progress.finished(network.file)
    return target


def _find_network(name: str, manifest: Manifest) -> Network:
    for network in manifest.networks:
        if network.name == name:
            return network
    similar = published_networks.similar_names(name, manifest.networks)
    hint = f"did you mean {' or '.join(similar)}? " if similar else ""
    raise UnknownNetwork(
        f"There is no published network {name}: {hint}`bash run.sh models list` names them all."
    )


def _hash_companions(candidate: CandidateFile) -> dict[str, str]:
    """Hash the files that are read with the official one; return digests by name."""
    converter: Any = importlib.import_module("networks.convert")
    digests = {}
    for file in converter.companion_files(candidate.network.module, candidate.file):
        try:
            digests[file.name] = sha256(file)
        except OSError as error:
            raise WrongWeights(f"Cannot read {file}: {error.strerror or error}.") from error
    return digests


def _convert(candidate: CandidateFile, target: Path) -> None:
    converter: Any = importlib.import_module("networks.convert")
    try:
        converter.convert(candidate.network.module, candidate.network.title, candidate.file, target)
    except converter.WrongWeightFile as error:
        raise WrongWeights(str(error)) from error
    except converter.OutputsDiffer as error:
        raise CannotConvert(
            f"{error} Nothing was added; install PyTorch {converter.TESTED} and try again."
        ) from error


def _reduce_precision(
    candidate: CandidateFile, target: Path, precision: Precision
) -> dict[str, Any]:
    """Reduce a converted file's weights to ``precision``; return the fields of its record."""
    reducer: Any = importlib.import_module("networks.precision")
    try:
        found = reducer.reduce_precision(candidate.network.module, target, precision)
    except reducer.PrecisionTooLow as error:
        raise CannotConvert(
            f"{error} Nothing was added; leave --precision out to keep the weights whole, in fp32."
        ) from error
    return {"precision": precision, "psnr": found.psnr, "equal_labels": found.equal}


def _keep_official_state(candidate: CandidateFile, folder: Path) -> Path:
    """Keep the official state for PyTorch; the file was converted before and is the network's."""
    states: Any = importlib.import_module("networks.safetensors_states")
    target = folder / str(candidate.network.torch_file)
    states.write_state(candidate.network.module, candidate.file, target)
    return target


def _copy(candidate: CandidateFile, target: Path) -> None:
    sessions: Any = importlib.import_module("services.kit.runtimes.sessions")
    shutil.copyfile(candidate.file, target)
    try:
        sessions.onnx_session(target)
    except WeightsMissing as error:
        raise WrongWeights(
            f"{candidate.file} is not the ONNX file of {candidate.network.title}; get it from "
            f"{candidate.network.origin}."
        ) from error


def _move_into_place(network: Network, made: list[Path], folder: Path) -> None:
    """Move converted files and their records into ``folder``."""
    if network.torch_file:
        before = folder / network.torch_file
        before.unlink(missing_ok=True)
        conversion_record.record_path(before).unlink(missing_ok=True)
    for file in made:
        # The record first: until its file follows, the old file counts as damaged.
        conversion_record.record_path(file).replace(
            conversion_record.record_path(folder / file.name)
        )
        file.replace(folder / file.name)


def _record(
    candidate: CandidateFile, companion_sha256: dict[str, str], acknowledged: datetime, ready: Path
) -> ConversionRecord:
    return ConversionRecord(
        network=candidate.network.name,
        official=candidate.file.name,
        official_sha256=candidate.sha256,
        companion_sha256=companion_sha256,
        file=ready.name,
        size=ready.stat().st_size,
        sha256=sha256(ready),
        licence=candidate.network.licence,
        acknowledged=acknowledged,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    versions = {}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
