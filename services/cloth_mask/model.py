"""The networks behind the mask and behind the reading."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from services.cloth_mask import attributes
from services.kit.errors import WeightsMissing
from services.kit.garment_attributes import GarmentAttributes
from services.kit.raster.guided_filter import Plane
from services.kit.runtimes import sessions
from services.kit.runtimes.u2net import U2NetCloth
from services.kit.types import Image, Mask
from services.kit.weights import store

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ATTRIBUTES_NETWORK: Final = Path(__file__).with_name("garment.onnx")
"""Our own network (``training/garment``); it comes with the code."""

ATTRIBUTES_NETWORK_SHA256: Final = (
    "badd7d22d1ced884b30920fdd05cba4b658f4e0e33d3ce1cde831f53476124c0"
)
"""SHA-256 of that file."""

CONVERTED: Final = "u2net_cloth_pth.onnx"
"""What ``models add --as u2net_cloth`` makes of the official file."""

FIRST_SIDE_PX: Final = 512
"""Side of the network's input for the whole photo, a multiple of 32.

At 384 the network overlooks whole garments. At 768 it takes more than twice the time and memory and
finds more only on fine prints, which the second run finds as well.
"""

SECOND_SIDE_PX: Final = 576
"""Side of the network's input for the garment's crop, a multiple of 32."""


def load(file: str) -> U2NetCloth:
    """Load the network from a weight file of that name. Raises WeightsMissing."""
    return U2NetCloth(sessions.onnx_session(store.find_weights(file)))


def garment_probability(classes: NDArray[np.float32]) -> Plane:
    """Return the probability of any kind of garment, from those of the network's four classes."""
    return np.asarray(1 - classes[..., 0], np.float32)


@dataclass(frozen=True)
class AttributesNetwork:
    """The network that tells category, sleeves, neckline, opening and landmarks.

    It looks at the garment and at its mirror image; of classes and reach the mean of both counts.
    """

    session: "InferenceSession"
    """The loaded network: 1 x 4 x SIDE x SIDE to landmarks, classes and reach."""

    def read(self, image: Image, mask: Mask) -> GarmentAttributes:
        """Read a garment from its photo and its mask, both of one size."""
        seen = attributes.garment_window(mask)
        inputs = attributes.network_input(image, mask, seen)
        views = (inputs, np.ascontiguousarray(inputs[..., ::-1]))
        first, second = (
            self.session.run(["landmarks", "classes", "reach"], {"garment": view[None]})
            for view in views
        )
        classes, reach = attributes.average_with_mirror_image(
            [part[0] for part in first[1:]], [part[0] for part in second[1:]]
        )
        return attributes.decode_attributes(first[0][0], classes, reach, seen)


def load_attributes_network() -> AttributesNetwork:
    """Load the reading network. Raises WeightsMissing if it is not the file that was trained."""
    if (
        not ATTRIBUTES_NETWORK.is_file()
        or store.sha256(ATTRIBUTES_NETWORK) != ATTRIBUTES_NETWORK_SHA256
    ):
        raise WeightsMissing(
            f"{ATTRIBUTES_NETWORK.name} beside the cloth_mask service is missing or damaged; "
            "install this program again."
        )
    return AttributesNetwork(sessions.onnx_session(ATTRIBUTES_NETWORK))
