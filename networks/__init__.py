"""The published research networks as PyTorch modules, for the conversion of their weights.

The modules are written from the papers and from the keys of the official weight files. Each loads
the official file by the file's own keys. ``tryon models add``, the PyTorch engines and the parity
tests import this package, with the ``convert`` extra. Serving on ONNX Runtime does not.
"""
