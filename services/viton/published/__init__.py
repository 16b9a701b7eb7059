"""VITON-HD and HR-VITON at test time, on the networks that their authors published.

- ``viton_hd``, ``hr_viton``: one pipeline each. ``common``: what both share.
"""
