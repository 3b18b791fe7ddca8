"""Domains: the whole space, boxes, polytopes and slices, and their exact charts.

A chart parametrises a domain by coordinates of its own affine hull, so that the search only
ever meets full-dimensional sets: a box side of length zero or an implicit equality of a
polytope is gone from there on.
"""

from .box import Box
from .chart import Chart, Domain, WholeSpace
from .polytope import Polytope
from .slice import Slice

__all__ = ["Box", "Chart", "Domain", "Polytope", "Slice", "WholeSpace"]
