"""Inputs, outputs and responses that VITON-HD's and HR-VITON's networks share.

github.com/shadow2496/VITON-HD and github.com/sangyun884/HR-VITON. Planes are C x H x W float32;
images range from -1 to 1, masks and one-hot labels from 0 to 1.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from services.kit.cancellation import hold_lock
from services.kit.categories import GARMENT_CATEGORIES, UPPER, check_category
from services.kit.errors import InvalidOption, InvalidRequest, NoGarment
from services.kit.types import Image, LabelMap, Mask
from services.viton.contract import TryOnRequest, TryOnResponse
from services.viton.garment.landmarks import NO_GARMENT

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Planes: TypeAlias = NDArray[np.float32]
RunNetwork: TypeAlias = Callable[..., tuple[Planes, ...]]
"""A network: planes by the names of its inputs to planes in the order of its outputs."""

MASK_THRESHOLD: Final = 128
"""Least value of a mask, 0 to 255, that counts as inside."""
WARP_SHAPE: Final = (256, 192)
"""Height and width in pixels at which the label and warp networks work."""
SIDE_MULTIPLE: Final = 128
"""Height and width of the canvas are multiples of this many pixels."""
CLASS_COUNT: Final = 13
"""Classes of the label maps that the networks read and predict."""
_CIHP_IDS_OF_CLASS: Final = (
    (0, 10),  # background
    (1, 2),  # hair
    (4, 13),  # face
    (5, 6, 7),  # upper garment
    (9, 12),  # bottoms
    (14,),  # left arm
    (15,),  # right arm
    (16,),  # left leg
    (17,),  # right leg
    (18,),  # left shoe
    (19,),  # right shoe
    (8,),  # socks
    (3, 11),  # noise
)
"""CIHP ids of each of the 13 classes."""
_CLASSES_OF_MERGED: Final = (
    (0,),  # background
    (2, 4, 7, 8, 9, 10, 11),  # pasted back
    (3,),  # upper garment
    (1,),  # hair
    (5,),  # left arm
    (6,),  # right arm
    (12,),  # noise
)
"""Classes of each of the 7 merged classes that the image generators read."""
MERGED_UPPER: Final = 2
"""The merged class of the upper garment."""
NOISE_BLOCKS: Final = 8
"""Blocks of the image generators that take noise."""
_SCORE_BLUR_KERNEL_PX: Final = (15, 15)
"""Size of the Gaussian kernel on the scores, at the canvas's size; as published."""
_SCORE_BLUR_SIGMA_PX: Final = 3.0
"""Standard deviation of the same kernel; as published."""


@dataclass(frozen=True, kw_only=True)
class NetworkInputs:
    """Inputs of the networks, C x H x W."""

    garment: Planes
    """3 planes, -1 to 1."""
    garment_mask: Planes
    """1 plane, 0 or 1."""
    agnostic: Planes
    """The photo without the garment: 3 planes, -1 to 1."""
    pose: Planes
    """The skeleton's image for VITON-HD, DensePose's for HR-VITON: 3 planes, -1 to 1."""
    classes: Planes
    """Labels without the garment: 13 planes, 0 or 1."""


def wrap_session(session: "InferenceSession") -> RunNetwork:
    """Return a function that runs a session whose tensors have a batch dimension of 1.

    Runs take turns: two at the same time would take twice the memory and no less time.
    """
    one_at_a_time = Lock()

    def run(**given: Planes) -> tuple[Planes, ...]:
        fed = {name: np.ascontiguousarray(value[None]) for name, value in given.items()}
        with hold_lock(one_at_a_time):
            answer: Sequence[Planes] = session.run(None, fed)
        return tuple(planes[0] for planes in answer)

    return run


def validate_request(request: TryOnRequest, engine: str) -> None:
    """Check that the engine can process the request.

    Raises InvalidOption for a category other than ``upper``, InvalidRequest if the images do not
    share one canvas with sides that are multiples of 128, and NoGarment for an empty mask.
    """
    check_category(request.category, GARMENT_CATEGORIES)
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
    if len(shape) != 2 or not all(side and side % SIDE_MULTIPLE == 0 for side in shape):
        raise InvalidRequest(
            f"The canvas must be a multiple of {SIDE_MULTIPLE} pixels high and wide."
        )
    if not (request.garment_mask >= MASK_THRESHOLD).any():
        raise NoGarment(NO_GARMENT)


