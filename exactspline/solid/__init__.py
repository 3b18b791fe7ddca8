"""Surfaces in three dimensions as exact meshes: {f = c}, and the border of {f > c} in the domain.

`polytopes.py` goes around the facets of a region, `surface.py` finds those between inside and
outside, `mesh.py` is what comes out, with `topology.py` and `measure.py`; `files.py` writes it.
"""

from __future__ import annotations
