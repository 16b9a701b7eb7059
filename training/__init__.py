"""Training of the networks of this repository."""
