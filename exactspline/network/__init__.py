"""What a network is: operators over exact parameters, their shapes, and their composition.

Every operator lives in one place here: it checks its shapes, evaluates itself (in float64
and in rationals), lowers itself to the program that all later rooms read, and through that
says itself as a max-affine spline operator. The decorator `operator` puts it into ``OPERATORS``
and among the names of this package, so that a new file in this folder needs no line here. The
names that stand here are for type checkers, which take others for ``Any``.
"""

import sys
from typing import Any

from ..discovery import load_files
from .activations import (
    Abs,
    Clip,
    HardSigmoid,
    LeakyReLU,
    MaxLeaky,
    PReLU,
    ReLU,
    ScalarSpline,
    Threshold,
)
from .affine import Add, BatchNorm, Dense, Elementwise
from .arrange import Concat, Expand, Flatten, Identity, Pad, Reshape, Select, Transpose
from .convolution import Conv, ConvTranspose
from .graph import Branches, Node, Residual
from .maso import MASO, SimplifiedMASO
from .maxima import Maximum, Maxout, Minimum
from .network import Network, NetworkLayer
from .operator import Operator, operators
from .pooling import (
    AveragePool,
    MaxPool,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    SumPool,
)
from .smooth import ELU, GELU, HardSwish, LogSoftmax, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .sorting import Sort
from .sparse import SparseLinear
from .spline import ASO

__all__ = [
    "ASO",
    "ELU",
    "GELU",
    "MASO",
    "OPERATORS",
    "Abs",
    "Add",
    "AveragePool",
    "BatchNorm",
    "Branches",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Elementwise",
    "Expand",
    "Flatten",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "MaxLeaky",
    "MaxPool",
    "Maximum",
    "Maxout",
    "Minimum",
    "Network",
    "NetworkLayer",
    "Node",
    "Operator",
    "PReLU",
    "Pad",
    "ReLU",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Reshape",
    "Residual",
    "ScalarSpline",
    "Select",
    "SiLU",
    "Sigmoid",
    "SimplifiedMASO",
    "Softmax",
    "Softplus",
    "Sort",
    "SparseLinear",
    "SumPool",
    "Tanh",
    "Threshold",
    "Transpose",
]

load_files(sys.modules[__name__])
OPERATORS: tuple[type[Operator], ...] = tuple(operators().values())
globals().update(operators())
__all__ += [name for name in operators() if name not in __all__]


def __getattr__(name: str) -> Any:  # type checkers see by it that there may be others
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
