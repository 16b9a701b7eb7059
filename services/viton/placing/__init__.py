"""Places each part of the garment on the body: point pairs, warps and the sampled layers.

- ``top_placement``, ``dress_placement``, ``bottoms_placement``: where one kind of garment lies.
- ``torso``, ``torso_front``, ``torso_rows``, ``row_map``, ``straps``: the torso of a top.
- ``sleeve``: sleeves along the arms.
- ``skirt``, ``trousers``, ``warp_grid``: skirts and trouser legs, as grids.
- ``garment_layers``: torso and sleeves, sampled on the canvas.
"""
