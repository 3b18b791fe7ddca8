"""Samples through a network: values, codes and affine maps, in NumPy or in Numba.

The passes read the compiled program and nothing else, so they hold for every operator. A code
can be proved, by a running error bound or in rationals.
"""

from .core import ForwardCore, core_of
from .distance import vq_distance
from .functions import affine_maps, codes, forward, forward_core, prepare
from .result import Forward, LayerValues

__all__ = [
    "Forward",
    "ForwardCore",
    "LayerValues",
    "affine_maps",
    "codes",
    "core_of",
    "forward",
    "forward_core",
    "prepare",
    "vq_distance",
]
