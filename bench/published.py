"""Measure the published networks with seeded weights: time, memory and files of each runtime.

``.venv/bin/python bench/published.py NAME ... [--size 1024 768] [--rounds 3] [--only fp32 fp16]``.
Each network is exported once, as by ``models add``. Then the runtimes take turns, so that other
load affects all of them equally. Every turn is a process of its own, one at a time. It loads the
network and runs it twice. The second run is timed; ``--cold`` times a single first run. The peak is
that of the process's resident memory. Seconds are medians of CPU seconds. A Markdown table is
printed. The extra ``convert`` is needed.

``bench/published.py all --device cuda --only PyTorch "PyTorch, TF32" --rounds 1`` measures a GPU.
Seconds are then medians of wall seconds, of five runs in each turn, with the copies to the GPU and
back. PyTorch's peak is that of GPU memory, and is marked so.
"""

import argparse
import gc
import importlib
import multiprocessing
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.kit.runtimes import sessions
from services.kit.weights import published_networks
from services.kit.weights.published_networks import Network

MODELS: Final = Path(__file__).resolve().parents[1] / "models"
"""Folder of the catalogue of networks."""

SIZES: Final = {
    "densepose_r_50_fpn_s1x": (1088, 800),
    "densepose_torchscript": (1088, 800),
    "hr_viton_spade": (1024, 768),
    "real_esrgan_x4": (256, 192),
    "srgan_x4": (256, 192),
    "viton_hd_alias": (1024, 768),
}
"""Input height and width for a picture of 1024 x 768; other networks have a fixed size."""
ALL: Final = "all"
"""Name that selects every network."""

PYTORCH: Final = "PyTorch"
"""The runtime PyTorch in float32."""

TF32: Final = "PyTorch, TF32"
"""The runtime PyTorch with TF32 switched on."""

RUNTIMES: Final = {
    PYTORCH: "state.safetensors",
    TF32: "state.safetensors",
    "fp32": "fp32.onnx",
    "fp32, arena": "fp32.onnx",
    "fp16": "fp16.onnx",
    "int8": "int8.onnx",
}
"""Runtime to the file that it reads.

All but PyTorch's are read by ONNX Runtime, without its memory arena unless the name says so. TF32
exists on GPUs only: convolutions round their factors to ten bits, which serving switches off.
"""

RUNS: Final = {"cpu": 1, "cuda": 5}
"""Device to the number of runs that are timed in a turn."""

DIGITS: Final = {"cpu": 2, "cuda": 4}
"""Device to the number of decimals of seconds in the tables."""


@dataclass(frozen=True)
class Turn:
    """What one turn of a runtime took."""

    seconds: float
    """Median of the timed runs."""
    peak: float
    """Highest memory in MB: resident memory, or the GPU's."""
    likeness: str = ""
    """Agreement with full precision; empty unless TF32 was measured."""


@dataclass(frozen=True)
class Made:
    """What was exported of a network."""

    size: tuple[int, int]
    """Height and width of the input, in pixels."""
    likeness: dict[str, str]
    """Precision to its agreement with fp32."""
    refused: set[str]
    """Precisions that agree too little to be kept."""


@dataclass(frozen=True)
class Plan:
    """How every network is measured."""

    runtimes: Sequence[str]
    """Keys of ``RUNTIMES``."""
    rounds: int
    """Turns of each runtime."""
    cold: bool
    """Measure the first run instead of later ones."""
    device: str
    """``cpu`` or ``cuda``."""


def main() -> None:
    """Read the command line, measure and print."""
    networks = published_networks.read(MODELS)
    known = {each.name: each for each in networks if each.module}
    parser = argparse.ArgumentParser(description=__doc__)
    choices = (ALL, *known)
    parser.add_argument(
        "names", nargs="+", choices=choices, metavar="NAME", help=", ".join(choices)
    )
    parser.add_argument("--size", nargs=2, type=int, help="height, width; some leave it not free")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--cold", action="store_true", help="no first run that is not timed")
    parser.add_argument("--only", nargs="+", choices=RUNTIMES)
    asked = parser.parse_args()
    on_gpu = asked.device == "cuda"
    runtimes = asked.only or [each for each in RUNTIMES if on_gpu or each != TF32]
    if TF32 in runtimes and not on_gpu:
        parser.error(f"{TF32} is of GPUs; add --device cuda")
    os.environ |= {"TRYON_THREADS": str(asked.threads), "TRYON_ONNX_PROVIDER": asked.device}
    print("| network | runtime | file, MB | seconds | of the first | peak, MB | against fp32 |")
    print("|---|---|---|---|---|---|---|")
    # A process for every turn, so that one's memory is not another's. PyTorch counts the GPU's by
    # itself, and a GPU takes seconds to start.
    shared = on_gpu and not asked.cold and {PYTORCH, TF32}.issuperset(runtimes)
    context = multiprocessing.get_context("spawn")
    plan = Plan(runtimes=runtimes, rounds=asked.rounds, cold=asked.cold, device=asked.device)
    with ProcessPoolExecutor(1, context, max_tasks_per_child=None if shared else 1) as processes:
        for name in known if ALL in asked.names else asked.names:
            with tempfile.TemporaryDirectory() as folder:
                measure(
                    processes,
                    known[name],
                    Path(folder),
                    tuple(asked.size) if asked.size else SIZES.get(name),
                    plan,
                )


