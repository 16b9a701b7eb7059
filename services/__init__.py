"""The services of the try-on pipeline, one package each, and the kit they share."""
