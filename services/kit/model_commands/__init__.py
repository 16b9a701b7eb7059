"""The `tryon models` commands: fetch, prepare, convert and list weight files."""
