"""Takes the worn garment away."""
