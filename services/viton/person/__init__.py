"""Reads the person: segmentation, joints, body, arms and legs, in canvas pixels.

- ``photo``, ``upper_body_window``, ``bottoms_extension``: the photo as it is given, cropped for a
  top, and with the existing bottoms up to the waist for a top that is short.
- ``segmentation``, ``stray_islands``, ``shoes``: which pixels are garment, skin, hair or shoes.
- ``joints``, ``limb``, ``arm_masks``: joints, limbs along them, and the pixels near arms.
- ``shoulders``, ``arm``, ``flank``, ``body``: the upper body.
- ``legs``, ``waistline``: the lower body.
- ``measured_person``, ``dress_wearer``: the first stage of a try-on, photo to measurements.
"""
