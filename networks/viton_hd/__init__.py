"""VITON-HD: Choi et al., CVPR 2021, github.com/shadow2496/VITON-HD."""
