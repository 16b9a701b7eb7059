"""What travels between processes: codec, channels, server, interceptors and error status."""
