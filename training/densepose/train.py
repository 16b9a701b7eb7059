"""Train the part network on drawn samples."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from services.densepose import inputs
from services.densepose.parts import OTHER_PART, Part
from services.kit.joints import Joint
from training.densepose.net import PartNet
from training.densepose.samples import Sample

BATCH: Final = 8
"""Samples of one step."""

_RATE: Final = 4e-3
"""Highest learning rate of AdamW."""

_DECAY: Final = 1e-4
"""Weight decay of AdamW."""

_WARM: Final = 100
"""Number of steps of the learning rate's warm-up."""
_OVERLAP: Final = 0.5
"""Weight of one minus the overlap of parts, beside the entropy."""
_CHARTS: Final = 1.0
"""Weight of the loss of U and V."""
_SHOWN: Final = 0.2
"""Least outline of a counted pixel; all others are background."""
_FACE: Final = (Joint.NOSE, Joint.RIGHT_EYE, Joint.LEFT_EYE, Joint.RIGHT_EAR, Joint.LEFT_EAR)
"""Joints of the face."""

_HIPS: Final = (Joint.MID_HIP, Joint.RIGHT_HIP, Joint.LEFT_HIP)
"""Joints of the hips."""

_RIGHT_ARM: Final = (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST)
"""Joints of the right arm below the shoulder."""

_LEFT_ARM: Final = (Joint.LEFT_ELBOW, Joint.LEFT_WRIST)
"""Joints of the left arm below the shoulder."""

_LEGS: Final = (Joint.RIGHT_KNEE, Joint.LEFT_KNEE, Joint.RIGHT_ANKLE, Joint.LEFT_ANKLE)
"""Joints of both legs below the hips."""

_UNSEEN: Final = (_FACE, _HIPS, _LEGS, _RIGHT_ARM, _LEFT_ARM, (Joint.RIGHT_SHOULDER,))
"""Groups of joints that are hidden together, as a pose network does."""

_SPOILT: Final = 0.03
"""Share of samples in which one of these joints, or the outline, is not known."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """B samples of one size."""

    planes: torch.Tensor
    """B x C x H x W: the network's input."""
    parts: torch.Tensor
    """B x H x W: DensePose ids, 0 to 24."""
    charts: torch.Tensor
    """B x 2 x H x W: U and V, 0 to 1."""
    counts: torch.Tensor
    """B x H x W: whether the pixel's part counts in the loss."""
    charted: torch.Tensor
    """B x H x W: whether the pixel's U and V count in the loss."""

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        moved = {field.name: getattr(self, field.name).to(device) for field in fields(self)}
        return Batch(**moved)


class _Batches(IterableDataset[Batch]):  # type: ignore[misc]
    """All batches, made in a process beside the training."""

    def __init__(self, drawn: list[Sample], seed: int) -> None:
        self.drawn, self.seed = drawn, seed

    def __iter__(self) -> Iterator[Batch]:
        return _batches(self.drawn, np.random.default_rng(self.seed))


def train(
    drawn: list[Sample], steps: int, seed: int, device: torch.device, *, report: int = 100
) -> PartNet:
    """Train for a number of steps; reproducible on the same kind of machine."""
    torch.manual_seed(seed)
    net = PartNet()
    net.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    batches = iter(DataLoader(_Batches(drawn, seed), batch_size=None, num_workers=1))
    total = 0.0
    for step in range(steps):
        rate = _RATE * min(1.0, (step + 1) / _WARM) * (1 + math.cos(math.pi * step / steps)) / 2
        for group in optimiser.param_groups:
            group["lr"] = rate
        loss = _loss(net, next(batches).to(device))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += float(loss.detach())
        if (step + 1) % report == 0:
            print(f"step {step + 1} of {steps}: loss {total / report:.4f}", flush=True)
            total = 0.0
    net.eval()
    return net


