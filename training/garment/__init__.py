"""The network of garment attributes: drawn examples, training, export."""
