"""Starts this service's server: ``python -m services.cloth_mask``."""

from services.cloth_mask.contract import CONTRACT
from services.cloth_mask.service import load
from services.kit.wire.server import main

if __name__ == "__main__":
    main(CONTRACT, load)
