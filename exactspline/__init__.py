"""exactspline takes a piecewise-affine neural network apart into its exact pieces.

A network of affine operators and piecewise-affine nonlinearities cuts its input space into
convex regions and is one affine map on each. exactspline enumerates every one of them, and
nothing else: a network's parameters are exact rationals, and every count is proved.
"""

from typing import Any

from .mode import guarded


@guarded
def _load() -> None:
    """Load the rooms: constants of modules are computed in standard mode, whatever the caller's."""
    from . import api, evaluate, wiring  # noqa: F401
    from .partition.regions import region  # noqa: F401


_load()

from .api import (
    RegionCount,
    RegionStream,
    approximate,
    count_regions,
    enumerate_regions,
    from_sklearn,
    from_torch,
    load,
    open_partition,
    regions_at,
)
from .domain import Box, Domain, Polytope, Slice, WholeSpace
from .errors import (
    DomainError,
    ExactSplineError,
    FloatingPointModeError,
    FormatError,
    LimitError,
    ParameterError,
    ShapeError,
    StoreError,
    UndecidedError,
    UnsupportedOperatorError,
    WorkerError,
)
from .evaluate import (
    Forward,
    ForwardCore,
    LayerValues,
    affine_maps,
    codes,
    forward,
    forward_core,
    prepare,
    vq_distance,
)
from .network import (
    ASO,
    ELU,
    GELU,
    MASO,
    Abs,
    Add,
    AveragePool,
    BatchNorm,
    Branches,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    Elementwise,
    Expand,
    Flatten,
    HardSigmoid,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Maximum,
    MaxLeaky,
    Maxout,
    MaxPool,
    Minimum,
    Network,
    Operator,
    Pad,
    PReLU,
    ReduceMax,
    ReduceMean,
    ReduceMin,
    ReduceSum,
    ReLU,
    Reshape,
    Residual,
    ScalarSpline,
    Select,
    Sigmoid,
    SiLU,
    SimplifiedMASO,
    Softmax,
    Softplus,
    SumPool,
    Tanh,
    Threshold,
    Transpose,
)
from .network import OPERATORS as _OPERATORS
from .partition.regions.region import Region

__version__ = "0.1.0"

__all__ = [
    "ASO",
    "ELU",
    "GELU",
    "MASO",
    "Abs",
    "Add",
    "AveragePool",
    "BatchNorm",
    "Box",
    "Branches",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Dense",
    "Domain",
    "DomainError",
    "Elementwise",
    "ExactSplineError",
    "Expand",
    "Flatten",
    "FloatingPointModeError",
    "FormatError",
    "Forward",
    "ForwardCore",
    "HardSigmoid",
    "Identity",
    "LayerValues",
    "LeakyReLU",
    "LimitError",
    "LogSoftmax",
    "MaxLeaky",
    "MaxPool",
    "Maximum",
    "Maxout",
    "Minimum",
    "Network",
    "Operator",
    "PReLU",
    "Pad",
    "ParameterError",
    "Polytope",
    "ReLU",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Region",
    "RegionCount",
    "RegionStream",
    "Reshape",
    "Residual",
    "ScalarSpline",
    "Select",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SimplifiedMASO",
    "Slice",
    "Softmax",
    "Softplus",
    "StoreError",
    "SumPool",
    "Tanh",
    "Threshold",
    "Transpose",
    "UndecidedError",
    "UnsupportedOperatorError",
    "WholeSpace",
    "WorkerError",
    "affine_maps",
    "approximate",
    "codes",
    "count_regions",
    "enumerate_regions",
    "forward",
    "forward_core",
    "from_sklearn",
    "from_torch",
    "load",
    "open_partition",
    "prepare",
    "regions_at",
    "vq_distance",
]
# the names above are for type checkers; operators of other files come by their decorator
globals().update({_kind.__name__: _kind for _kind in _OPERATORS})
__all__ += [_kind.__name__ for _kind in _OPERATORS if _kind.__name__ not in __all__]


def __getattr__(name: str) -> Any:
    if name == "theory":  # loaded when it is first asked for
        return _theory()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@guarded
def _theory() -> Any:
    import exactspline.theory as room  # not "from . import": that would ask __getattr__ again

    return room
