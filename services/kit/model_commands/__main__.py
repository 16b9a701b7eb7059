"""Runs the commands of ``tryon models``: ``python -m services.kit.model_commands fetch``."""

from services.kit.model_commands.commands import app

app()
