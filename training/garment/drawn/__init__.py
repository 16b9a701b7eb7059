"""Garments drawn with exact labels."""
