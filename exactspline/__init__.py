"""exactspline takes a piecewise-affine neural network apart into its exact pieces.

A network of affine operators and piecewise-affine nonlinearities cuts its input space into
convex regions and is one affine map on each. exactspline enumerates every one of them, and
nothing else: a network's parameters are exact rationals, and every count is proved.
"""

from typing import TYPE_CHECKING, Any

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
    explore,
    from_sklearn,
    from_torch,
    load,
    open_partition,
    regions_at,
    stream_regions,
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
    HardSwish,
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
    Sort,
    SparseLinear,
    SumPool,
    Tanh,
    Threshold,
    Transpose,
)
from .network import OPERATORS as _OPERATORS
from .partition.regions.region import Region
from .version import __version__ as __version__

if TYPE_CHECKING:
    from .families.family import Parametric, parametric
    from .families.parameters import ParameterSet
    from .families.steps import RegionSteps
    from .results import (
        Approximation,
        Borders,
        Complex,
        ComplexCorners,
        ComplexEdges,
        ComplexFace,
        ComplexFaces,
        DecisionBoundary,
        Decisions,
        Edges,
        EulerReport,
        Explorer,
        Face,
        Faces,
        HalfEdges,
        IdealCorners,
        Inequality,
        LayerPartition,
        LineComplex,
        LineCorners,
        LineEdges,
        Locations,
        Mesh,
        MixedInteger,
        Partition,
        Polygon,
        RegionFacet,
        RegionGroups,
        Replaced,
        SettledFacets,
        StableUnits,
        Stop,
        Subdivision,
        SubdivisionEdges,
        SymbolicNetwork,
        SymbolicRegion,
    )
    from .segments.public import SegmentEvent, SegmentPath, segment_path
    from .statements.public import (
        Condition,
        Statement,
        Term,
        Verdict,
        always_on,
        argmax,
        at_most_apart,
        bounded,
        code,
        code_constant,
        convex,
        counterexamples,
        dead,
        equal,
        equivalent,
        exists,
        find,
        forall,
        hidden,
        homeomorphism,
        implies,
        injective,
        l1_norm,
        lipschitz,
        logits,
        max_norm,
        maximum,
        minimum,
        monotone,
        never_class,
        prove,
        rational,
        redundant_unit,
        relu,
        robust,
        symmetric,
        unit_on,
    )
    from .theory.own import check
    from .verification.public import (
        Answer,
        HalfSpace,
        OutputRange,
        Part,
        Preimage,
        PreimageVolume,
        Radius,
        RegionsWhere,
        RegionWhere,
        Violation,
        max_violation,
        output_range,
        preimage,
        robust_radius,
        verify,
    )
    from .verification.queries import QueryAnswer, verify_query
    from .visits.functions import census
    from .visits.result import Census, CensusComparison, CensusLayer