def measure(
    processes: ProcessPoolExecutor,
    network: Network,
    folder: Path,
    size: tuple[int, int] | None,
    plan: Plan,
) -> None:
    """Export a network into ``folder``, run it as planned, and print its rows of the table."""
    made = processes.submit(_export, network, folder, size, plan.runtimes).result()
    device = plan.device
    turns: dict[str, list[Turn]] = {
        runtime: [] for runtime in plan.runtimes if runtime not in made.refused
    }
    for _ in range(plan.rounds):
        for runtime, taken in turns.items():
            turn = processes.submit(_turn, network, folder, runtime, device, cold=plan.cold)
            taken.append(turn.result())
    shown = f"{network.name}, {made.size[0]} x {made.size[1]}"
    first = None
    for runtime, taken in turns.items():
        seconds = statistics.median(each.seconds for each in taken)
        first = first or seconds
        megabytes = (folder / RUNTIMES[runtime]).stat().st_size / 1e6
        peak = statistics.median(each.peak for each in taken)
        where = " on the GPU" if _counted_on_gpu(runtime, device) else ""
        print(
            f"| {shown} | {runtime} | {megabytes:.1f} | {seconds:.{DIGITS[device]}f} "
            f"| {seconds / first:.2f} | {peak:.0f}{where} "
            f"| {made.likeness.get(runtime, taken[0].likeness)} |"
        )
    for runtime in made.refused:
        print(f"| {shown} | {runtime} | | | | | refused: {made.likeness[runtime]} |")
    sys.stdout.flush()


def _export(
    network: Network, folder: Path, size: tuple[int, int] | None, runtimes: Sequence[str]
) -> Made:
    """Write the files of all ``runtimes`` and the inputs."""
    from safetensors.torch import save_file  # noqa: PLC0415 - as below

    from networks import precision  # noqa: PLC0415 - PyTorch, where ONNX Runtime's memory counts
    from networks.export import to_onnx  # noqa: PLC0415 - as above
    from networks.seeded import seeded_weights  # noqa: PLC0415 - as above

    described = importlib.import_module(str(network.module)).SPEC
    state = seeded_weights(described)
    save_file(state, folder / RUNTIMES[PYTORCH])
    if not {PYTORCH, TF32}.issuperset(runtimes):
        built = described.build()
        built.load_state_dict(state)
        to_onnx(described, built, folder / RUNTIMES["fp32"])
    likeness: dict[str, str] = {}
    refused: set[str] = set()
    for kind in precision.PRECISIONS.keys() & set(runtimes):
        smaller = folder / RUNTIMES[kind]
        shutil.copyfile(folder / RUNTIMES["fp32"], smaller)
        try:
            likeness[kind] = str(precision.reduce_precision(str(network.module), smaller, kind))
        except precision.PrecisionTooLow as error:
            likeness[kind] = str(error.found)
            refused.add(kind)
    if size and described.axes:
        described = replace(described, size=size)
    inputs = zip(described.inputs, described.example(*described.size), strict=True)
    np.savez(folder / "inputs.npz", **{name: value.numpy() for name, value in inputs})
    return Made(described.size, likeness, refused)


def _turn(network: Network, folder: Path, runtime: str, device: str, *, cold: bool) -> Turn:
    with np.load(folder / "inputs.npz") as stored:
        inputs = dict(stored)
    file = folder / RUNTIMES[runtime]
    on_gpu = _counted_on_gpu(runtime, device)
    if runtime in {PYTORCH, TF32}:
        loader: Any = importlib.import_module("networks.session")
        threads = int(os.environ["TRYON_THREADS"])
        session = loader.load(network.module, network.title, file, device, threads)
    else:
        session = sessions.onnx_session(file, arena="arena" in runtime)
    likeness = _lower(session, network, inputs) if runtime == TF32 else ""
    if on_gpu:
        _forget_peak()
    if not cold:
        session.run(None, inputs)
    clock = time.process_time if device == "cpu" else time.perf_counter
    taken = []
    for _ in range(1 if cold else RUNS[device]):
        start = clock()
        session.run(None, inputs)
        taken.append(clock() - start)
    return Turn(statistics.median(taken), _peak(on_gpu=on_gpu), likeness)


def _counted_on_gpu(runtime: str, device: str) -> bool:
    return device == "cuda" and runtime in {PYTORCH, TF32}


def _lower(session: Any, network: Network, inputs: dict[str, NDArray[Any]]) -> str:
    """Let convolutions use TF32 from now on, and say how like before the answer is."""
    from torch.backends import cudnn  # noqa: PLC0415 - where PyTorch is measured alone

    from networks import precision  # noqa: PLC0415 - as above

    described = importlib.import_module(str(network.module)).SPEC
    whole = session.run(None, inputs)
    cudnn.conv.fp32_precision = "tf32"
    return str(precision.compare_outputs(described, whole, session.run(None, inputs)))


def _forget_peak() -> None:
    """Count the GPU's peak from what is held now."""
    from torch import cuda  # noqa: PLC0415 - where PyTorch is measured alone

    # What earlier turns in this process may have left.
    gc.collect()
    cuda.reset_peak_memory_stats()


def _peak(*, on_gpu: bool) -> float:
    """Say how many MB were in use at most."""
    if on_gpu:
        from torch import cuda  # noqa: PLC0415 - where PyTorch is measured alone

        return float(cuda.max_memory_allocated()) / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
