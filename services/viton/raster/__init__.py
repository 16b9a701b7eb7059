"""Pixels: fills, mattes, morphology, layers and warps of masks and colour images."""
