"""SCHP trained on ATR: 18 classes, 512 x 512."""

from typing import Final

from networks.human_parse.schp import make_conversion_spec

SPEC: Final = make_conversion_spec(18, 512)
"""How `models add` converts the network."""
