"""Finds the joints of the main person."""
