"""What the networks of this repository are trained with."""
