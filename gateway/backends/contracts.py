"""The contracts of the services that the pipeline calls."""

import importlib
from typing import Final

from gateway.pipeline import TRY_ON_PIPELINE
from services.kit.contract import Contract

CONTRACTS: Final[tuple[Contract, ...]] = tuple(
    importlib.import_module(f"services.{name}.contract").CONTRACT
    for name in dict.fromkeys(step.method.service for step in TRY_ON_PIPELINE.steps)
)
"""Every service that the pipeline calls."""
