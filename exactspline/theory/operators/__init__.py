"""Operators as max-affine splines: checks 2, 3 and 9."""
