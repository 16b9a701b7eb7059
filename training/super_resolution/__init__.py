"""The ranges by which SRGAN's activations are rounded to 8 bits."""
