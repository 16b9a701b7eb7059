"""DensePose: predict the body surface coordinates of every pixel of a person."""
