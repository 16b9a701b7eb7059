"""Remove the existing garment from a person's labels and photo."""
