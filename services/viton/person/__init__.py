"""Reads the person: segmentation, joints, body, arms and legs, in canvas pixels."""
