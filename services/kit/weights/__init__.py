"""Weight files: the manifest, the store and the records of converted files."""
