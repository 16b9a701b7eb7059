"""What may look wrong in a picture, and how far it is to be trusted.

Every rule reads values that the services worked out on the way, whichever engine made them: joints,
counts, masks, placements. Lengths are pixels of the photo as it was sent, shares are of the frame
or of the mask. The thresholds were set on some hundred photos of people and of garments; each says
what lies on either side of it.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.kit.garments import UNREAD, GarmentReading
from services.kit.joints import Joint
from services.kit.types import Keypoints, Mask, Placement


@dataclass(frozen=True)
class Caveat:
    """One thing that may look wrong: a stable code, and what it means and what would help.

    ``weight``, in 0..1, is what is left of the confidence where this is seen.
    """

    code: str
    message: str
    weight: float


TURNED_BODY: Final = Caveat(
    "turned_body",
    "You are turned away from the camera, so the garment's sides and sleeves may sit wrong; "
    "a photo taken straight from the front works better.",
    0.6,
)
CROSSED_ARMS: Final = Caveat(
    "crossed_arms",
    "Your arms are crossed over your body, so the garment may look cut up around them; a photo "
    "with the arms hanging beside the body works better.",
    0.5,
)
ARMS_IN_FRONT: Final = Caveat(
    "arms_in_front",
    "An arm lies in front of your body, so the garment may look wrong around it; a photo with the "
    "arms hanging beside the body works better.",
    0.75,
)
SEVERAL_PEOPLE: Final = Caveat(
    "several_people",
    "More than one person is in the photo and only one of them wears the garment; a photo of one "
    "person alone works better.",
    0.7,
)
CROPPED_PERSON: Final = Caveat(
    "cropped_person",
    "Your shoulders or hips are outside the photo, so the garment's shape there is guessed; "
    "a photo that shows you from the head to below the hips works better.",
    0.7,
)
LOW_RESOLUTION_PERSON: Final = Caveat(
    "low_resolution_person",
    "You are small in the photo, so the picture may look soft; a larger photo, or one taken from "
    "nearer, works better.",
    0.8,
)
LOW_RESOLUTION_GARMENT: Final = Caveat(
    "low_resolution_garment",
    "The garment is small in its photo, so its print and fabric may look soft; a larger photo "
    "works better.",
    0.8,
)
ASYMMETRIC_GARMENT: Final = Caveat(
    "asymmetric_garment",
    "The garment's left and right halves differ, so a shoulder, a sleeve or the hem may sit wrong; "
    "a photo of it laid straight, with both sleeves alike, works better.",
    0.7,
)
WORN_GARMENT: Final = Caveat(
    "worn_garment",
    "Somebody wears the garment in its photo, so what hair, hands or other clothes hide of it is "
    "guessed; a photo of it laid flat, or its category if another piece was meant, works better.",
    0.8,
)
GARMENT_AT_EDGE: Final = Caveat(
    "garment_at_edge",
    "The garment is cut off by the edge of its photo, so what is missing is guessed; a photo with "
    "some ground on every side works better.",
    0.7,
)
SEVERAL_GARMENTS: Final = Caveat(
    "several_garments",
    "The garment's photo seems to show several pieces, which may all be worn at once; a photo of "
    "one garment alone works better.",
    0.6,
)
DOUBTFUL_MASK: Final = Caveat(
    "doubtful_mask",
    "The garment could not be told apart from its background for certain, so its outline may look "
    "wrong; a photo on a plain ground of another colour works better.",
    0.6,
)

CAVEATS: Final = (
    TURNED_BODY,
    CROSSED_ARMS,
    ARMS_IN_FRONT,
    SEVERAL_PEOPLE,
    CROPPED_PERSON,
    LOW_RESOLUTION_PERSON,
    LOW_RESOLUTION_GARMENT,
    ASYMMETRIC_GARMENT,
    WORN_GARMENT,
    GARMENT_AT_EDGE,
    SEVERAL_GARMENTS,
    DOUBTFUL_MASK,
)
"""All there are, in the order in which they are told."""

TURNED: Final = 50.0
"""Degrees, as the pose network estimates them: people who face the camera were put at up to 46,
people half turned at 52 to 63, people seen from the side at 65 to 92."""

FOREARM: Final = 0.2
CROSSED: Final = 0.3
"""Share of a forearm that lies before the trunk: one arm, and each of two. Arms that hang, rest on
a hip or end in a pocket are at 0, clasped hands at .3."""

TORSO_PIXELS: Final = 160.0
"""From the shoulders to the hips. 768 x 1024 pixels give 250 for a whole figure and 420 for half of
one; 192 x 256 give 110 for half a figure."""

GARMENT_PIXELS: Final = 256.0
"""The longer side of the garment in its photo."""

SYMMETRY: Final = 0.89
TOP_SYMMETRY: Final = 0.75
"""Overlap (IoU) of the garment with its mirror image, of all of it and of its upper part. Ordinary
tops laid flat are above .9 and .8; one shoulder, or a tie that hangs at one side, is below."""
TOP: Final = 0.4

EDGE: Final = 0.02
"""Share of one of the photo's edges along which the garment touches it."""

