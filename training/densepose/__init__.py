"""Learns DensePose's parts from rendered bodies."""
