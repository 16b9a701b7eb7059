"""Cuts a garment out of its photo."""
