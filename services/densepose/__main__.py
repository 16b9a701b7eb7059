"""Starts the DensePose server: ``python -m services.densepose``."""

from services.densepose.contract import CONTRACT
from services.densepose.service import load
from services.kit.wire.server import main

main(CONTRACT, load)