SURE: Final = 0.9
"""Probability above which the network is believed."""

PIECE: Final = 0.1
"""Size of the second largest piece, as a share of the largest one's; ribbons are less."""

SMALLEST, LARGEST = 0.03, 0.9
FULL_BOX: Final = 0.96
"""Share of the frame that a mask covers, and of its own bounding box. Garments photographed to be
sold cover .1 to .7 and .3 to .9; beyond, ground was taken for cloth, or cloth for ground."""

_SMALL_SIDE: Final = 256
_LEAST_AREA: Final = 16
_RIM: Final = 2

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """What the services saw.

    ``yaw`` is in degrees, 0 from the front; ``keypoints`` lie on the person's canvas and ``mask``
    on the garment's, where ``person_placement`` and ``garment_placement`` say how the photos lie.
    ``person_height`` and ``garment_height`` are those of the photos as sent, in pixels; ``reading``
    is what the network read of the garment, ``worn`` whether somebody wears it.
    """

    people: int
    yaw: float
    keypoints: Keypoints
    person_placement: Placement
    person_height: int
    mask: Mask
    garment_placement: Placement
    garment_height: int
    reading: GarmentReading = UNREAD
    worn: bool = False


def find(seen: Seen) -> tuple[Caveat, ...]:
    """Tell all that may look wrong, in the order of ``CAVEATS``."""
    found = _of_person(seen) | _of_garment(seen)
    return tuple(caveat for caveat in CAVEATS if caveat in found)


def confidence(caveats: tuple[Caveat, ...]) -> float:
    """Give the product of the caveats' weights, 1 for none, to two places.

    It orders pictures by how much was against them; it is not the probability of anything.
    """
    return round(math.prod(caveat.weight for caveat in caveats), 2)


def _of_person(seen: Seen) -> set[Caveat]:
    found: set[Caveat] = set()
    if abs(seen.yaw) >= TURNED:
        found.add(TURNED_BODY)
    if seen.people > 1:
        found.add(SEVERAL_PEOPLE)
    corners = trunk(seen.keypoints, seen.person_placement)
    if corners is None:
        found.add(CROPPED_PERSON)
        return found
    shares = [forearm_in_front(seen.keypoints, corners, side) for side in (0, 1)]
    if min(shares) >= CROSSED:
        found.add(CROSSED_ARMS)
    elif max(shares) >= FOREARM:
        found.add(ARMS_IN_FRONT)
    down = corners[2:].mean(axis=0) - corners[:2].mean(axis=0)
    scale = seen.person_height / seen.person_placement.height
    if float(np.hypot(*down)) * scale < TORSO_PIXELS:
        found.add(LOW_RESOLUTION_PERSON)
    return found


def _of_garment(seen: Seen) -> set[Caveat]:
    found = {WORN_GARMENT} if seen.worn else set[Caveat]()
    place = seen.garment_placement
    mask = seen.mask[place.top : place.top + place.height, place.left : place.left + place.width]
    garment = mask > 127
    rows, columns = np.flatnonzero(garment.any(axis=1)), np.flatnonzero(garment.any(axis=0))
    if not rows.size:
        return found | {DOUBTFUL_MASK}
    high, wide = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    if max(high, wide) * seen.garment_height / place.height < GARMENT_PIXELS:
        found.add(LOW_RESOLUTION_GARMENT)
    if at_edge(garment) > EDGE:
        found.add(GARMENT_AT_EDGE)
    area = int(np.count_nonzero(garment))
    if not SMALLEST <= area / garment.size <= LARGEST or area > FULL_BOX * high * wide:
        found.add(DOUBTFUL_MASK)
    step = math.ceil(max(garment.shape) / _SMALL_SIDE)
    small = garment[::step, ::step]
    if not small.any():
        return found
    if second_piece(small) > PIECE:
        found.add(SEVERAL_GARMENTS)
    elif uneven(seen.reading) or (
        min(symmetry(small) / SYMMETRY, symmetry(top(small)) / TOP_SYMMETRY) < 1
    ):
        found.add(ASYMMETRIC_GARMENT)
    return found


def uneven(reading: GarmentReading) -> bool:
    """Tell whether a garment leaves one shoulder bare, or has a sleeve at one side only."""
    if reading.neckline == "one_shoulder" and reading.neckline_confidence >= SURE:
        return True
    sleeves = {reading.left_sleeve, reading.right_sleeve}
    sure = min(reading.left_sleeve_confidence, reading.right_sleeve_confidence) >= SURE
    return sure and len(sleeves) == 2 and "none" in sleeves


