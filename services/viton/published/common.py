"""What VITON-HD's and HR-VITON's networks have in common: how they are fed, run and answered.

github.com/shadow2496/VITON-HD and github.com/sangyun884/HR-VITON. Planes are C x h x w float32;
pictures go from -1 to 1, masks and one-hot labels from 0 to 1.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.categories import GARMENT_CATEGORIES, UPPER, check
from services.kit.errors import InvalidOption, InvalidRequest, NoGarment
from services.kit.types import Image, LabelMap, Mask
from services.viton.contract import TryOnRequest, TryOnResponse

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Planes: TypeAlias = NDArray[np.float32]
Run: TypeAlias = Callable[..., tuple[Planes, ...]]
"""A network: planes by the names of its inputs in, planes in the order of its outputs out."""

SMALL: Final = (256, 192)
"""Height and width that the first networks work at."""
MULTIPLE: Final = 128
"""Of it are the height and width of what the last network draws."""
KINDS: Final = 13
PARTS: Final = 7
_KIND_OF: Final = ((0, 10), (1, 2), (4, 13), (5, 6, 7), (9, 12), (14,), (15,), (16,), (17,), (18,),
                   (19,), (8,), (3, 11))  # fmt: skip
"""CIHP ids by kind: background, hair, face, upper, bottom, left and right arm, leg and shoe, socks,
noise."""
_PART_OF: Final = ((0,), (2, 4, 7, 8, 9, 10, 11), (3,), (1,), (5,), (6,), (12,))
"""Kinds by part: background, what is pasted back, upper, hair, left and right arm, noise."""
UPPER_PART: Final = 2
BLOCKS: Final = 8
_BLUR: Final = (15, 15)
_SIGMA: Final = 3.0
NO_GARMENT: Final = (
    "No garment was found in the garment's photo; send one garment on a plain ground."
)


def runner(session: "InferenceSession") -> Run:
    """Wrap a session whose tensors have a leading 1.

    Two requests at the same time would take twice the memory and no less time, so one waits.
    """
    one_at_a_time = Lock()

    def run(**given: Planes) -> tuple[Planes, ...]:
        fed = {name: np.ascontiguousarray(value[None]) for name, value in given.items()}
        with one_at_a_time:
            answer: Sequence[Planes] = session.run(None, fed)
        return tuple(planes[0] for planes in answer)

    return run


def examine(request: TryOnRequest, engine: str) -> None:
    """Check what the engine was asked.

    Raises InvalidOption for a garment that is not an upper one, InvalidRequest for pictures that do
    not share a canvas whose sides are multiples of 128, and NoGarment for an empty mask.
    """
    check(request.category, GARMENT_CATEGORIES)
    if request.category != UPPER:
        raise InvalidOption(
            f"The engine {engine} knows upper garments only; send category=upper, or ask for the "
            "engine warp with TRYON_VITON_ENGINE."
        )
    pictures = (request.person, request.skeleton, request.agnostic_image, request.garment)
    maps = (request.agnostic_labels, request.garment_mask)
    shape = request.garment_mask.shape
    shared = all(picture.shape == (*shape, 3) for picture in (*pictures, request.part_image))
    if not shared or any(values.shape != shape for values in maps):
        raise InvalidRequest("Pictures, labels and masks must share one canvas.")
    if len(shape) != 2 or not all(side and side % MULTIPLE == 0 for side in shape):
        raise InvalidRequest(f"The canvas must be a multiple of {MULTIPLE} pixels high and wide.")
    if not (request.garment_mask >= 128).any():
        raise NoGarment(NO_GARMENT)


def answer(person: Image, image: Image) -> TryOnResponse:
    """Answer with a picture that was drawn whole: nothing tells where the garment's pixels went."""
    changed = (image != person).any(axis=2)
    nowhere = np.zeros(changed.shape, np.uint8)
    return TryOnResponse(
        image=image,
        edit_mask=changed.astype(np.uint8) * np.uint8(255),
        flow=np.zeros((*changed.shape, 2), np.float32),
        garment_alpha=nowhere,
    )


def signed(picture: Image) -> Planes:
    """Give a picture's 3 planes, -1 to 1."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / np.float32(127.5) - 1


def picture(planes: Planes) -> Image:
    """Give the picture of 3 planes, rounded."""
    values = np.clip(np.rint((planes + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(values.transpose(1, 2, 0))


def inside(mask: Mask) -> Planes:
    """Give a mask's plane, 0 or 1."""
    return (mask[None] >= 128).astype(np.float32)


def kinds(labels: LabelMap) -> Planes:
    """Give the 13 planes of CIHP labels; an id that CIHP has not is in none."""
    return np.stack([np.isin(labels, ids) for ids in _KIND_OF]).astype(np.float32)


def parts(winners: LabelMap) -> Planes:
    """Give the 7 planes of a map of the 13 kinds."""
    return np.stack([np.isin(winners, ids) for ids in _PART_OF]).astype(np.float32)


def enlarged(scores: Planes, height: int, width: int) -> Planes:
    """Enlarge the scores of the kinds and blur them; outside the picture every score is 0."""
    size = (width, height)
    large = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in scores]
    return np.stack(
        [cv2.GaussianBlur(p, _BLUR, _SIGMA, borderType=cv2.BORDER_CONSTANT) for p in large]
    )


def winners(scores: Planes) -> LabelMap:
    """Give each pixel the kind of its greatest score, H x W; of equal ones the first."""
    return np.asarray(scores.argmax(axis=0), np.uint8)


def smooth(planes: Planes) -> Planes:
    """Reduce to ``SMALL``, two pixels each way mixed."""
    return _resize(planes, cv2.INTER_LINEAR)


def nearest(planes: Planes) -> Planes:
    """Reduce to ``SMALL``, one pixel taken."""
    return _resize(planes, cv2.INTER_NEAREST)


def _resize(planes: Planes, how: int) -> Planes:
    return np.stack([cv2.resize(plane, SMALL[::-1], interpolation=how) for plane in planes])


def place(grid: Planes) -> Planes:
    """Turn a grid of H x W x 2 places, -1 to 1 over the picture, into pixels of that picture."""
    height, width = grid.shape[:2]
    return np.asarray(((grid + 1) * np.array([width, height]) - 1) / 2, np.float32)


def noises(random: np.random.Generator, height: int, width: int) -> dict[str, Planes]:
    """Draw the noise of the last network: eight inputs, for pictures from 1/128 to all of it.

    Each holds a map for the block's two normalisations, and one for its shortcut's before them; the
    first block's shortcut has none.
    """
    return {
        f"noise_{block}": random.standard_normal(
            (3 if block else 2, height * 2**block // MULTIPLE, width * 2**block // MULTIPLE),
            np.float32,
        )
        for block in range(BLOCKS)
    }
