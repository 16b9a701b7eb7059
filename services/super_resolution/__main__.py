"""Starts the super-resolution server: ``python -m services.super_resolution``."""

from services.kit.wire.server import main
from services.super_resolution.contract import CONTRACT
from services.super_resolution.service import load

main(CONTRACT, load)
