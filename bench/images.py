"""Prints how large the images are, as the table of docs/containers.md: ``python bench/images.py``.

``docker compose build`` makes them. "Alone" is an image by itself; "more" is what it adds to the
images above it, since they share layers on disk and on the network.
"""

import sys
from typing import Final

import docker
from docker.errors import DockerException

from gateway import __version__
from gateway.backends import CONTRACTS

MB: Final = 1_000_000
NAMES: Final = (*(contract.host for contract in CONTRACTS), "gateway", "nginx", "weights")


def main() -> None:
    """Print one line an image and one for all of them."""
    try:
        engine = docker.from_env()
        images = {name: engine.images.get(f"tryon/{name}:{__version__}") for name in NAMES}
    except DockerException as error:
        sys.exit(f"{error}\nMake the images first: docker compose build")
    seen: set[tuple[str, ...]] = set()
    total = 0
    print("| image | alone, MB | more, MB |\n|---|--:|--:|")
    for name, image in images.items():
        digests = image.attrs["RootFS"]["Layers"]
        # The history's newest entry is first, and entries of no size made no layer.
        sizes = [layer["Size"] for layer in reversed(image.history()) if layer["Size"]]
        chains = [tuple(digests[: end + 1]) for end in range(len(digests))]
        layers = dict(zip(chains[-len(sizes) :], sizes, strict=True))
        more = sum(size for chain, size in layers.items() if chain not in seen)
        seen.update(layers)
        total += more
        print(f"| `tryon/{name}` | {image.attrs['Size'] / MB:.0f} | {more / MB:.0f} |")
    print(f"| all of them | | {total / MB:.0f} |")


if __name__ == "__main__":
    main()
