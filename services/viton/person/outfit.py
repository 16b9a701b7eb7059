"""What is worn on the lower body, from the parse."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.labels import Label
from services.viton.person.joints import Joints
from services.viton.person.regions import Bool
from services.viton.raster.components import largest_component

_SLEEVED: Final = 0.5
_FOREARM: Final = 0.1
_BARE: Final = 0.04


@dataclass(frozen=True)
class Outfit:
    """What is on the lower body, as H x W masks.

    ``bottoms`` are trousers or a skirt, and a dress from the waist down.
    """

    bottoms: Bool
    leg_skin: Bool
    socks: Bool
    shoes: Bool
    upper_garment: Bool
    arms: Bool
    head_and_torso_skin: Bool
    hair: Bool

    @property
    def lower_body(self) -> Bool:
        """All of the lower body."""
        return np.asarray(self.bottoms | self.leg_skin | self.socks | self.shoes)

    @property
    def person(self) -> Bool:
        """All of the person."""
        return np.asarray(
            self.lower_body | self.upper_garment | self.arms | self.head_and_torso_skin
        )


def draw_sleeved_forearms(labels: NDArray[np.uint8], joints: Joints, torso: float) -> Bool:
    """Return where the forearms are, if a dress (in CIHP ``labels``) has sleeves that cover them.

    ``torso``: from shoulders to hips, in pixels.
    """
    near = np.zeros(labels.shape, np.uint8)
    height, width = labels.shape
    hands = int(min(wrist[1] for wrist in joints.wrists) - 0.1 * torso)
    bare = np.isin(labels[: max(hands, 0)], (Label.LEFT_ARM, Label.RIGHT_ARM))
    if bare.sum() > _BARE * torso**2:
        return near > 0
    for elbow, wrist in zip(joints.elbows, joints.wrists, strict=True):
        path = np.linspace(elbow, wrist, 20)
        xs = np.clip(path[:, 0], 0, width - 1).astype(int)
        ys = np.clip(path[:, 1], 0, height - 1).astype(int)
        if (labels[ys, xs] == Label.DRESS).mean() > _SLEEVED:
            ends = [tuple(np.round(p).astype(int).tolist()) for p in (elbow, wrist)]
            cv2.line(near, ends[0], ends[1], 1, max(int(2 * _FOREARM * torso), 1))
    return near > 0


def segment_lower_body(labels: NDArray[np.uint8], waist: float, forearms: Bool) -> Outfit:
    """Group CIHP labels; a dress below the row ``waist`` counts as a skirt, above as a top.

    Sleeves that hang beside it, at ``forearms``, are no part of the skirt.
    """
    rows = np.arange(labels.shape[0])[:, None]
    dress = labels == Label.DRESS
    low = largest_component(dress & (rows >= waist) & ~forearms)
    return Outfit(
        bottoms=np.isin(labels, (Label.PANTS, Label.SKIRT)) | low,
        leg_skin=np.isin(labels, (Label.LEFT_LEG, Label.RIGHT_LEG)),
        socks=labels == Label.SOCKS,
        shoes=np.isin(labels, (Label.LEFT_SHOE, Label.RIGHT_SHOE)),
        upper_garment=np.isin(labels, (Label.UPPER, Label.COAT, Label.SCARF)) | (dress & ~low),
        arms=np.isin(labels, (Label.GLOVE, Label.LEFT_ARM, Label.RIGHT_ARM)),
        head_and_torso_skin=np.isin(
            labels, (Label.HAT, Label.HAIR, Label.SUNGLASSES, Label.FACE, Label.TORSO_SKIN)
        ),
        hair=np.isin(labels, (Label.HAT, Label.HAIR)),
    )
