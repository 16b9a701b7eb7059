"""Measures the activations of the clothes network, for its 8-bit file."""
