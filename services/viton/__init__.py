"""Dresses a person in a garment, in four stages.

The person is measured (``person``) beside the garment (``garment``); each part of the garment is
placed on the body (``placing``); the picture is painted (``painting``). ``tops``, ``dresses`` and
``bottoms`` are the sequences, one garment kind each. ``published`` holds VITON-HD and HR-VITON.
"""
