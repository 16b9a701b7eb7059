"""The part network's input: joints, outline and label map, at one scale.

The photo is no part of it, so that training on rendered bodies holds for people. Coordinates are
pixels, x to the right, y down. Shoulder widths are those of the person as seen from the front.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.skeleton import PROPORTIONS, confident_joints

F32 = NDArray[np.float32]
"""An array of single precision."""
U8 = NDArray[np.uint8]
"""An array of bytes."""

SHOULDER_WIDTH_PX: Final = 40.0
"""Shoulder width at the network's scale."""
STRIDE: Final = 16
"""The network takes heights and widths that are multiples of this."""
MAX_SIDE_PX: Final = 384
"""Longer side of the network's input at most; larger people are scaled down."""
_SHOULDERS_PER_UPPER_ARM: Final = 1.05
"""Shoulder width at least, in upper arm lengths."""
_CROP_MARGIN: Final = 0.5
"""Margin around the person, in shoulder widths."""
_JOINT_SIGMA: Final = 0.12
"""Sigma of the Gaussian that draws a joint or bone, in shoulder widths."""

_BONES: Final = (
    (Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW),
    (Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST),
    (Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    (Joint.LEFT_ELBOW, Joint.LEFT_WRIST),
    (Joint.RIGHT_HIP, Joint.RIGHT_KNEE),
    (Joint.RIGHT_KNEE, Joint.RIGHT_ANKLE),
    (Joint.LEFT_HIP, Joint.LEFT_KNEE),
    (Joint.LEFT_KNEE, Joint.LEFT_ANKLE),
)
"""Bones, a channel each."""
_JOINTS: Final = (
    *(joint for limb in _BONES for joint in limb[1:]),
    Joint.RIGHT_SHOULDER,
    Joint.LEFT_SHOULDER,
    Joint.RIGHT_HIP,
    Joint.LEFT_HIP,
    Joint.NECK,
    Joint.NOSE,
    Joint.RIGHT_EYE,
    Joint.LEFT_EYE,
    Joint.RIGHT_EAR,
    Joint.LEFT_EAR,
    Joint.RIGHT_BIG_TOE,
    Joint.LEFT_BIG_TOE,
)
"""Joints, a channel each."""
LABEL_GROUPS: Final = (
    (Label.HAIR, Label.HAT),
    (Label.FACE, Label.SUNGLASSES),
    (Label.TORSO_SKIN, Label.SCARF),
    (Label.UPPER, Label.COAT),
    (Label.DRESS,),
    (Label.SKIRT,),
    (Label.PANTS,),
    (Label.LEFT_ARM,),
    (Label.RIGHT_ARM,),
    (Label.LEFT_LEG,),
    (Label.RIGHT_LEG,),
    (Label.LEFT_SHOE, Label.RIGHT_SHOE),
)
"""Groups of labels, a channel each; the other labels have none."""
OTHER_LABEL: Final = np.array([*range(14), 15, 14, 17, 16, 19, 18], np.uint8)
"""The labels of the other side of the body."""
_OTHER_JOINT: Final = np.array(
    [0, 1, 5, 6, 7, 2, 3, 4, 8, 12, 13, 14, 9, 10, 11, 16, 15, 18, 17, 22, 23, 24, 19, 20, 21]
)
"""Each joint's counterpart on the other side of the body."""
CHANNELS: Final = 2 + len(LABEL_GROUPS) + len(_BONES) + len(_JOINTS)
"""Channels of the input: inside the picture, outline, labels, bones, joints."""


@dataclass(frozen=True, kw_only=True)
class InputCrop:
    """The part of a picture that the network is given, and its size at the network's scale."""

    left: int
    """First column of the part, in pixels of the picture."""
    top: int
    """First row of the part, in pixels of the picture."""
    right: int
    """First column right of the part, in pixels of the picture."""
    bottom: int
    """First row below the part, in pixels of the picture."""
    width: int
    """Width in pixels at the network's scale."""
    height: int
    """Height in pixels at the network's scale."""

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def place(self, points: F32) -> F32:
        """Move points (..., 2) of the picture to the network's."""
        scale = (self.width / (self.right - self.left), self.height / (self.bottom - self.top))
        corner = np.array([self.left, self.top], np.float32)
        placed: F32 = ((points + 0.5 - corner) * np.array(scale) - 0.5).astype(np.float32)
        return placed


def measure_shoulder_width(keypoints: F32) -> float | None:
    """Return the shoulder width, in pixels, of 25 x 3 joints; None if no shoulder was seen."""
    seen = confident_joints(keypoints)
    joints = keypoints[:, :2]

    def apart(first: Joint, second: Joint) -> float:
        if not (seen[first] and seen[second]):
            return 0.0
        return float(np.linalg.norm(joints[first] - joints[second]))

    if not (seen[Joint.RIGHT_SHOULDER] or seen[Joint.LEFT_SHOULDER]):
        return None
    width = max(
        apart(Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER),
        PROPORTIONS.surface_shoulder_width * apart(Joint.NECK, Joint.MID_HIP),
        _SHOULDERS_PER_UPPER_ARM * apart(Joint.RIGHT_SHOULDER, Joint.RIGHT_ELBOW),
        _SHOULDERS_PER_UPPER_ARM * apart(Joint.LEFT_SHOULDER, Joint.LEFT_ELBOW),
    )
    return width if width > 1.0 else None


def choose_crop(keypoints: F32, person: NDArray[np.bool_]) -> InputCrop | None:
    """Choose the person's crop, shoulders ``SHOULDER_WIDTH_PX`` wide; None without a person."""
    width = measure_shoulder_width(keypoints)
    rows, columns = np.flatnonzero(person.any(axis=1)), np.flatnonzero(person.any(axis=0))
    if width is None or not len(rows):
        return None
    margin = _CROP_MARGIN * width
    height_of, width_of = person.shape
    left = max(int(columns[0] - margin), 0)
    right = min(int(columns[-1] + margin) + 1, width_of)
    top = max(int(rows[0] - margin), 0)
    bottom = min(int(rows[-1] + margin) + 1, height_of)
    scale = min(SHOULDER_WIDTH_PX / width, MAX_SIDE_PX / max(right - left, bottom - top))
    wide, high = round((right - left) * scale), round((bottom - top) * scale)
    return InputCrop(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        width=max(wide, 1),
        height=max(high, 1),
    )


def encode_planes(
    joints: F32, outline: F32, labels: U8 | None, padded: tuple[int, int] | None = None
) -> F32:
    """Stack the network's input, ``CHANNELS`` x H x W, padded to ``STRIDE`` or to ``padded``.

    All at the network's scale: ``joints`` 25 x 3, ``outline`` h x w in 0..1, ``labels`` h x w CIHP
    ids, or None where none are known.
    """
    h, w = outline.shape
    height, width = padded or (-(-h // STRIDE) * STRIDE, -(-w // STRIDE) * STRIDE)
    planes = np.zeros((CHANNELS, height, width), np.float32)
    planes[0, :h, :w] = 1.0
    planes[1, :h, :w] = outline
    if labels is not None:
        for channel, group in enumerate(LABEL_GROUPS, start=2):
            planes[channel, :h, :w] = np.isin(labels, group)
    first = 2 + len(LABEL_GROUPS)
    x = np.arange(width, dtype=np.float32)
    y = np.arange(height, dtype=np.float32)[:, None]
    spread = np.float32(-0.5 / (_JOINT_SIGMA * SHOULDER_WIDTH_PX) ** 2)
    for channel, (start, end) in enumerate(_BONES, start=first):
        if joints[start, 2] > 0 and joints[end, 2] > 0:
            planes[channel] = np.exp(
                spread * _squared_distance_to_bone(x, y, joints[start, :2], joints[end, :2])
            )
    for channel, joint in enumerate(_JOINTS, start=first + len(_BONES)):
        if joints[joint, 2] > 0:
            column = np.exp(spread * np.square(x - joints[joint, 0]))
            planes[channel] = np.exp(spread * np.square(y - joints[joint, 1])) * column
    return planes


def mirror_joints(joints: F32, width: int) -> F32:
    """Mirror 25 x 3 joints of a picture that is ``width`` pixels wide."""
    turned: F32 = joints[_OTHER_JOINT].copy()
    seen = confident_joints(turned)
    turned[seen, 0] = width - 1 - turned[seen, 0]
    return turned


def scale_crop(picture: U8, seen: InputCrop, *, ids: bool) -> U8:
    """Scale the framed part of an H x W picture to the network's; ids are picked, not blended."""
    part = picture[seen.window]
    how = cv2.INTER_NEAREST if ids else cv2.INTER_AREA
    return np.asarray(cv2.resize(part, (seen.width, seen.height), interpolation=how), np.uint8)


def _squared_distance_to_bone(x: F32, y: F32, start: F32, end: F32) -> F32:
    """Return each pixel's squared distance from the line between two points, H x W."""
    step = end - start
    length = max(float(step @ step), 1e-6)
    along = ((x - start[0]) * step[0] + (y - start[1]) * step[1]) / np.float32(length)
    along = np.clip(along, 0, 1)
    away: F32 = np.square(x - start[0] - along * step[0]) + np.square(
        y - start[1] - along * step[1]
    )
    return away
