"""Upper garments drawn with exact labels, and how well the try-on engine reads them."""
