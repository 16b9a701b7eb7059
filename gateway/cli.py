"""The command line: ``tryon serve``, ``tryon``, ``services``, ``models``, ``stop`` and ``logs``.

Exit status: 0 done, 1 the system could not, 2 the command line is wrong, 3 the photos cannot be
used, 130 interrupted. A command's module is imported when the command runs, so that none waits for
what another needs.
"""

import importlib
import sys
from typing import Any, Final

import pydantic
import typer
import typer.core

from gateway import __version__
from gateway.commands.exits import EXIT_INTERRUPTED, EXIT_USAGE
from gateway.settings import PREFIX
from services.kit.consoles import print_error, stdout_console

COMMANDS: Final = {
    "serve": ("gateway.commands.serve", "serve"),
    "tryon": ("gateway.commands.try_on", "try_on"),
    "services": ("gateway.commands.show_services", "services"),
    "models": ("services.kit.model_commands.commands", "app"),
    "stop": ("gateway.commands.stop", "stop"),
    "logs": ("gateway.commands.show_logs", "show_logs"),
}
"""Module and function, or group, of each command."""

ORCHESTRATOR_SETTINGS: Final = ("OrchestratorSettings", "TRYON_DOCKER_")
"""Name of the orchestrator's settings in a validation error, and the prefix of their variables."""


class LazyGroup(typer.core.TyperGroup):
    """A group of commands that are imported when they are needed."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; return None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, name = COMMANDS[cmd_name]
        target = getattr(importlib.import_module(module), name)
        if isinstance(target, typer.Typer):
            command = typer.main.get_command(target)
        else:
            alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
            alone.command()(target)
            command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


cli = typer.Typer(
    name="tryon",
    cls=LazyGroup,
    help="Virtual try-on: a person's photo and a garment's photo in, the person wearing it out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.callback()
def group() -> None:
    """Virtual try-on: a person's photo and a garment's photo in, the person wearing it out."""


@cli.command()
def version() -> None:
    """Print the version."""
    stdout_console.print(__version__)


def main() -> None:
    """Run the command line."""
    try:
        cli()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except pydantic.ValidationError as error:
        orchestrator, docker_prefix = ORCHESTRATOR_SETTINGS
        prefix = docker_prefix if error.title == orchestrator else PREFIX
        for each in error.errors():
            name = "_".join(str(part).upper() for part in each["loc"])
            # Fields with a former name are located by their variable, others by their own name.
            name = name if name.startswith(PREFIX) else prefix + name
            print_error(f"{name}: {each['msg']}")
        sys.exit(EXIT_USAGE)


if __name__ == "__main__":
    main()
