"""What every service shares: contracts, codec, errors, server, weights, sessions."""
