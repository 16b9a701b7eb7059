"""Pictures to try the system with, and the tool that made them."""
