"""Image files: decode, check and encode."""
