"""A program on a domain in exact numbers.

The space that is searched, forms on cells and verdicts about them, facets, codes of points.
"""
