"""Render the example pictures: `python -m examples.render OUT_DIR [--only NAME ...]`."""

import argparse
from pathlib import Path

from examples.render.pictures import PICTURES, draw


def main() -> None:
    """Read the command line and render."""
    parser = argparse.ArgumentParser(prog="python -m examples.render", description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--only", nargs="+", choices=sorted(PICTURES), default=list(PICTURES))
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 900x1200 pixels")
    options = parser.parse_args()
    options.out_dir.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        draw(name, (options.out_dir / name).resolve(), options.scale)


if __name__ == "__main__":
    main()
