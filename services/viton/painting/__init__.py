"""Paints the picture: skin, shading, what lies around the garment, and the composition.

- ``top_composition``, ``bottoms_composition``: the order of the layers. ``rendering``: the
  picture.
- ``existing_garment``, ``own_arms``, ``slits``, ``waistband``, ``around_neck``: what lies behind
  and in front of a top.
- ``bottoms_layer``, ``bare_legs``, ``legs_below_hem``, ``kept_over_bottoms``: the same for bottoms
  and skirts.
- ``appearance``, ``skin``: skin and light of a person. ``skin_tone``, ``skin_texture``: its colour.
- ``bare_trunk``, ``bare_arm``, ``bare_arm_edges``: where bare skin lies under clothes.
- ``light_direction``, ``bare_trunk_light``, ``round_arm_light``, ``shading``,
  ``existing_shading``, ``contact_shadow``: light and shadow.
"""
