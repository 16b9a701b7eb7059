"""Starts the try-on server: ``python -m services.viton``."""

from services.kit.wire.server import main
from services.viton.contract import CONTRACT
from services.viton.service import load

main(CONTRACT, load)
