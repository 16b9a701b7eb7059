"""Render the example pictures.

The tool has requirements of its own. The project never imports it.
"""
