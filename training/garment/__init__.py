"""The network that reads garments: its drawn examples, its training, its export."""
