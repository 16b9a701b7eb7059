"""Read official weight files and load them by their own keys."""

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
"""Keys of each kind that an error names."""

LETTERS: Final = 80
"""Characters of a key that an error shows."""

MOST_BYTES: Final = 8 * 1024 * 1024
"""Largest pickle in bytes, without tensor data; published networks have some 100 thousand."""

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
"""Exceptions that PyTorch raises for files that it did not write."""

WRAPPERS: Final = ("state_dict", "params_ema", "params", "model")
"""Keys under which some official files hold the state."""

PARALLEL: Final = "module."
"""Prefix that ``DataParallel`` gives to every key."""

BATCH_COUNTER: Final = "num_batches_tracked"
"""Last part of the key of a batch norm's counter, written since PyTorch 0.4.1, not read here."""

BATCH_MEAN: Final = "running_mean"
"""Last part of the key of a batch norm's running mean."""

_OPCODES: Final = pickle_check.OPCODES | {"NEWOBJ", "BINPERSID", "SHORT_BINSTRING", "EMPTY_SET"}
"""Pickle opcodes that a state of tensors needs."""

_ZIP: Final = b"PK\x03\x04"
"""First bytes of a ZIP archive."""

_ATTRIBUTES: Final = "/data.pkl"
"""Suffix of the name of the entry that holds the pickle."""

_PICKLES: Final = 5
"""Pickles in a file of PyTorch below 1.6: mark, version, machine, state, storages."""


class WrongWeightFile(Exception):
    """A file is not the expected weight file; the message holds a remedy."""


def read_torch(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a ``.pth`` file without executing anything in the file.

    Unwraps ``WRAPPERS``. Removes ``DataParallel``'s prefix if all keys have it. Raises
    WrongWeightFile for a file that holds anything but tensors, and for sparse, quantised, nested or
    meta tensors.
    """
    try:
        _check(path)
        with warnings.catch_warnings():
            # PyTorch warns of old pickles. Their content is checked below.
            warnings.simplefilter("ignore")
            held = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        raise WrongWeightFile(
            f"{path.name} is not a PyTorch file that holds tensors alone; take the file that the "
            "network's authors publish, whole and unchanged."
        ) from error
    for name in WRAPPERS:
        if isinstance(held, Mapping) and isinstance(held.get(name), Mapping):
            held = held[name]
            break
    if not isinstance(held, Mapping) or not all(map(_is_named_tensor, held.items())) or not held:
        found = f" It holds {_some(held)}." if isinstance(held, Mapping) and held else ""
        raise WrongWeightFile(
            f"{path.name} holds no state of a network: names with tensors.{found} Take the file "
            "that the network's authors publish, unchanged."
        )
    odd = [key for key, value in held.items() if not _is_plain(value)]
    if odd:
        raise WrongWeightFile(
            f"{path.name} holds tensors that are sparse, quantised or without numbers "
            f"({_some(odd)}); take the file that the network's authors publish, unchanged."
        )
    parallel = all(key.startswith(PARALLEL) for key in held)
    return {key.removeprefix(PARALLEL) if parallel else key: held[key] for key in held}


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load ``state`` into ``network``, with exactly the network's keys and shapes.

    Values may have any precision. Floating-point tensors must stay floating-point and integer
    tensors integer. A batch norm's counter may be absent, as in files of PyTorch below 0.4.1.
    Raises WrongWeightFile, which names the first keys that are missing, unknown, of another shape
    or of another kind.
    """
    mismatches = _mismatches(network, state)
    if mismatches:
        raise WrongWeightFile(
            f"This is not the weight file of {what}: of {len(network.state_dict())} keys "
            f"{'; '.join(mismatches)}."
        )
    network.load_state_dict(dict(state), strict=True)


def matches_layout(network: nn.Module, state: Mapping[str, Tensor]) -> bool:
    """Return whether ``load_strictly`` would load ``state`` into ``network``."""
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


def rename_tensors(
    state: Mapping[str, Tensor], rename: Callable[[str], str], what: str
) -> dict[str, Tensor]:
    """Rename a state's tensors. Raises WrongWeightFile if two of them get the same name."""
    found = {rename(key): value for key, value in state.items()}
    if len(found) < len(state):
        raise WrongWeightFile(
            f"{what} holds a tensor under two names; take the file that the network's authors "
            "publish, unchanged."
        )
    return found


def shorten_name(name: object) -> str:
    """Format a name from a file for an error: at most ``LETTERS`` long, without control codes."""
    text = str(name)
    whole = text if len(text) <= LETTERS else f"{text[: LETTERS - 3]}..."
    return whole if whole.isprintable() else repr(whole)[1:-1]


def _some(names: Iterable[object]) -> str:
    listed = list(names)
    return ", ".join(map(shorten_name, listed[:SHOWN])) + (", ..." if len(listed) > SHOWN else "")


def _kind(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _is_named_tensor(item: tuple[object, object]) -> bool:
    return isinstance(item[0], str) and torch.is_tensor(item[1])


def _is_plain(value: Tensor) -> bool:
    odd = value.is_quantized or value.is_nested or value.is_meta
    return value.layout == torch.strided and not odd


def _check(path: Path) -> None:
    """Raise one of UNREADABLE for a file that PyTorch would expand far beyond its size."""
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            file.seek(0)
            for _ in range(_PICKLES):
                pickle_check.check(file, MOST_BYTES, _OPCODES)
            return
    with zipfile.ZipFile(path) as archive:
        archives.check_total_size(archive, path)
        for entry in archive.infolist():
            archives.check_stored(entry)
        # PyTorch matches the name without regard to case.
        named = [x for x in archive.infolist() if x.orig_filename.lower().endswith(_ATTRIBUTES)]
        if len(named) != 1 or named[0].file_size > MOST_BYTES:
            raise zipfile.BadZipFile("it has not one pickle of the usual size")
        content = archive.read(named[0])
    pickle_check.check(BytesIO(content), len(content), _OPCODES)
