"""How commands end."""

from typing import Final, NoReturn

import typer

from gateway.settings import GatewaySettings
from services.kit.consoles import print_error
from services.kit.settings import Settings

EXIT_USAGE: Final = 2
"""Exit status: the command line or a setting is wrong."""

EXIT_INPUT: Final = 3
"""Exit status: the photos cannot be used."""

EXIT_INTERRUPTED: Final = 130
"""Exit status: 128 and the number of SIGINT."""


def fail(message: str, status: int) -> NoReturn:
    """Print an error and end the command with an exit status."""
    print_error(message)
    raise typer.Exit(status)


def drain_seconds(settings: GatewaySettings, service_settings: Settings) -> float:
    """Return the seconds that a server may take to finish its requests and stop its services."""
    return settings.deadline + service_settings.shutdown_grace
