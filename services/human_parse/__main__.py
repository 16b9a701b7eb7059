"""Starts this service's server: ``python -m services.human_parse``."""

from services.human_parse.contract import CONTRACT
from services.human_parse.service import load
from services.kit.wire.server import main

if __name__ == "__main__":
    main(CONTRACT, load)
