"""Affine splines in place of smooth operators, with proved errors.

`functions.py` says what is known of each function, `tunnel.py` and `splines.py` choose a
spline, `proof.py` bounds its error, `intervals.py` and `network.py` carry ranges and errors
through a network, `report.py` is the result.
"""

from .network import approximate
from .report import Approximation, Replaced

__all__ = ["Approximation", "Replaced", "approximate"]
