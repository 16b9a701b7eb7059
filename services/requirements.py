"""Print requirements of pyproject.toml for the images: ``requirements.py [--extra E] [--group G]``.

Without options, those of every service. Needs no installed package.
"""

import argparse
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
"""File of the requirements."""


def main() -> None:
    """Print one requirement per line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extra", help="an extra, or the service whose extra it is")
    parser.add_argument("--group", help="a dependency group")
    arguments = parser.parse_args()
    pyproject = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    project = pyproject["project"]
    if arguments.extra:
        extra = arguments.extra.replace("_", "-")
        wanted = _entry(project["optional-dependencies"], extra, "[project.optional-dependencies]")
    elif arguments.group:
        wanted = _entry(pyproject["dependency-groups"], arguments.group, "[dependency-groups]")
    else:
        wanted = project["dependencies"]
    print("\n".join(wanted))


def _entry(table: Mapping[str, list[str]], name: str, title: str) -> list[str]:
    """Return an entry of a table of pyproject.toml; exit with a message if there is none."""
    if name not in table:
        sys.exit(
            f"{title} of pyproject.toml has no {name}; it has {', '.join(sorted(table))}. A new "
            f"service needs a line there, with an empty list if it requires nothing: {name} = []"
        )
    return table[name]


if __name__ == "__main__":
    main()
