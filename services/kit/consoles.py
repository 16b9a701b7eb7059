"""The consoles that the command lines print on, and how they print an error."""

from typing import Final

from rich.console import Console

EXIT_FAILED: Final = 1
"""Exit status: the system could not do it."""

stdout_console: Final = Console(highlight=False)
"""Prints on standard output."""

stderr_console: Final = Console(stderr=True, highlight=False)
"""Prints on standard error."""


def print_error(message: str) -> None:
    """Print a message in red on standard error, its brackets as they are."""
    stderr_console.print(message, style="red", markup=False, soft_wrap=True)
