"""Deployments: compose, Swarm and Kubernetes, and what writes the services into their files."""
