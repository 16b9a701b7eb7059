"""Paints the picture: skin, shading, what lies around the garment, and the composition."""
