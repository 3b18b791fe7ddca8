"""What a network is: operators over exact parameters, their shapes, and their composition.

Every operator lives in one place here: it checks its shapes, evaluates itself (in float64
and in rationals) and lowers itself to the program that all later rooms read.
"""

from .network import Network, Node
from .operators import (
    Abs,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    LeakyReLU,
    Operator,
    PReLU,
    ReLU,
    Reshape,
)

__all__ = [
    "Abs",
    "Dense",
    "Elementwise",
    "Flatten",
    "Identity",
    "LeakyReLU",
    "Network",
    "Node",
    "Operator",
    "PReLU",
    "ReLU",
    "Reshape",
]
