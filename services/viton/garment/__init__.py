"""Reads the garment's photo: landmarks, outline, neckline, sleeves, and the cut-out garment."""
