"""The commands of ``tryon``, a module each. ``gateway/cli.py`` imports the one that is run."""