def network_inputs(request: TryOnRequest, pose: Image) -> NetworkInputs:
    """Convert a request that passed ``validate_request``; ``pose`` is the image of its pose."""
    return NetworkInputs(
        garment=to_signed_planes(request.garment),
        garment_mask=to_binary_plane(request.garment_mask),
        agnostic=to_signed_planes(request.agnostic_image),
        pose=to_signed_planes(pose),
        classes=one_hot_classes(request.agnostic_labels),
    )


def whole_image_response(person: Image, image: Image) -> TryOnResponse:
    """Return the response for an image that is new everywhere; its flow and garment alpha are 0."""
    changed = (image != person).any(axis=2)
    nowhere = np.zeros(changed.shape, np.uint8)
    return TryOnResponse(
        image=image,
        edit_mask=changed.astype(np.uint8) * np.uint8(255),
        flow=np.zeros((*changed.shape, 2), np.float32),
        garment_alpha=nowhere,
    )


def to_signed_planes(picture: Image) -> Planes:
    """Convert an RGB image (H x W x 3) to 3 planes, -1 to 1."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / np.float32(127.5) - 1


def to_image(planes: Planes) -> Image:
    """Convert 3 planes, -1 to 1, to an RGB image (H x W x 3), rounded."""
    values = np.clip(np.rint((planes + 1) * 127.5), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(values.transpose(1, 2, 0))


def to_binary_plane(mask: Mask) -> Planes:
    """Convert a mask (H x W, 0 to 255) to 1 plane of 0 and 1."""
    return (mask[None] >= MASK_THRESHOLD).astype(np.float32)


def one_hot_classes(labels: LabelMap) -> Planes:
    """Encode CIHP labels (H x W) as 13 one-hot planes; an id outside CIHP is 0 in all of them."""
    return np.stack([np.isin(labels, ids) for ids in _CIHP_IDS_OF_CLASS]).astype(np.float32)


def merge_classes(winners: LabelMap) -> Planes:
    """Merge a map of the 13 classes (H x W) into 7 one-hot planes."""
    return np.stack([np.isin(winners, ids) for ids in _CLASSES_OF_MERGED]).astype(np.float32)


def upsample_scores(scores: Planes, height: int, width: int) -> Planes:
    """Upsample class scores to the canvas and blur them; outside the canvas every score is 0."""
    size = (width, height)
    large = [cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in scores]
    return np.stack(
        [
            cv2.GaussianBlur(
                p, _SCORE_BLUR_KERNEL_PX, _SCORE_BLUR_SIGMA_PX, borderType=cv2.BORDER_CONSTANT
            )
            for p in large
        ]
    )


def argmax_classes(scores: Planes) -> LabelMap:
    """Return each pixel's class of the largest score, H x W; the first of equal ones."""
    return np.asarray(scores.argmax(axis=0), np.uint8)


def downsample_linear(planes: Planes) -> Planes:
    """Downsample planes to ``WARP_SHAPE`` with linear interpolation."""
    return _resize_planes(planes, cv2.INTER_LINEAR)


def downsample_nearest(planes: Planes) -> Planes:
    """Downsample planes to ``WARP_SHAPE`` to the nearest pixel."""
    return _resize_planes(planes, cv2.INTER_NEAREST)


def _resize_planes(planes: Planes, how: int) -> Planes:
    return np.stack([cv2.resize(plane, WARP_SHAPE[::-1], interpolation=how) for plane in planes])


def to_pixel_map(grid: Planes) -> Planes:
    """Convert a grid (H x W x 2, -1 to 1 across the image) to pixels of that image."""
    height, width = grid.shape[:2]
    return np.asarray(((grid + 1) * np.array([width, height]) - 1) / 2, np.float32)


def draw_noise(random: np.random.Generator, height: int, width: int) -> dict[str, Planes]:
    """Draw the image generator's noise: one input for each block, from 1/128 of the canvas up.

    Each input has a plane for both normalisations of its block. All but the first have a third
    plane, for the shortcut's normalisation.
    """
    return {
        f"noise_{block}": random.standard_normal(
            (
                3 if block else 2,
                height * 2**block // SIDE_MULTIPLE,
                width * 2**block // SIDE_MULTIPLE,
            ),
            np.float32,
        )
        for block in range(NOISE_BLOCKS)
    }
