"""The published research networks as PyTorch modules, for converting their weights.

Written anew from the papers and from what the official weight files hold; each loads its official
file by its own keys. Only ``tryon models add``, the PyTorch engines and the parity tests import
this package, with the ``convert`` extra: serving on ONNX Runtime needs none of it.
"""
