"""What is measured: speed, load, costs and the quality of the pictures."""
