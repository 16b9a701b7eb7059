"""Sample pictures, and the tool that makes them."""
