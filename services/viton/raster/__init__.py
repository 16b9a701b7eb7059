"""Pixels: fills, mattes, morphology, layers and warps of masks and colour images.

- ``planes``: channels, statistics, windows. ``morphology``, ``polygon``: masks.
- ``smoothing``, ``noise``: Gaussian smoothing, and a photo's noise.
- ``alpha_matte``, ``pull_push``: the coverage of edges, and fills between known pixels.
- ``sampling``, ``thin_plate_spline``, ``ruled_warp``: images through dense maps, and such maps.
- ``layers``: an image composed of layers.
"""
