"""Renders the example pictures.

A tool with requirements of its own, which the project never imports.
"""
