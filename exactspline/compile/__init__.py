"""From a network to its program: per layer a sparse affine map of the state and units.

The program is the one representation that search, forward, exact and proof read.
"""

from .builder import compile_network, compile_operator
from .forms import Forms
from .program import Layer, Program, UnitGroup, UnitName, Units

__all__ = [
    "Forms",
    "Layer",
    "Program",
    "UnitGroup",
    "UnitName",
    "Units",
    "compile_network",
    "compile_operator",
]
