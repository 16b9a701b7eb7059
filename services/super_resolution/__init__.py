"""Enlarges small photos."""
