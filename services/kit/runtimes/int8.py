"""Choose between the weight files of a network in float32 and in 8 bits."""

from pathlib import Path
from typing import Final

from services.kit.settings import get_settings

CPUINFO: Final = Path("/proc/cpuinfo")
"""Linux's description of the processor."""

FAST_FLAGS: Final = frozenset({"avx512_vnni", "avx_vnni"})
"""Instructions that add products of 8 bits in 32 at once.

With the first, u2net_cloth took 0.37 (384 x 384) and 0.34 (512 x 512) of the CPU time of float32,
SRGAN 0.28. Without them SRGAN took more than in float32 (``docs/ARCHITECTURE.md``).
"""


def choose_file(fp32: str, int8: str, cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the weight file that the settings and the processor call for.

    The 8-bit file is optional: the other is taken if it is not in the weights folder.
    """
    settings = get_settings()
    wanted = settings.precision == "auto" and settings.onnx_provider == "cpu"
    try:
        there = (settings.models_dir / int8).is_file()
    except OSError:
        # A folder that cannot be searched; finding the other file tells what to do.
        there = False
    return int8 if wanted and there and is_fast(cpuinfo) else fp32


def is_fast(cpuinfo: Path = CPUINFO) -> bool:
    """Return whether the first processor has one of ``FAST_FLAGS``; False if that is not known."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not FAST_FLAGS.isdisjoint(flags.split())
