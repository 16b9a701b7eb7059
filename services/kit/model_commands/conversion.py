"""Adds a published network's weights: checks the user's file, converts it once, records it.

The converter is PyTorch's and loaded by name: the gateway's command line adds weights too, and
knows no model runtime.
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
from services.kit.model_commands.fetch import PARTIAL, Progress, alone
from services.kit.model_commands.fetch_errors import CannotStore, storing
from services.kit.weights import conversion_record, published_networks
from services.kit.weights.conversion_record import ConversionRecord, Precision
from services.kit.weights.manifest import Manifest
from services.kit.weights.published_networks import Network
from services.kit.weights.store import sha256

CONVERTS: Final = ("torch", "onnx", "onnxruntime", "safetensors")
TOLD: Final = ("tryon", *CONVERTS)
"""Packages whose versions a record names."""


@dataclass(frozen=True)
class Offer:
    """A file that may be the official weight file of ``network``, with its digest."""

    network: Network
    file: Path
    sha256: str


def examine(file: Path, name: str, manifest: Manifest) -> Offer:
    """Check all that can be checked of a file without PyTorch.

    Raises UnknownNetwork for a name that is none, WrongWeights for a file that cannot be read, has
    not the size of that network's or is not the published one.
    """
    network = _find(name, manifest)
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
    return Offer(network, file, digest)


def pytorch_here() -> bool:
    """Whether what converts weights is installed."""
    return all(find_spec(package) for package in CONVERTS)


def onnx_runtime_here() -> bool:
    """Whether what runs ONNX files is installed."""
    return find_spec("onnxruntime") is not None


def check_converter(
    network: Network, *, torch: bool = False, precision: Precision = "fp32"
) -> None:
    """Raise CannotConvert where what converts a network, or reads its ONNX file, is not installed.

    InvalidOption where PyTorch is to run one (``torch``) that comes as an ONNX file, or such a one
    is to be kept in another ``precision``.
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
    if network.module and not pytorch_here():
        raise CannotConvert(
            f"Converting the weights of {network.title} needs PyTorch, once, and it is not "
            "installed here: `bash run.sh models add` brings it, or install this project with its "
            "extra: pip install 'tryon[convert]'."
        )
    if not network.module and not onnx_runtime_here():
        extra = network.service.replace("_", "-")
        raise CannotConvert(
            f"Checking the ONNX file of {network.title} needs ONNX Runtime, and it is not "
            "installed here: install this project with the extra of its service: "
            f"pip install 'tryon[{extra}]'."
        )


def terms(network: Network) -> str:
    """Say under what licence a network's weights are."""
    use = "Commercial use is allowed." if network.commercial else "Commercial use is NOT allowed."
    return f"{network.title}: its weights are under {network.licence}. {use} See {network.origin}."


