"""VITON-HD and HR-VITON at test time, on the networks that their authors published."""
