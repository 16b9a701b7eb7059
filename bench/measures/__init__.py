"""How good the pictures are: agreement with references, and faults that need none."""
