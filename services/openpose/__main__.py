"""Starts the pose server: ``python -m services.openpose``."""

from services.kit.wire.server import main
from services.openpose.contract import CONTRACT
from services.openpose.service import load

main(CONTRACT, load)
