"""Picture files in and out, and edges refined along a photo."""
