"""Measures of pictures: agreement with references, and faults that need no reference."""
