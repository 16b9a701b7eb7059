"""Read the weights of a TorchScript file without running or compiling the file's code.

The file is a ZIP archive (https://docs.pytorch.org/docs/stable/jit.html). ``data.pkl`` holds the
modules' attributes and ``data/N`` the values, both without compression. Only code, which is not
read, may be compressed. ``torch.jit.load`` would compile that code.
"""

import math
import pickle
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from networks.archives import check_total_size, read_stored
from networks.loading import UNREADABLE, WrongWeightFile
from networks.pickle_check import OPCODES
from networks.pickles import Names, RestrictedUnpickler, make_mapping

MOST_BYTES: Final = 4 * 1024 * 1024
"""Largest ``data.pkl`` in bytes; DensePose's has 60 thousand."""

MOST_VALUES: Final = 100_000
"""Largest number of visits to attributes; nested shared modules multiply them."""

MOST_LETTERS: Final = 1000
"""Largest length of a qualified name; a module may contain itself."""

MOST_AXES: Final = 64
"""Largest number of axes of a tensor, PyTorch's own bound."""

_ATTRIBUTES: Final = "data.pkl"
"""Name of the entry that holds the pickle."""

_STORAGES: Final = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "BoolStorage": "?",
}
"""NumPy's data type of each storage class that modules hold."""

_TYPED: Final = (
    "build_boollist",
    "build_doublelist",
    "build_intlist",
    "build_tensorlist",
    "restore_type_tag",
)
"""Functions that tag lists and mappings with the types of their items."""

_OPCODES: Final = OPCODES | {"NEWOBJ", "BINPERSID"}
"""Pickle opcodes that an export needs."""


class _Module:
    """A module's attributes, without the module's class and code."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict):
            raise pickle.UnpicklingError("a module's attributes have no names")
        self.attributes = state


def _as_it_is(value: Any, _told: Any = None) -> Any:
    return value


def _tensor(
    storage: Tensor, offset: int, size: Sequence[int], stride: Sequence[int], _: Any, _hooks: Any
) -> Tensor:
    if len(size) > MOST_AXES or not all(isinstance(side, int) for side in size):
        # Their product would have no bound.
        raise pickle.UnpicklingError("a tensor's sides are not a few numbers")
    if math.prod(size) > storage.numel():
        # A stride of 0 would repeat one value in a copy of unbounded size.
        raise pickle.UnpicklingError("a tensor has more numbers than are in the file")
    return storage.as_strided(tuple(size), tuple(stride), offset)


_NAMES: Final[Names] = {
    ("collections", "OrderedDict"): make_mapping,
    ("torch", "device"): _as_it_is,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    **{("torch", name): kind for name, kind in _STORAGES.items()},
    **{("torch.jit._pickle", name): _as_it_is for name in _TYPED},
}
"""Replacement object for every (module, name) that an export may import."""


class _Attributes(RestrictedUnpickler):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        content = read_stored(archive, root + _ATTRIBUTES)
        if len(content) > MOST_BYTES:
            raise pickle.UnpicklingError(f"{len(content):,} bytes are too many for attributes")
        super().__init__(content, _NAMES, _OPCODES)
        self.archive = archive
        self.root = root
        self.storages: dict[tuple[str, str], Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Tensor:
        _, kind, key, _, _ = pid
        if kind not in _STORAGES.values():
            raise pickle.UnpicklingError("a storage of no kind of numbers")
        if not isinstance(key, str):
            raise pickle.UnpicklingError("a storage without a name")
        if (kind, key) not in self.storages:
            # A copy, because an array over bytes is read-only.
            numbers = np.frombuffer(
                read_stored(self.archive, self.root + "data/" + key), kind
            ).copy()
            self.storages[kind, key] = torch.from_numpy(numbers)
        return self.storages[kind, key]


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Read the floating-point tensors of a TorchScript file by their qualified names.

    A module with two names appears twice. Raises WrongWeightFile for another file, and for a frozen
    one, whose weights are not in the modules.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_total_size(archive, path)
            roots = [name for name in archive.namelist() if name.endswith(f"/{_ATTRIBUTES}")]
            held = _Attributes(archive, roots[0].removesuffix(_ATTRIBUTES)).load()
            state = _tensors(held)
    except (*UNREADABLE, OSError) as error:
        raise WrongWeightFile(
            f"{path.name} is not a TorchScript file, or not all of it; take the file that is "
            "published, whole and unchanged."
        ) from error
    if not state:
        raise WrongWeightFile(
            f"{path.name} holds no weights in its modules, as where it was frozen; take the file "
            "that is published, unchanged."
        )
    return state


def _tensors(held: Any) -> dict[str, Tensor]:
    if not isinstance(held, _Module):
        raise pickle.UnpicklingError("the attributes are no module's")
    found: dict[str, Tensor] = {}
    left = [("", held)]
    met = 0
    while left:
        before, module = left.pop()
        met += len(module.attributes)
        for name, value in module.attributes.items():
            key = before + name
            if met > MOST_VALUES or len(key) > MOST_LETTERS:
                raise pickle.UnpicklingError("modules hold each other without end")
            if isinstance(value, _Module):
                left.append((f"{key}.", value))
            elif isinstance(value, Tensor) and value.is_floating_point() and value.numel():
                found[key] = value
    return found
