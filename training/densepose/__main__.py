"""Train and export services/densepose/parts.onnx: `python -m training.densepose WORK_DIR`.

The samples are drawn into WORK_DIR and kept there for the next run. Then the network is trained and
written with its digest. It needs an environment of its own: training/densepose/requirements.txt.
"""

import argparse
import hashlib
import re
from pathlib import Path
from typing import Final

import torch

from services.densepose import model
from services.densepose.inputs import CHANNELS, STRIDE
from training.densepose.draw import draw, read
from training.densepose.train import BATCH, train
from training.export import export

FILES: Final = 104
"""Files of 48 samples each that are drawn by default."""

STEPS: Final = 2500
"""Batches that training takes by default."""

SEED: Final = 1
"""Seed of the drawn people and of the first weights."""

AXES: Final = {
    "planes": {0: "people", 2: "height", 3: "width"},
    "parts": {0: "people", 2: "height", 3: "width"},
    "charts": {0: "people", 2: "half_height", 3: "half_width"},
}
"""Axes of free size."""


def main() -> None:
    """Read the command line, draw, train and write."""
    parser = argparse.ArgumentParser(prog="python -m training.densepose", description=__doc__)
    parser.add_argument("work_dir", type=Path)
    parser.add_argument("--files", type=int, default=FILES, help="of 48 samples (%(default)s)")
    steps = f"of {BATCH} samples (%(default)s)"
    parser.add_argument("--steps", type=int, default=STEPS, help=steps)
    parser.add_argument("--processes", type=int, default=2, help="that draw (%(default)s)")
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda")
    given = parser.parse_args()
    torch.set_num_threads(1)
    draw(given.work_dir, given.files, given.processes)
    net = train(list(read(given.work_dir, given.files)), given.steps, SEED, given.device)
    export(
        net.cpu(),
        torch.zeros(1, CHANNELS, 4 * STRIDE, 4 * STRIDE),
        model.FILE,
        name="planes",
        answers=("parts", "charts"),
        axes=AXES,
    )
    digest = hashlib.sha256(model.FILE.read_bytes()).hexdigest()
    code = Path(model.__file__)
    text = re.sub(r'(SHA256: Final = )".*"', rf'\1"{digest}"', code.read_text(encoding="utf-8"))
    code.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
