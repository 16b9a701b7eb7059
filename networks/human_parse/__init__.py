"""Human parsers: what a person wears and which part of the body is bare, pixel by pixel."""
