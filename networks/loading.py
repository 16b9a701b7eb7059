"""Reads official weight files, and loads them by their own keys or says why not."""

import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from networks import archives, pickle_check

SHOWN: Final = 4
"""Keys that an error names of each kind."""
LETTERS: Final = 80
"""Of a key that an error names."""
MOST_BYTES: Final = 8 * 1024 * 1024
"""Of a pickle, the numbers left out; those of the published networks have some 100 thousand."""
UNREADABLE: Final = (
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What PyTorch raises for files that it did not write."""
WRAPPERS: Final = ("state_dict", "params_ema", "params", "model")
"""Under one of these, some official files hold the state."""
PARALLEL: Final = "module."
"""What ``DataParallel`` puts before every key."""
BATCH_COUNTER: Final = "num_batches_tracked"
"""The part of a batch norm's state that PyTorch writes since 0.4.1; inference does not read it."""
BATCH_MEAN: Final = "running_mean"
"""Last part of the key of a running mean, which batch norms have."""

_OPCODES: Final = pickle_check.OPCODES | {"NEWOBJ", "BINPERSID", "SHORT_BINSTRING", "EMPTY_SET"}
"""Pickle opcodes that a state of tensors needs."""

_ZIP: Final = b"PK\x03\x04"
"""First bytes of a ZIP archive."""

_ATTRIBUTES: Final = "/data.pkl"
"""End of the name of the entry that holds the pickle."""

_PICKLES: Final = 5
"""In a file of before PyTorch 1.6: a mark, a version, the machine, the state, the storages."""


class NotTheWeights(Exception):
    """A file is not the weight file it was given as; the message says what to do."""


def read_torch(path: Path) -> dict[str, Tensor]:
    """Read a ``.pth`` file's state, tensors only: nothing in the file is executed.

    Takes the state out of the usual wrappers and ``DataParallel``'s prefix off its keys, if all
    have it. Raises NotTheWeights for a file that holds anything else, or tensors that are not plain
    numbers, one for every place.
    """
    try:
        _check(path)
        with warnings.catch_warnings():
            # Of old pickles: what they hold is looked at below.
            warnings.simplefilter("ignore")
            held = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise NotTheWeights(
            f"{path.name} is not a PyTorch file that holds tensors alone; take the file that the "
            "network's authors publish, whole and unchanged."
        ) from error
    for name in WRAPPERS:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    if not isinstance(held, Mapping) or not all(map(_is_named_tensor, held.items())) or not held:
        found = f" It holds {_some(held)}." if isinstance(held, Mapping) and held else ""
        raise NotTheWeights(
            f"{path.name} holds no state of a network: names with tensors.{found} Take the file "
            "that the network's authors publish, unchanged."
        )
    odd = [key for key, value in held.items() if not _is_plain(value)]
    if odd:
        raise NotTheWeights(
            f"{path.name} holds tensors that are sparse, quantised or without numbers "
            f"({_some(odd)}); take the file that the network's authors publish, unchanged."
        )
    parallel = all(key.startswith(PARALLEL) for key in held)
    return {key.removeprefix(PARALLEL) if parallel else key: held[key] for key in held}


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load ``state`` into ``network``, every key and no other, every shape as it should be.

    Numbers may have any precision, but must be real if the network's are, and whole if the
    network's are. A batch norm's counter may be absent, as in files of before PyTorch 0.4.1. Raises
    NotTheWeights naming the first keys that are missing, not known, of another shape or of another
    kind.
    """
    mismatches = _mismatches(network, state)
    if mismatches:
        raise NotTheWeights(
            f"This is not the weight file of {what}: of {len(network.state_dict())} keys "
            f"{'; '.join(mismatches)}."
        )
    network.load_state_dict(dict(state), strict=True)


def fits(network: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Say whether ``load_strictly`` would load ``state`` into ``network``."""
    return not _mismatches(network, state)


def _mismatches(network: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state and not _is_old_counter(key, state)]
    unknown = [key for key in state if key not in wanted]
    both = [(key, state[key], value) for key, value in wanted.items() if key in state]
    shaped = [
        f"{key}: {tuple(given.shape)}, not {tuple(value.shape)}"
        for key, given, value in both
        if given.shape != value.shape
    ]
    kinds = [
        f"{key}: {_kind(given)}, not {_kind(value)}"
        for key, given, value in both
        if given.is_complex() or given.is_floating_point() != value.is_floating_point()
    ]
    return [
        f"{len(keys)} {kind} ({_some(keys)})"
        for kind, keys in (
            ("keys are missing", missing),
            ("are not known", unknown),
            ("have another shape", shaped),
            ("have another kind of numbers", kinds),
        )
        if keys
    ]


def _is_old_counter(key: str, state: Mapping[str, Tensor]) -> bool:
    norm, _, name = key.rpartition(".")
    return name == BATCH_COUNTER and f"{norm}.{BATCH_MEAN}" in state


def renamed(
    state: Mapping[str, Tensor], rename: Callable[[str], str], what: str
) -> dict[str, Tensor]:
    """Name a state's tensors anew. Raises NotTheWeights if two of them come to have one name."""
    found = {rename(key): value for key, value in state.items()}
    if len(found) < len(state):
        raise NotTheWeights(
            f"{what} holds a tensor under two names; take the file that the network's authors "
            "publish, unchanged."
        )
    return found


def shortened(name: object) -> str:
    """Write a name out of a file for an error: not endless, no letters that steer a terminal."""
    text = str(name)
    whole = text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."
    return whole if whole.isprintable() else repr(whole)[1:-1]


def _some(names: Iterable[object]) -> str:
    listed = list(names)
    return ", ".join(map(shortened, listed[:SHOWN])) + (", ..." if len(listed) > SHOWN else "")


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _is_named_tensor(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and torch.is_tensor(item[1])


def _is_plain(value: Tensor) -> bool:
    odd = value.is_quantized or value.is_nested or value.is_meta
    return value.layout == torch.strided and not odd


def _check(path: Path) -> None:
    """Raise one of UNREADABLE for a file that PyTorch would make much more of than it is."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            file.seek(0)
            for _ in range(_PICKLES):
                pickle_check.check(file, MOST_BYTES, _OPCODES)
            return
    with zipfile.ZipFile(path) as archive:
        archives.check_sizes(archive, path)
        for entry in archive.infolist():
            archives.check_stored(entry)
        # PyTorch finds it by its letters, large or small.
        named = [x for x in archive.infolist() if x.orig_filename.lower().endswith(_ATTRIBUTES)]
        if len(named) != 1 or named[0].file_size > MOST_BYTES:
            raise zipfile.BadZipFile("it has not one pickle of the usual size")
        content = archive.read(named[0])
    pickle_check.check(BytesIO(content), len(content), _OPCODES)
