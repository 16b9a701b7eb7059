"""Backends: how the graph's calls reach the services, in this process or over gRPC.

All backends have one protocol. The same arrays go in and come out. Each has a module of its own, so
that a program imports only what its backend needs.
"""
