"""Print the sizes of the images as the table of docs/containers.md: ``python bench/images.py``.

``docker compose build`` makes the images.
"""

import sys
from typing import Final

import docker
from docker.errors import DockerException

from gateway import __version__
from gateway.backends.contracts import CONTRACTS

MB: Final = 1_000_000
"""Bytes of a megabyte."""

NAMES: Final = (*(contract.host for contract in CONTRACTS), "gateway", "nginx", "weights")
"""The images, by the names of their containers."""


def main() -> None:
    """Print one line an image."""
    try:
        engine = docker.from_env()
        images = {name: engine.images.get(f"tryon/{name}:{__version__}") for name in NAMES}
    except DockerException as error:
        sys.exit(f"{error}\nMake the images first: docker compose build")
    print("| image | MB |\n|---|--:|")
    for name, image in images.items():
        print(f"| `tryon/{name}` | {image.attrs['Size'] / MB:.0f} |")


if __name__ == "__main__":
    main()
