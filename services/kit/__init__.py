"""Code that all services share: contracts, errors, settings, wire format, weights, runtimes."""
