"""Starts the agnostic server: ``python -m services.agnostic``."""

from services.agnostic.contract import CONTRACT
from services.agnostic.service import load
from services.kit.wire.server import main

main(CONTRACT, load)
