"""Networks as affine splines, convexity, and explicit formulas: checks 1, 4, 5 and 6."""
