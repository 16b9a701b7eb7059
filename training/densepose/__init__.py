"""Train the part network of the densepose service on rendered bodies."""
