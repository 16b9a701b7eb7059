"""Where the project's own networks are learned; nothing here runs in a service."""
