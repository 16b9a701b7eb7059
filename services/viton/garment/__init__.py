"""Detects the landmarks of a garment in its photo, and cuts the garment out.

- ``photo``: the garment's photo as it is given, with its mask and attributes.
- ``top_landmarks``, ``dress_landmarks``, ``bottoms_landmarks``: detect the landmarks of one kind of
  garment. ``landmarks`` holds the types of a top.
- ``silhouette``, ``armpits``, ``halves``: the outline's profiles, and what is found in them.
- ``sleeve_boundary``: the line between a sleeve and the torso below the armpit.
- ``priors``, ``sleeve_length``: the network's prediction, and the sleeves' class by both.
- ``neckline``, ``neckline_photo``, ``neckline_curve``, ``neckline_edge``, ``inner_back``,
  ``colour_clusters``: the edge of the front at the neck.
- ``hood``, ``collar_back``, ``stand_collar``, ``cuff_opening``: pieces around neck and wrists.
- ``cutout``, ``background_bleed``: colours and alpha mattes without background.
- ``plain_light``, ``plain_sleeve``: light and shade of the photo, taken off plain garments.
"""
