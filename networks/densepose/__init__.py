"""DensePose: where each pixel of a person lies on the surface of a body."""
