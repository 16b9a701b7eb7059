"""Classes that pixels get first; CIHP ids follow from them and the joints."""

BACKGROUND, HAIR, SKIN, FACE, UPPER, LOWER, DRESS, OTHERS = range(8)
