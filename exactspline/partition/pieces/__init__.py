"""The affine pieces of many regions at once, and which of them are equal."""
