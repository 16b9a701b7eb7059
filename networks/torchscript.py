"""Reads the weights out of a TorchScript file, without running or compiling any of its code.

The file is a ZIP archive (https://docs.pytorch.org/docs/stable/jit.html): ``data.pkl`` holds the
modules' attributes, ``data/N`` the numbers, both as they are; only code, which is not looked at,
may be compressed. ``torch.jit.load`` would compile that code.
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

from networks.archives import check_sizes, stored
from networks.loading import UNREADABLE, NotTheWeights
from networks.pickle_check import OPCODES
from networks.pickles import Known, Names, mapping

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of the attributes; those of DensePose have 60 thousand."""
MOST_VALUES: Final = 100_000
"""Attributes that are looked at, each time that they are met: modules may be shared without end."""
MOST_LETTERS: Final = 1000
"""Of a name, those of the modules around it included: modules may hold themselves."""
MOST_AXES: Final = 64
"""Of a tensor: PyTorch's own bound."""
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
"""Of PyTorch's kinds of numbers, those that modules hold, as NumPy writes them."""
_TYPED: Final = (
    "build_boollist",
    "build_doublelist",
    "build_intlist",
    "build_tensorlist",
    "restore_type_tag",
)
"""What wraps lists and mappings to tell the types of what is in them."""
_OPCODES: Final = OPCODES | {"NEWOBJ", "BINPERSID"}
"""Pickle opcodes that an export needs."""


class _Module:
    """A module's attributes; its class, and so its code, is left in the file."""

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
        # Their product could be of any length.
        raise pickle.UnpicklingError("a tensor's sides are not a few numbers")
    if math.prod(size) > storage.numel():
        # It could be made of one number, and grow without end where it is copied.
        raise pickle.UnpicklingError("a tensor has more numbers than are in the file")
    return storage.as_strided(tuple(size), tuple(stride), offset)


_NAMES: Final[Names] = {
    ("collections", "OrderedDict"): mapping,
    ("torch", "device"): _as_it_is,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    **{("torch", name): kind for name, kind in _STORAGES.items()},
    **{("torch.jit._pickle", name): _as_it_is for name in _TYPED},
}
"""Official names of the modules, by those in the export."""


class _Attributes(Known):
    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        content = stored(archive, root + _ATTRIBUTES)
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
            # An array of its own: what was read as bytes cannot be written to.
            numbers = np.frombuffer(stored(self.archive, self.root + "data/" + key), kind).copy()
            self.storages[kind, key] = torch.from_numpy(numbers)
        return self.storages[kind, key]


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Read the real-valued tensors of a TorchScript file, as they are, by their modules' names.

    Modules with two names are in it twice. Raises NotTheWeights for a file that is none, or whose
    weights are not in its modules, as where it was frozen.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_sizes(archive, path)
            roots = [name for name in archive.namelist() if name.endswith(f"/{_ATTRIBUTES}")]
            held = _Attributes(archive, roots[0].removesuffix(_ATTRIBUTES)).load()
            state = _tensors(held)
    except (*UNREADABLE, OSError) as error:
        raise NotTheWeights(
            f"{path.name} is not a TorchScript file, or not all of it; take the file that is "
            "published, whole and unchanged."
        ) from error
    if not state:
        raise NotTheWeights(
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
