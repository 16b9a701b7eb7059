"""HTTP in, the try-on pipeline, HTTP out."""

__version__ = "0.2.0"
