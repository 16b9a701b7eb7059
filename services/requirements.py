"""Prints what pyproject.toml requires, for the images: ``requirements.py [--extra E] [--group G]``.

Without options, what every service requires. Runs before anything is installed.
"""

import argparse
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def main() -> None:
    """Print one requirement a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", help="an extra, or the service whose extra it is")
    parser.add_argument("--group", help="a dependency group")
    arguments = parser.parse_args()
    pyproject = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    project = pyproject["project"]
    if arguments.extra:
        wanted = project["optional-dependencies"][arguments.extra.replace("_", "-")]
    elif arguments.group:
        wanted = pyproject["dependency-groups"][arguments.group]
    else:
        wanted = project["dependencies"]
    print("\n".join(wanted))


if __name__ == "__main__":
    main()