def trunk(keypoints: Keypoints, place: Placement) -> NDArray[np.float32] | None:
    """Give both shoulders and both hips, right before left, 4 x 2 in canvas pixels.

    None where one of them was not seen or lies outside the photo.
    """
    joints = keypoints[[Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER, Joint.RIGHT_HIP, Joint.LEFT_HIP]]
    corners: NDArray[np.float32] = joints[:, :2]
    low = np.array([place.left, place.top], np.float32)
    high = low + np.array([place.width, place.height], np.float32)
    inside = (corners >= low).all() and (corners < high).all() and (joints[:, 2] > 0).all()
    return corners if inside else None


def forearm_in_front(keypoints: Keypoints, corners: NDArray[np.float32], side: int) -> float:
    """Tell how much of a forearm, right (0) or left (1), lies before the trunk, 0..1.

    The trunk is what is well inside of shoulders and hips. 0 where elbow or wrist was not seen.
    """
    ends = ((Joint.RIGHT_ELBOW, Joint.RIGHT_WRIST), (Joint.LEFT_ELBOW, Joint.LEFT_WRIST))[side]
    elbow, wrist = keypoints[list(ends)]
    shoulder = corners[:2].mean(axis=0)
    down = corners[2:].mean(axis=0) - shoulder
    if elbow[2] <= 0 or wrist[2] <= 0 or not down.any():
        return 0.0
    along = np.linspace(0, 1, 21, dtype=np.float32)[:, None]
    points = elbow[:2] + along * (wrist[:2] - elbow[:2])
    depth = (points - shoulder) @ down / (down @ down)
    # At each depth, how far across from the right edge to the left.
    right = corners[0] + depth[:, None] * (corners[2] - corners[0])
    across = corners[1] + depth[:, None] * (corners[3] - corners[1]) - right
    width = np.maximum(np.square(across).sum(axis=1), 1.0)
    share = ((points - right) * across).sum(axis=1) / width
    inside = (depth > 0) & (depth < 0.9) & (share > 0.12) & (share < 0.88)
    return float(inside.mean())


def at_edge(garment: Flags) -> float:
    """Give the share of an edge of the frame along which the garment touches it: the largest."""
    sides = (garment[:_RIM], garment[-_RIM:], garment[:, :_RIM].T, garment[:, -_RIM:].T)
    return float(max(side.any(axis=0).mean() for side in sides))


def top(garment: Flags) -> Flags:
    """Cut out the garment's upper part."""
    rows = np.flatnonzero(garment.any(axis=1))
    return garment[rows[0] : rows[0] + max(1, round(TOP * (rows[-1] + 1 - rows[0])))]


def symmetry(garment: Flags) -> float:
    """Give the overlap (IoU) with the mirror image about the best upright axis."""
    columns = np.flatnonzero(garment.any(axis=0))
    cut = garment[:, columns[0] : columns[-1] + 1]
    width = cut.shape[1]
    area, best = int(np.count_nonzero(cut)), 0.0
    # The axis moves by half of it.
    reach = max(1, width // 6)
    mirrored = np.pad(cut[:, ::-1], ((0, 0), (reach, reach)))
    padded = np.pad(cut, ((0, 0), (reach, reach)))
    for shift in range(-reach, reach + 1):
        moved = np.roll(mirrored, shift, axis=1)
        common = int(np.count_nonzero(padded & moved))
        best = max(best, common / (2 * area - common))
    return best


def second_piece(garment: Flags) -> float:
    """Give the size of the second largest connected piece, as a share of the largest one's."""
    left = garment.copy()
    sizes: list[int] = []
    while np.count_nonzero(left) >= _LEAST_AREA and len(sizes) < _LEAST_AREA:
        piece = _piece(left)
        sizes.append(int(np.count_nonzero(piece)))
        left &= ~piece
    sizes.sort()
    return sizes[-2] / sizes[-1] if len(sizes) > 1 else 0.0


def _piece(flags: Flags) -> Flags:
    """Grow the piece that holds the first pixel, whole runs of rows and columns at a time."""
    piece = np.zeros_like(flags)
    piece.flat[int(flags.argmax())] = True
    size = 0
    while (now := int(np.count_nonzero(piece))) > size:
        size = now
        for view, within in ((piece, flags), (piece.T, flags.T)):
            _spread(view, within)
    return piece


def _spread(piece: Flags, within: Flags) -> None:
    """Fill, in place, every run of ``within`` along a row of which ``piece`` holds a pixel."""
    height, width = within.shape
    padded = np.zeros((height, width + 1), np.bool_)
    padded[:, :-1] = within
    flat = padded.ravel()
    starts = flat & ~np.concatenate(([False], flat[:-1]))
    runs = np.cumsum(starts) * flat
    held = np.zeros(int(runs.max(initial=0)) + 1, np.bool_)
    marked = np.zeros_like(padded)
    marked[:, :-1] = piece
    held[runs[marked.ravel()]] = True
    held[0] = False
    np.copyto(piece, held[runs].reshape(padded.shape)[:, :-1])
