"""Measures the published networks with seeded weights: time, memory and files of each runtime.

``.venv/bin/python bench/published.py NAME ... [--size 1024 768] [--rounds 3] [--only fp32 fp16]``.
Each network is exported once, as ``models add`` exports it; then the runtimes take turns, so that
other work on the machine troubles all alike. Every turn is a process of its own, one at a time: it
loads the network and runs it twice, the second run is timed (``--cold`` times the first and only
one), and its peak is that of resident memory from its start to its end. Seconds are medians of CPU
seconds, on a GPU of wall seconds. Prints a Markdown table. Needs the extra convert.
"""

import argparse
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

from services.kit import published, sessions
from services.kit.published import Network

LEFT_OUT: Final = ("densepose_r_50_fpn_s1x", "densepose_torchscript")
"""With weights that mean nothing they find nobody, and so have nothing to do."""
MODELS: Final = Path(__file__).resolve().parents[1] / "models"
PYTORCH: Final = "PyTorch"
RUNTIMES: Final = {
    PYTORCH: "state.safetensors",
    "fp32": "fp32.onnx",
    "fp32, arena": "fp32.onnx",
    "fp16": "fp16.onnx",
    "int8": "int8.onnx",
}
"""The file that each reads; all but the first on ONNX Runtime, without its arena unless so called.
"""


@dataclass(frozen=True)
class Turn:
    """One timed run: wall and CPU seconds, and the process's peak of resident memory in MB."""

    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Made:
    """What was exported.

    ``size`` is height and width; ``likeness`` is how like fp32 the smaller ones answer, of which
    ``refused`` names those that are too far from it to be kept.
    """

    size: tuple[int, int]
    likeness: dict[str, str]
    refused: set[str]


def main() -> None:
    """Read the command line, measure and print."""
    networks = published.read(MODELS)
    known = {each.name: each for each in networks if each.module and each.name not in LEFT_OUT}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--size", nargs=2, type=int, help="height, width; some leave it not free")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--cold", action="store_true", help="no first run that is not timed")
    parser.add_argument("--only", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    asked = parser.parse_args()
    os.environ |= {"TRYON_THREADS": str(asked.threads), "TRYON_ONNX_PROVIDER": asked.device}
    print("| network | runtime | file, MB | seconds | of the first | peak, MB | against fp32 |")
    print("|---|---|---|---|---|---|---|")
    for name in asked.names:
        with tempfile.TemporaryDirectory() as folder:
            measure(
                known[name],
                Path(folder),
                tuple(asked.size) if asked.size else None,
                asked.only,
                rounds=asked.rounds,
                cold=asked.cold,
                device=asked.device,
            )


def measure(
    network: Network,
    folder: Path,
    size: tuple[int, int] | None,
    runtimes: Sequence[str],
    *,
    rounds: int,
    cold: bool,
    device: str,
) -> None:
    """Export a network into ``folder``, run it in every runtime, ``rounds`` times, and print."""
    context = multiprocessing.get_context("spawn")
    # A process for every turn, so that one's memory is not another's.
    with ProcessPoolExecutor(1, context, max_tasks_per_child=1) as processes:
        made = processes.submit(_export, network, folder, size, runtimes).result()
        turns: dict[str, list[Turn]] = {
            runtime: [] for runtime in runtimes if runtime not in made.refused
        }
        for _ in range(rounds):
            for runtime, taken in turns.items():
                turn = processes.submit(_turn, network, folder, runtime, device, cold=cold)
                taken.append(turn.result())
    shown = f"{network.name}, {made.size[0]} x {made.size[1]}"
    first = None
    for runtime, taken in turns.items():
        seconds = statistics.median(each.cpu if device == "cpu" else each.wall for each in taken)
        first = first or seconds
        megabytes = (folder / RUNTIMES[runtime]).stat().st_size / 1e6
        peak = statistics.median(each.peak for each in taken)
        print(
            f"| {shown} | {runtime} | {megabytes:.1f} | {seconds:.2f} | {seconds / first:.2f} "
            f"| {peak:.0f} | {made.likeness.get(runtime, '')} |"
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
    from networks.seeded import seeded_state  # noqa: PLC0415 - as above

    described = importlib.import_module(str(network.module)).PUBLISHED
    built = described.build()
    state = seeded_state(built.state_dict())
    built.load_state_dict(state)
    save_file(state, folder / RUNTIMES[PYTORCH])
    to_onnx(described, built, folder / RUNTIMES["fp32"])
    likeness: dict[str, str] = {}
    refused: set[str] = set()
    for kind in precision.PRECISIONS.keys() & set(runtimes):
        smaller = folder / RUNTIMES[kind]
        shutil.copyfile(folder / RUNTIMES["fp32"], smaller)
        try:
            likeness[kind] = str(precision.shrink(str(network.module), smaller, kind))
        except precision.TooFar as error:
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
    if runtime == PYTORCH:
        torch: Any = importlib.import_module("networks.session")
        threads = int(os.environ["TRYON_THREADS"])
        session = torch.load(network.module, network.title, file, device, threads)
    else:
        session = sessions.onnx_session(file, arena="arena" in runtime)
    if not cold:
        session.run(None, inputs)
    wall, cpu = time.perf_counter(), time.process_time()
    session.run(None, inputs)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Turn(wall, cpu, peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6)


if __name__ == "__main__":
    main()
