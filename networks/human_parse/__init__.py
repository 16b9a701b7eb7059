"""Human parsers: classify every pixel of a person as a garment or a body part."""
