"""exactspline takes a piecewise-affine neural network apart into its exact pieces.

A network of affine operators and piecewise-affine nonlinearities cuts its input space into
convex regions and is one affine map on each. exactspline enumerates every one of them, and
nothing else: a network's parameters are exact rationals, and every count is proved.
"""

from .api import RegionCount, RegionStream, count_regions, enumerate_regions, load
from .domain import Box, Domain, Polytope, Slice, WholeSpace
from .errors import (
    DomainError,
    ExactSplineError,
    FormatError,
    LimitError,
    ParameterError,
    ShapeError,
    UndecidedError,
    UnsupportedOperatorError,
)
from .network import (
    Abs,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    LeakyReLU,
    Network,
    Operator,
    PReLU,
    ReLU,
    Reshape,
)

__version__ = "0.1.0"

__all__ = [
    "Abs",
    "Box",
    "Dense",
    "Domain",
    "DomainError",
    "Elementwise",
    "ExactSplineError",
    "Flatten",
    "FormatError",
    "Identity",
    "LeakyReLU",
    "LimitError",
    "Network",
    "Operator",
    "PReLU",
    "ParameterError",
    "Polytope",
    "ReLU",
    "RegionCount",
    "RegionStream",
    "Reshape",
    "ShapeError",
    "Slice",
    "UndecidedError",
    "UnsupportedOperatorError",
    "WholeSpace",
    "count_regions",
    "enumerate_regions",
    "load",
]
