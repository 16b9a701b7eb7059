"""OpenPose's body networks (Cao et al., "OpenPose", TPAMI 2019).

https://github.com/CMU-Perceptual-Computing-Lab/openpose. Confidence maps of the joints and part
affinity fields, vectors along the limbs, both at an eighth of the picture's size.
"""
