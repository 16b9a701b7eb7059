"""OpenPose's body networks (Cao et al., "OpenPose", TPAMI 2019).

https://github.com/CMU-Perceptual-Computing-Lab/openpose. The outputs are confidence maps of the
joints and part affinity fields (vectors along the limbs), both at 1/8 of the image's size.
"""