__all__ = [
    "ASO",
    "ELU",
    "GELU",
    "MASO",
    "Abs",
    "Add",
    "Answer",
    "Approximation",
    "AveragePool",
    "BatchNorm",
    "Borders",
    "Box",
    "Branches",
    "Census",
    "CensusComparison",
    "CensusLayer",
    "Clip",
    "Complex",
    "ComplexCorners",
    "ComplexEdges",
    "ComplexFace",
    "ComplexFaces",
    "Concat",
    "Condition",
    "Conv",
    "ConvTranspose",
    "DecisionBoundary",
    "Decisions",
    "Dense",
    "Domain",
    "DomainError",
    "Edges",
    "Elementwise",
    "EulerReport",
    "ExactSplineError",
    "Expand",
    "Explorer",
    "Face",
    "Faces",
    "Flatten",
    "FloatingPointModeError",
    "FormatError",
    "Forward",
    "ForwardCore",
    "HalfEdges",
    "HalfSpace",
    "HardSigmoid",
    "HardSwish",
    "IdealCorners",
    "Identity",
    "Inequality",
    "LayerPartition",
    "LayerValues",
    "LeakyReLU",
    "LimitError",
    "LineComplex",
    "LineCorners",
    "LineEdges",
    "Locations",
    "LogSoftmax",
    "MaxLeaky",
    "MaxPool",
    "Maximum",
    "Maxout",
    "Mesh",
    "Minimum",
    "MixedInteger",
    "Network",
    "Operator",
    "OutputRange",
    "PReLU",
    "Pad",
    "ParameterError",
    "ParameterSet",
    "Parametric",
    "Part",
    "Partition",
    "Polygon",
    "Polytope",
    "Preimage",
    "PreimageVolume",
    "QueryAnswer",
    "Radius",
    "ReLU",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Region",
    "RegionCount",
    "RegionFacet",
    "RegionGroups",
    "RegionSteps",
    "RegionStream",
    "RegionWhere",
    "RegionsWhere",
    "Replaced",
    "Reshape",
    "Residual",
    "ScalarSpline",
    "SegmentEvent",
    "SegmentPath",
    "Select",
    "SettledFacets",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "SimplifiedMASO",
    "Slice",
    "Softmax",
    "Softplus",
    "Sort",
    "SparseLinear",
    "StableUnits",
    "Statement",
    "Stop",
    "StoreError",
    "Subdivision",
    "SubdivisionEdges",
    "SumPool",
    "SymbolicNetwork",
    "SymbolicRegion",
    "Tanh",
    "Term",
    "Threshold",
    "Transpose",
    "UndecidedError",
    "UnsupportedOperatorError",
    "Verdict",
    "Violation",
    "WholeSpace",
    "WorkerError",
    "affine_maps",
    "always_on",
    "approximate",
    "argmax",
    "at_most_apart",
    "bounded",
    "census",
    "check",
    "code",
    "code_constant",
    "codes",
    "convex",
    "count_regions",
    "counterexamples",
    "dead",
    "enumerate_regions",
    "equal",
    "equivalent",
    "exists",
    "explore",
    "find",
    "forall",
    "forward",
    "forward_core",
    "from_sklearn",
    "from_torch",
    "hidden",
    "homeomorphism",
    "implies",
    "injective",
    "l1_norm",
    "lipschitz",
    "load",
    "logits",
    "max_norm",
    "max_violation",
    "maximum",
    "minimum",
    "monotone",
    "never_class",
    "open_partition",
    "output_range",
    "parametric",
    "preimage",
    "prepare",
    "prove",
    "rational",
    "redundant_unit",
    "regions_at",
    "relu",
    "robust",
    "robust_radius",
    "segment_path",
    "stream_regions",
    "symmetric",
    "unit_on",
    "verify",
    "verify_query",
    "vq_distance",
]
# the names above are for type checkers; operators of other files come by their decorator
globals().update({_kind.__name__: _kind for _kind in _OPERATORS})
__all__ += [_kind.__name__ for _kind in _OPERATORS if _kind.__name__ not in __all__]


def __getattr__(name: str) -> Any:
    if name == "theory":  # loaded when it is first asked for
        return _theory()
    if name == "check":
        return _check()
    if name == "plot":
        return _plot()
    if name == "torch":
        return _torch()
    found = None
    if name in __all__:
        found = vars(_results()).get(name) or vars(_statements()).get(name)
        found = found or vars(_verify()).get(name)
        found = found or vars(_visits()).get(name) or vars(_segments()).get(name)
        found = found or vars(_families()).get(name)
    if found is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found
    return found


@guarded
def _results() -> Any:
    """The classes of results, which take a moment to load."""
    from . import results

    return results


@guarded
def _statements() -> Any:
    """The language of statements, which takes a moment to load."""
    from .statements import public

    return public


@guarded
def _verify() -> Any:
    from .verification import public

    return public


@guarded
def _visits() -> Any:
    from .visits import public

    return public


@guarded
def _segments() -> Any:
    from .segments import public

    return public


@guarded
def _families() -> Any:
    from .families import public

    return public


@guarded
def _theory() -> Any:
    import exactspline.theory as room  # not "from . import": that would ask __getattr__ again

    return room


@guarded
def _plot() -> Any:
    import exactspline.plot as room

    return room


@guarded
def _torch() -> Any:
    import exactspline.torch as losses

    return losses


@guarded
def _check() -> Any:
    from .theory.own import check

    return check
