"""Labels a person by body part and garment."""
