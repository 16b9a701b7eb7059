"""Starts, watches and stops the services' containers, through the Docker engine's API."""
