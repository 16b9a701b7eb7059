"""HTTP in, the try-on pipeline, HTTP out."""

__version__ = "0.1.0"