def _loss(net: PartNet, batch: Batch) -> torch.Tensor:
    # Full precision, because bfloat16 costs six times as much on a processor without it.
    logits, charts = net(batch.planes.to(memory_format=torch.channels_last))
    logits = logits.permute(0, 2, 3, 1)[batch.counts]
    truth = batch.parts[batch.counts]
    entropy = torch.nn.functional.cross_entropy(logits, truth)
    share = torch.softmax(logits, dim=1)
    own_share = share.gather(1, truth[:, None])[:, 0]
    common = share.new_zeros(len(Part)).index_add(0, truth, own_share)
    every = share.sum(dim=0) + torch.bincount(truth, minlength=len(Part)) - common
    overlap = (common[1:] / every[1:])[torch.bincount(truth, minlength=len(Part))[1:] > 50]
    halved = batch.parts[:, ::2, ::2]
    own = (halved - 1).clamp(min=0)[:, None]
    found = torch.cat([charts.gather(1, own), charts.gather(1, own + len(Part) - 1)], dim=1)
    where = batch.charted[:, None, ::2, ::2].expand_as(found)
    off = (found - batch.charts[:, :, ::2, ::2]).abs()[where]
    off_by = off.mean() if off.numel() else entropy.new_zeros(())
    return entropy + _OVERLAP * (1 - overlap.mean()) + _CHARTS * off_by


def _batches(drawn: list[Sample], rng: np.random.Generator) -> Iterator[Batch]:
    """Yield batches that cover all samples before any repetition."""
    # People of similar size are in one batch, which wastes little padding.
    sizes = np.array([sample.parts.shape for sample in drawn])
    while True:
        jitter = rng.uniform(0, inputs.STRIDE, sizes.shape)
        order = np.lexsort(np.ceil((sizes + jitter).T / inputs.STRIDE))
        batches = order[: len(order) // BATCH * BATCH].reshape(-1, BATCH)
        for chosen in rng.permutation(batches):
            yield _batch([drawn[index] for index in chosen], rng)


def _batch(chosen: list[Sample], rng: np.random.Generator) -> Batch:
    largest = np.max([sample.parts.shape for sample in chosen], axis=0)
    high, wide = (-(-int(side) // inputs.STRIDE) * inputs.STRIDE for side in largest)
    shape = (high, wide)
    planes = np.zeros((len(chosen), inputs.CHANNELS, *shape), np.float32)
    parts = np.zeros((len(chosen), *shape), np.int64)
    charts = np.zeros((len(chosen), 2, *shape), np.float32)
    counts = np.zeros((len(chosen), *shape), np.bool_)
    charted = np.zeros_like(counts)
    for row, sample in enumerate(chosen):
        mirror = bool(rng.integers(2))
        shown = _spoil(_mirror(sample) if mirror else sample, rng)
        outline = shown.outline.astype(np.float32) / np.float32(255)
        labels = shown.labels if shown.labels.any() else None
        h, w = outline.shape
        planes[row] = inputs.encode_planes(shown.keypoints, outline, labels, padded=shape)
        parts[row, :h, :w] = shown.parts
        charts[row, 0, :h, :w], charts[row, 1, :h, :w] = shown.u / 255, shown.v / 255
        counts[row, :h, :w] = outline >= _SHOWN
        # The charts of a mirrored body are not the mirrored charts.
        charted[row] = (parts[row] > 0) & (not mirror)
    return Batch(
        planes=torch.from_numpy(planes),
        parts=torch.from_numpy(parts),
        charts=torch.from_numpy(charts),
        counts=torch.from_numpy(counts),
        charted=torch.from_numpy(charted),
    )


def _mirror(sample: Sample) -> Sample:
    return Sample(
        keypoints=inputs.mirror_joints(sample.keypoints, sample.parts.shape[1]),
        outline=sample.outline[:, ::-1],
        labels=inputs.OTHER_LABEL[sample.labels[:, ::-1]],
        parts=OTHER_PART[sample.parts[:, ::-1]],
        u=sample.u[:, ::-1],
        v=sample.v[:, ::-1],
    )


def _spoil(sample: Sample, rng: np.random.Generator) -> Sample:
    """Remove joints, or the whole outline."""
    keypoints, outline = sample.keypoints.copy(), sample.outline
    for joints in _UNSEEN:
        if rng.random() < _SPOILT:
            keypoints[list(joints)] = 0
    if rng.random() < _SPOILT:
        outline = np.full_like(outline, 255)
    return replace(sample, keypoints=keypoints, outline=outline)
