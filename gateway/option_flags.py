"""The flags of the command line, one for each option of ``OPTIONS``."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar, cast

import typer

from gateway.options import OPTIONS, Option

Command = TypeVar("Command", bound=Callable[..., None])


def with_option_flags(command: Command) -> Command:
    """Give a command a flag for each option; it takes the values as ``**options``, by name."""
    signature = inspect.signature(command)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    flags = [_flag(option) for option in OPTIONS if option.on_command_line]
    # Typer makes its arguments and flags of a function's signature.
    cast("Any", command).__signature__ = signature.replace(parameters=[*own, *flags])
    return command


def _flag(option: Option[Any]) -> inspect.Parameter:
    schema = option.schema
    flag = typer.Option(help=option.meaning, min=schema.get("minimum"), max=schema.get("maximum"))
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=option.default,
        annotation=Annotated[option.parser.value_type, flag],
    )
