"""Train the network of garment attributes: ``python -m training.garment.train --out DIR``.

The examples are drawn once and kept in DIR. After the training the accuracy on garments of another
seed is printed and ``garment.onnx`` is written. The same arguments give the same network on the
same machine and version of PyTorch.
"""

import argparse
import multiprocessing
import os
import pickle
import time
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from services.cloth_mask.attributes import SIDE
from training.export import export
from training.garment.examples import UNKNOWN, Example, changed, example
from training.garment.network import HEADS, Answer, GarmentNet, expected

HELD_OUT: Final = 1
"""Added to the seed for the garments that are only measured on."""

CHECKED: Final = 600
"""Number of held-out drawings."""

BATCH: Final = 128
"""Batch size."""

RATE: Final = 3e-3
"""Highest learning rate of AdamW."""

DECAY: Final = 1e-3
"""Weight decay of AdamW."""

WIDTH: Final = 1.1
"""Spread of a landmark's heat, in cells of the heat map."""

SLEEVES_COUNT: Final = 2.0
"""Weight of the sleeves' classes relative to the others."""

WEIGHTS: Final = {"heat": 0.4, "place": 12.0, "classes": 0.5, "reach": 1.0, "there": 0.5}
"""Weight of each term of the loss."""


def main() -> None:
    """Draw, train, measure, export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8000, help="garments to draw")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2, help="that draw and change examples")
    parser.add_argument("--device", type=torch.device, default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    # Every process has a core of its own.
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    # Without it matrix products on a GPU are not reproducible.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True)
    draws = partial(drawn, arguments.out, processes=arguments.processes)
    seen = draws(arguments.seed, arguments.count)
    unseen = draws(arguments.seed + HELD_OUT, CHECKED)
    network = GarmentNet().to(arguments.device)
    train(
        network,
        seen,
        unseen,
        epochs=arguments.epochs,
        seed=arguments.seed,
        processes=arguments.processes,
    )
    export(
        Answer(network).cpu(),
        torch.zeros(1, 4, SIDE, SIDE),
        arguments.out / "garment.onnx",
        name="garment",
        answers=("landmarks", "classes", "reach"),
    )


def drawn(folder: Path, seed: int, count: int, processes: int) -> list[Example]:
    """Return the examples of a seed, drawn before or now."""
    file = folder / f"examples-{seed}-{count}.pickle"
    if not file.exists():
        with multiprocessing.Pool(processes) as pool:
            made = pool.map(partial(example, seed), range(count), chunksize=50)
        file.write_bytes(pickle.dumps(made))
    loaded: list[Example] = pickle.loads(file.read_bytes())  # noqa: S301 - written above
    return loaded


class Views(Dataset[tuple[Tensor, ...]]):  # type: ignore[misc]
    """Augmented views of the examples; seed, epoch and index determine a view."""

    def __init__(self, examples: list[Example], seed: int, epoch: int) -> None:
        self.examples, self.seed, self.epoch = examples, seed, epoch

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        arrays = changed(self.examples[index], rng)
        return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)


def train(
    network: GarmentNet,
    seen: list[Example],
    unseen: list[Example],
    *,
    epochs: int,
    seed: int,
    processes: int,
) -> None:
    """Train in place and print the held-out accuracy after every epoch."""
    network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY)
    steps = epochs * (len(seen) // BATCH)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    start = time.monotonic()
    for epoch in range(epochs):
        network.train()
        order = torch.Generator().manual_seed(seed + epoch)
        batches = DataLoader(
            Views(seen, seed, epoch),
            BATCH,
            shuffle=True,
            generator=order,
            drop_last=True,
            num_workers=processes,
        )
        total = 0.0
        for batch in batches:
            optimiser.zero_grad()
            found = loss(network, batch)
            found.backward()
            optimiser.step()
            rates.step()
            total += float(found.detach())
        took = time.monotonic() - start
        print(f"{epoch + 1}: loss {total / len(batches):.3f}, {took:.0f} s", flush=True)
        print("   " + measure(network, unseen, seed), flush=True)


def _sent(batch: list[Tensor], network: GarmentNet) -> list[Tensor]:
    """Return a batch on the network's device."""
    device = network.heat.weight.device
    return [part.to(device) for part in batch]


def loss(network: GarmentNet, batch: list[Tensor]) -> Tensor:
    """Return the training loss."""
    inputs, points, classes, reach = _sent(batch, network)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    heat, scores, far, there = network(inputs)
    count, kinds, rows, columns = heat.shape
    places, known = points[..., :2], points[..., 2]
    inside = known * ((places > 0) & (places < 1)).all(dim=2)
    share = torch.log_softmax(heat.reshape(count, kinds, -1), dim=2)
    wanted = _heat(places, rows, columns).reshape(count, kinds, -1)
    number = inside.sum().clamp(min=1)
    mapped = -(wanted * share).sum(dim=2)
    placed = (expected(heat) - places).abs().sum(dim=2)
    sleeved = (classes[:, 1] != UNKNOWN).float()[:, None]
    told = sum(
        (SLEEVES_COUNT if i in (1, 2) else 1.0)
        * nn.functional.cross_entropy(
            part, classes[:, i], ignore_index=UNKNOWN, label_smoothing=0.05
        )
        for i, part in enumerate(torch.split(scores, list(HEADS), dim=1))
    )
    parts = {
        "heat": (mapped * inside).sum() / number,
        "place": (placed * inside).sum() / number,
        "classes": told,
        "reach": (nn.functional.smooth_l1_loss(far, reach, reduction="none") * sleeved).mean() * 10,
        "there": nn.functional.binary_cross_entropy_with_logits(there, known),
    }
    return torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()


def _heat(places: Tensor, rows: int, columns: int) -> Tensor:
    cells = torch.arange(max(rows, columns), device=places.device) + 0.5
    down = cells[:rows, None] - places[..., 1, None, None] * rows
    across = cells[None, :columns] - places[..., 0, None, None] * columns
    heat = torch.exp(-(down**2 + across**2) / (2 * WIDTH**2))
    return heat / heat.sum(dim=(2, 3), keepdim=True).clamp(min=1e-6)


def measure(network: GarmentNet, unseen: list[Example], seed: int) -> str:
    """Return the shares of classes that are right and the median error of landmarks."""
    network.eval()
    right: list[list[float]] = [[] for _ in HEADS]
    away: list[Tensor] = []
    with torch.no_grad():
        for batch in DataLoader(Views(unseen, seed, 0), BATCH):
            inputs, points, classes, _ = _sent(batch, network)
            heat, scores, _, _ = network(inputs)
            known = points[..., 2] > 0
            away.append((expected(heat) - points[..., :2]).norm(dim=2)[known].cpu())
            for head, part in enumerate(torch.split(scores, list(HEADS), dim=1)):
                asked = classes[:, head] != UNKNOWN
                right[head] += (part.argmax(dim=1) == classes[:, head])[asked].float().tolist()
    names = ("category", "left sleeve", "right sleeve", "neckline", "opening")
    told = [f"{name} {np.mean(own):.3f}" for name, own in zip(names, right, strict=True)]
    off = torch.cat(away)
    return f"{', '.join(told)}, landmarks {off.median():.4f}, 95 % {off.quantile(0.95):.4f}"


if __name__ == "__main__":
    main()
