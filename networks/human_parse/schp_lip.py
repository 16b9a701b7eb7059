"""SCHP trained on LIP: 20 classes, 473 x 473."""

from typing import Final

from networks.human_parse.schp import published

PUBLISHED: Final = published(20, 473)
