"""Places each part of the garment on the body: point pairs, warps and the sampled layers."""
