"""Puts pictures on the canvas and back."""
