"""SCHP trained on ATR: 18 classes, 512 x 512."""

from typing import Final

from networks.human_parse.schp import published

PUBLISHED: Final = published(18, 512)
