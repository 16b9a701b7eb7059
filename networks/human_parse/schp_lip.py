"""SCHP trained on LIP: 20 classes, 473 x 473."""

from typing import Final

from networks.human_parse.schp import make_conversion_spec

SPEC: Final = make_conversion_spec(20, 473)
"""How `models add` converts the network."""
