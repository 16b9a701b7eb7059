"""Weight files: which there are, where they lie, and what is recorded of converted ones."""