def add(
    offer: Offer,
    acknowledged: datetime,
    folder: Path,
    progress: Progress,
    *,
    torch: bool = False,
    precision: Precision = "fp32",
) -> Path:
    """Convert an examined file into ``folder``; say where the result is.

    ``acknowledged`` is when the user acknowledged the licence. With ``torch`` the official state is
    kept too, for PyTorch to run; without, one from before goes, for it may be of another file.
    ``precision`` is what the converted weights are kept in. Raises WrongWeights, CannotConvert (as
    where the network's answer would be another in that precision), InvalidOption, or WeightsMissing
    if the result cannot be stored; the folder is then as before.
    """
    network = offer.network
    check_converter(network, torch=torch, precision=precision)
    target = folder / network.file
    work = folder / PARTIAL / network.file
    companion_sha256 = _hash_companions(offer) if network.module else {}
    try:
        with storing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with alone(folder, progress):
            try:
                with storing(work):
                    work.mkdir(parents=True, exist_ok=True)
                    ready = work / network.file
                    progress.phase(network.file, "converting" if network.module else "copying")
                    (_convert if network.module else _copy)(offer, ready)
                    made: dict[Path, dict[str, Any]] = {ready: {}}
                    if precision != "fp32":
                        progress.phase(network.file, f"making {precision} of it")
                        made[ready] = _shrink(offer, ready, precision)
                    if torch:
                        made[_keep(offer, work)] = {}
                    progress.phase(network.file, "checking")
                    for file, told in made.items():
                        record = _record(offer, companion_sha256, acknowledged, file).model_copy(
                            update=told
                        )
                        conversion_record.write(record, conversion_record.record_path(file))
                    _place(network, list(made), folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
                if work.parent.exists() and not any(work.parent.iterdir()):
                    work.parent.rmdir()
    except CannotStore as error:
        raise WeightsMissing(f"{error.reason}; {error.remedy}.") from error
    progress.finished(network.file)
    return target


def _find(name: str, manifest: Manifest) -> Network:
    for network in manifest.networks:
        if network.name == name:
            return network
    near = published_networks.similar_names(name, manifest.networks)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UnknownNetwork(
        f"There is no published network {name}: {hint}`bash run.sh models list` names them all."
    )


def _hash_companions(offer: Offer) -> dict[str, str]:
    """Hash the other files that are read with the official one: digests by name."""
    converter: Any = importlib.import_module("networks.convert")
    digests = {}
    for file in converter.companion_files(offer.network.module, offer.file):
        try:
            digests[file.name] = sha256(file)
        except OSError as error:
            raise WrongWeights(f"Cannot read {file}: {error.strerror or error}.") from error
    return digests


def _convert(offer: Offer, target: Path) -> None:
    converter: Any = importlib.import_module("networks.convert")
    try:
        converter.convert(offer.network.module, offer.network.title, offer.file, target)
    except converter.NotTheWeights as error:
        raise WrongWeights(str(error)) from error
    except converter.NotTheSame as error:
        raise CannotConvert(
            f"{error} Nothing was added; install PyTorch {converter.TESTED} and try again."
        ) from error


def _shrink(offer: Offer, target: Path, precision: Precision) -> dict[str, Any]:
    """Keep a converted file's weights in ``precision``; give what its record says of that."""
    shrinker: Any = importlib.import_module("networks.precision")
    try:
        found = shrinker.shrink(offer.network.module, target, precision)
    except shrinker.TooFar as error:
        raise CannotConvert(
            f"{error} Nothing was added; leave --precision out to keep the weights whole, in fp32."
        ) from error
    return {"precision": precision, "psnr": found.psnr, "equal_labels": found.equal}


def _keep(offer: Offer, folder: Path) -> Path:
    """Keep the state of a file that was converted, and so is the network's."""
    states: Any = importlib.import_module("networks.states")
    target = folder / str(offer.network.torch_file)
    states.keep(offer.network.module, offer.file, target)
    return target


def _copy(offer: Offer, target: Path) -> None:
    sessions: Any = importlib.import_module("services.kit.runtimes.sessions")
    shutil.copyfile(offer.file, target)
    try:
        sessions.onnx_session(target)
    except WeightsMissing as error:
        raise WrongWeights(
            f"{offer.file} is not the ONNX file of {offer.network.title}; get it from "
            f"{offer.network.origin}."
        ) from error


def _place(network: Network, made: list[Path], folder: Path) -> None:
    """Move what was made, and the records beside it, into ``folder``."""
    if network.torch_file:
        before = folder / network.torch_file
        before.unlink(missing_ok=True)
        conversion_record.record_path(before).unlink(missing_ok=True)
    for file in made:
        # The record first: a file that is not yet its own is told as damaged.
        conversion_record.record_path(file).replace(
            conversion_record.record_path(folder / file.name)
        )
        file.replace(folder / file.name)


def _record(
    offer: Offer, companion_sha256: dict[str, str], acknowledged: datetime, ready: Path
) -> ConversionRecord:
    return ConversionRecord(
        network=offer.network.name,
        official=offer.file.name,
        official_sha256=offer.sha256,
        companion_sha256=companion_sha256,
        file=ready.name,
        size=ready.stat().st_size,
        sha256=sha256(ready),
        licence=offer.network.licence,
        acknowledged=acknowledged,
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    versions = {}
    for package in TOLD:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
