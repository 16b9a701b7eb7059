"""Dresses a person in a garment."""
