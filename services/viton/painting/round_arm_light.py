"""Light on a round arm, across its width."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bool: TypeAlias = NDArray[np.bool_]


MIN_LIT_ARM_PX: Final = 600
"""Pixels of a bare arm that must be exceeded to measure its own light, in pixels of the canvas."""


@dataclass(frozen=True, kw_only=True)
class RoundArmOptions:
    """How light falls on a round arm, and how its own light is measured across its width."""

    max_light: float = 1.03
    """Light where the arm faces it, before all of it is scaled to a mean of 1."""
    edge_shade: float = 0.26
    """Fraction of the light that is missing at the edge of a round limb."""
    light_turn: float = 0.5
    """Angle by which light from the side moves the brightest place, in radians."""
    channel_exponents: tuple[float, float, float] = (0.85, 1.05, 1.15)
    """Exponents of the fall-off of light on a round limb: red, green, blue."""
    bins: int = 11
    """Bins across an arm's width in which its light is measured."""
    min_bin_px: int = 25
    """Canvas pixels that a bin must exceed to be measured."""
    min_level: float = 20.0
    """Least usual level of a channel that light is measured against, 0 to 255."""
    min_measured: float = 0.5
    """Least light that is measured, in usual levels."""
    max_measured: float = 1.25
    """Most light that is measured, in usual levels."""
    round_weight: float = 0.1
    """Weight of a round limb's light where the arm's own is measured."""
    own_weight: float = 0.9
    """Weight of the arm's own light there."""
    outer_bin_light: float = 0.93
    """Light of the outermost bins, as a fraction of their neighbours'."""
    samples: int = 96
    """Samples across an arm's width in which its light is looked up."""
    sigma: float = 5.0
    """Standard deviation of the blur of these samples, in samples."""


ROUND_ARM_OPTIONS: Final = RoundArmOptions()


def shade_round_arm(
    image: Floats,
    seen: Bool,
    across: Floats,
    light_direction_x: float,
    options: RoundArmOptions = ROUND_ARM_OPTIONS,
) -> Floats:
    """Return how a round limb is lit, H x W x 3, 1 on its bright side.

    It is the limb's own light where it is seen bare, and a round one's elsewhere.
    A round limb is redder where it is dim. ``across``: -1 to 1 from edge to edge.
    ``light_direction_x``: where the light comes from, in the direction of ``across``, -1 to 1.
    """
    turned = np.arcsin(np.clip(np.linspace(-1, 1, options.bins), -1, 1))
    light = (
        options.max_light
        - options.edge_shade
        + options.edge_shade * np.cos(turned - options.light_turn * light_direction_x)
    )
    profile = light[:, None] ** np.array(options.channel_exponents)
    if seen.sum() > MIN_LIT_ARM_PX:
        colours = image[seen]
        place = np.clip(
            np.rint((across[seen] + 1) / 2 * (options.bins - 1)), 0, options.bins - 1
        ).astype(int)
        usual = np.maximum(np.median(colours, axis=0), options.min_level)
        for index in range(1, options.bins - 1):
            own = colours[place == index] / usual
            if len(own) > options.min_bin_px:
                measured = np.clip(
                    np.median(own, axis=0), options.min_measured, options.max_measured
                )
                profile[index] = (
                    options.round_weight * profile[index] + options.own_weight * measured
                )
        profile[0] = options.outer_bin_light * profile[1]
        profile[-1] = options.outer_bin_light * profile[-2]
    profile = profile / profile[2:-2].mean(axis=0)
    places = np.linspace(0, options.bins - 1, options.samples)
    fine = np.stack(
        [np.interp(places, np.arange(options.bins), channel) for channel in profile.T], axis=1
    )
    fine = cv2.GaussianBlur(fine[None].astype(np.float32), (0, 0), options.sigma)[0]
    at = np.clip((across + 1) * ((options.samples - 1) / 2), 0, options.samples - 1).astype(
        np.int32
    )
    return np.asarray(np.take(fine, at, axis=0), np.float32)
