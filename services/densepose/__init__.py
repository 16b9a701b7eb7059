"""Maps a person to the surface of a body."""
