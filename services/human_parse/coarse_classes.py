"""What the pixels are first told apart as, before they get CIHP's ids."""

BACKGROUND, HAIR, SKIN, FACE, UPPER, LOWER, DRESS, OTHERS = range(8)
