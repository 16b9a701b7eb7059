"""Starts the resize server: ``python -m services.resize``."""

from services.kit.wire.server import main
from services.resize.contract import CONTRACT
from services.resize.service import load

main(CONTRACT, load)
