"""Measure agreement with a reference: 1 is best for IoU and SSIM, 0 for an error."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from services.kit.errors import WeightsMissing
from services.kit.joints import Joint
from services.kit.labels import Label
from services.kit.runtimes import sessions
from services.kit.types import Image, Keypoints, LabelMap, Mask
from services.kit.weights import store

Figures = dict[str, float | None]

SURE: Final = 0.1
"""Least confidence of a detected joint of OpenPose."""

LIMBS: Final = (
    Joint.RIGHT_SHOULDER,
    Joint.RIGHT_ELBOW,
    Joint.RIGHT_WRIST,
    Joint.LEFT_SHOULDER,
    Joint.LEFT_ELBOW,
    Joint.LEFT_WRIST,
)
"""Joints of each limb that is compared."""

TARGETED: Final = {
    "background": (Label.BACKGROUND,),
    "hair": (Label.HAIR,),
    "upper": (Label.UPPER,),
    "pants": (Label.PANTS,),
    "neck": (Label.TORSO_SKIN,),
    "face": (Label.FACE,),
    "arms": (Label.LEFT_ARM, Label.RIGHT_ARM),
}
"""Classes whose mean is ``parse_iou``; each is the mean of its labels."""

LPIPS_WEIGHTS: Final = "lpips_alex.onnx"
"""File of LPIPS's weights."""

FEW: Final = 0.0005
"""Least share of a picture of a present class in either map: 400 pixels of a canvas."""


def iou(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float | None:
    """Intersection over union of two masks, 0 to 1; None if both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else None


def mask_iou(found: Mask, reference: Mask) -> float | None:
    """Intersection over union of two masks of 0 to 255, thresholded at one half."""
    return iou(found > 127, reference > 127)


def label_ious(found: LabelMap, reference: LabelMap, ids: int) -> dict[int, float]:
    """Intersection over union of every id below ``ids`` that is present in either map."""
    least = FEW * reference.size
    overlaps: dict[int, float] = {}
    for label in range(ids):
        first, second = found == label, reference == label
        if max(np.count_nonzero(first), np.count_nonzero(second)) >= least:
            overlaps[label] = iou(first, second) or 0.0
    return overlaps


def parse(found: LabelMap, reference: LabelMap) -> Figures:
    """IoU of CIHP label maps: ``parse_iou`` is the mean of ``TARGETED``, then each class."""
    overlaps = label_ious(found, reference, len(Label))
    groups = {
        name: [overlaps[label] for label in labels if label in overlaps]
        for name, labels in TARGETED.items()
    }
    means = {name: sum(values) / len(values) for name, values in groups.items() if values}
    figures: Figures = {"parse_iou": float(np.mean(list(means.values())))}
    figures |= {f"parse_iou.{name}": value for name, value in means.items()}
    figures |= {
        f"parse_iou.{Label(label).name.lower()}": value
        for label, value in overlaps.items()
        if (label,) not in TARGETED.values()
    }
    figures["parse_iou.worst"] = min(means.values())
    return figures


def part_map(found: LabelMap, reference: LabelMap) -> float | None:
    """Mean intersection over union of the DensePose parts in the reference, 0 to 1."""
    least = FEW * reference.size
    overlaps = label_ious(found, reference, 25)
    present = [
        value
        for part, value in overlaps.items()
        if part and np.count_nonzero(reference == part) >= least
    ]
    return sum(present) / len(present) if present else None


def keypoints(found: Keypoints, reference: Keypoints) -> Figures:
    """Mean distances of common joints, in pixels, and the number of joints of the reference alone.

    ``keypoint_error`` is the mean of all, ``keypoint_error.arms`` that of shoulders, elbows and
    wrists, and ``keypoint_error.relative`` the mean of all in shoulder widths.
    """
    seen = reference[:, 2] > SURE
    both = seen & (found[:, 2] > 0)
    away = np.hypot(*(found[:, :2] - reference[:, :2]).T)
    limbs = np.isin(np.arange(len(Joint)), LIMBS) & both
    mean = float(away[both].mean()) if both.any() else None
    left, right = reference[Joint.LEFT_SHOULDER], reference[Joint.RIGHT_SHOULDER]
    width = float(np.hypot(*(left - right)[:2])) if min(left[2], right[2]) > SURE else 0.0
    return {
        "keypoint_error": mean,
        "keypoint_error.arms": float(away[limbs].mean()) if limbs.any() else None,
        "keypoint_error.relative": mean / width if mean is not None and width else None,
        "keypoints_missed": float(np.count_nonzero(seen & ~both)),
    }


def ssim(picture: Image, reference: Image) -> float:
    """Structural similarity of two RGB pictures, -1 to 1 (Wang et al., 2004, with its window).

    It guards against regressions and does not judge try-on. A broken collar costs 0.002.
    """
    value = structural_similarity(  # type: ignore[no-untyped-call]
        picture,
        reference,
        channel_axis=2,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(value)


def lpips(picture: Image, reference: Image) -> float | None:
    """Learned perceptual distance of two RGB pictures, 0 if equal.

    Zhang et al., CVPR 2018, on AlexNet.

    None without the weights: ``bash run.sh models fetch lpips_alex.onnx``.
    """
    try:
        network = sessions.onnx_session(store.find_weights(LPIPS_WEIGHTS))
    except WeightsMissing:
        return None
    first, second = (
        np.ascontiguousarray(each.transpose(2, 0, 1)[None], np.float32) / np.float32(127.5) - 1
        for each in (picture, reference)
    )
    [distance] = network.run(["distance"], {"first": first, "second": second})
    return float(distance)
