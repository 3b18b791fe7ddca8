"""Constants that a model computes while it runs: what no handler computes exactly.

A node all of whose inputs are constants is evaluated by ONNX's own reference implementation, in
the model's data type: what it rounds is rounded as the model says. Only operators that are listed
here are evaluated, pure functions of numbers; how large their result is, and how much work it
takes, is worked out from the inputs beforehand.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ExactSplineError, UnsupportedOperatorError
from ..limits import MAX_ENTRIES, Budget
from .node import NodeView
from .values import Constant, Infinite, constant_of, decode_tensor

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["array_of", "can_evaluate", "evaluated", "result_kind"]

Known = Constant | Infinite
Arrays = Sequence[np.ndarray | None]

# TensorProto.DataType
_DTYPES: dict[int, Any] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64,
    9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64,
}  # fmt: skip
_KINDS = {np.dtype(dtype): kind for kind, dtype in _DTYPES.items()}
_FLOATS, _INTEGERS = (1, 10, 11), (2, 3, 4, 5, 6, 7, 9, 12, 13)

# as large as all inputs broadcast together
_BROADCAST = frozenset({
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Clip", "Div", "Equal",
    "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or",
    "PRelu", "Pow", "Sub", "Sum", "Where", "Xor",
})  # fmt: skip
# as large as the first input at most
_AS_INPUT = frozenset({
    "Abs", "Acos", "Acosh", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot",
    "Cast", "CastLike", "Ceil", "Celu", "Compress", "Cos", "Cosh", "CumProd", "CumSum",
    "DepthToSpace", "Det", "Dropout", "Elu", "Erf", "Exp", "EyeLike", "Flatten", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "Hardmax", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log",
    "LogSoftmax", "LpNormalization", "MeanVarianceNormalization", "Mish", "Neg", "Not",
    "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax",
    "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape",
    "ReverseSequence", "Round", "Scatter", "ScatterElements", "ScatterND", "Selu", "Shrink",
    "Sigmoid", "Sign", "Sin", "Sinh", "Slice", "Softmax", "Softplus", "Softsign", "SpaceToDepth",
    "Split", "Sqrt", "Squeeze", "Swish", "Tan", "Tanh", "ThresholdedRelu", "TopK", "Transpose",
    "Trilu", "Unique", "Unsqueeze",
})  # fmt: skip


def _broadcast(node: NodeView, arrays: Arrays) -> int:
    try:
        shape = np.broadcast_shapes(*[a.shape for a in arrays if a is not None])
    except ValueError:
        shapes = [a.shape for a in arrays if a is not None][:8]
        raise node.wrong(
            f"inputs of shapes {', '.join(map(str, shapes))} do not broadcast"
        ) from None
    return math.prod(shape)


def _shape(node: NodeView, arrays: Arrays) -> tuple[int, ...]:
    """The first input's shape."""
    if not arrays or arrays[0] is None:
        raise node.wrong("its first input is missing")
    return arrays[0].shape


def _second(node: NodeView, arrays: Arrays) -> np.ndarray:
    if len(arrays) < 2 or arrays[1] is None:
        raise node.wrong("its second input is missing")
    return arrays[1]


def _product(node: NodeView, arrays: Arrays) -> int:
    """The multiplications of a product of matrices."""
    a, b = _shape(node, arrays), _second(node, arrays).shape
    columns = b[-1] if len(b) > 1 else 1
    if node.kind == "Gemm" and node.int_attribute("transB", 0):
        columns = b[0] if b else 1
    stack = max(1, math.prod(b[:-2])) if len(b) > 2 else 1
    return math.prod(a) * columns * stack


def _gathered(node: NodeView, arrays: Arrays) -> int:
    shape, indices = _shape(node, arrays), _second(node, arrays)
    if node.kind == "GatherElements":
        return indices.size
    if node.kind == "GatherND":
        depth = indices.shape[-1] if indices.ndim else 0
        if not 1 <= depth <= len(shape):
            raise node.wrong(f"indices of shape {indices.shape} do not fit an input of {shape}")
        return indices.size // depth * math.prod(shape[depth:])  # batch axes make it less
    axis = node.axis(node.int_attribute("axis", 0), len(shape))
    return indices.size * math.prod(shape[:axis]) * math.prod(shape[axis + 1 :])


def _stated_sizes(node: NodeView, arrays: Arrays) -> int:
    """Sizes that stand in the second input (or the first of a ConstantOfShape)."""
    sizes = arrays[0] if node.kind == "ConstantOfShape" else _second(node, arrays)
    if sizes is None or sizes.dtype.kind not in "iu" or sizes.size > 64:
        raise node.wrong("its sizes are no short list of integers")
    values = [abs(int(v)) for v in sizes.reshape(-1).tolist()]
    if node.kind == "ConstantOfShape":
        return math.prod(values)
    shape = _shape(node, arrays)
    if node.kind == "Tile":
        return math.prod(shape) * math.prod(values)
    if node.kind == "Expand":
        return math.prod(shape) * math.prod(values)
    return math.prod(n + v for n, v in zip(shape, values, strict=False)) + sum(values) * max(
        1, math.prod(shape)
    )  # Pad, CenterCropPad


def _one_hot(node: NodeView, arrays: Arrays) -> int:
    depth = _second(node, arrays)
    if depth.size != 1 or not np.all(np.isfinite(depth)):
        raise node.wrong("its depth is no single number")
    return math.prod(_shape(node, arrays)) * max(1, abs(int(depth.reshape(-1)[0])))


def _range(node: NodeView, arrays: Arrays) -> int:
    ends = [float(a.reshape(-1)[0]) if a is not None and a.size == 1 else math.nan for a in arrays]
    if len(ends) != 3 or not all(map(math.isfinite, ends)) or ends[2] == 0:
        raise node.wrong("needs a start, a limit and a delta, which is not 0")
    return max(0, math.ceil((ends[1] - ends[0]) / ends[2]))


def _concatenated(node: NodeView, arrays: Arrays) -> int:
    return sum(a.size for a in arrays if a is not None)


def _non_zero(node: NodeView, arrays: Arrays) -> int:
    shape = _shape(node, arrays)
    return math.prod(shape) * max(1, len(shape))


def _einsum(node: NodeView, arrays: Arrays) -> int:
    return math.prod(max(1, a.size) for a in arrays if a is not None)


_SIZES: dict[str, Callable[[NodeView, Arrays], int]] = {
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys(_AS_INPUT, lambda node, arrays: math.prod(_shape(node, arrays))),
    **dict.fromkeys(("MatMul", "Gemm"), _product),
    **dict.fromkeys(("Gather", "GatherElements", "GatherND"), _gathered),
    **dict.fromkeys(("ConstantOfShape", "Expand", "Pad", "Tile", "CenterCropPad"), _stated_sizes),
    "Concat": _concatenated, "Einsum": _einsum, "NonZero": _non_zero, "OneHot": _one_hot,
    "Range": _range, "Size": lambda node, arrays: 1, "Shape": lambda node, arrays: 64,
}  # fmt: skip


def can_evaluate(kind: str) -> bool:
    """Whether an operator of constants is computed here."""
    return kind in _SIZES


def array_of(value: Known) -> np.ndarray:
    """A constant in its own data type, rounded if that does not hold its numbers."""
    if isinstance(value, Infinite):
        return value.array
    dtype = _DTYPES.get(value.kind) or (np.int64 if value.integer else np.float32)
    if value.values.dtype != object:
        with np.errstate(all="ignore"):
            return value.values.astype(dtype)
    convert: Callable[[Any], Any] = float if np.dtype(dtype).kind == "f" else int
    flat = [convert(v) for v in value.values.reshape(-1).tolist()]
    return np.array(flat, dtype=dtype).reshape(value.shape)


def evaluated(
    node: NodeView, proto: NodeProto, opset: int, budget: Budget
) -> tuple[Known | None, ...]:
    """The results of a node of constants.

    Parameters
    ----------
    node : NodeView
        With its inputs, all of them constants or left out.
    proto : NodeProto
        The same as the file has it.
    opset : int
    budget : Budget

    Raises
    ------
    ExactSplineError
        If it is none of the operators that are evaluated, would be too large, or cannot be
        computed.
    """
    if node.kind not in _SIZES:
        raise node.unsupported(
            f"{node.kind} of constants is not computed; simplify the model (constant folding) "
            "before it is saved"
        )
    inputs = [v for v in node.inputs if v is None or isinstance(v, Constant | Infinite)]
    if len(inputs) != len(node.inputs):
        raise node.unsupported("an input depends on the network's input")
    if any(a.type not in (1, 2, 3, 4, 6, 7) for a in proto.attribute):
        raise node.unsupported("has an attribute that is neither numbers nor a text")
    for attribute in proto.attribute:
        if attribute.type == 4:
            decode_tensor(attribute.t, f"{node.where}: {attribute.name[:80]!r}")
    try:
        arrays = [None if v is None else array_of(v) for v in inputs]
    except (OverflowError, ValueError) as error:
        raise node.wrong(f"an input does not fit its data type ({error})") from None
    size = _SIZES[node.kind](node, arrays)
    if size > MAX_ENTRIES:
        raise node.wrong(
            f"would compute {size:,} constants; up to {MAX_ENTRIES:,} are. Simplify the model "
            "(constant folding) before it is saved"
        )
    budget.about_to_compute(size, node.where)
    results = _run(node, proto, opset, arrays)
    out: list[Known | None] = []
    for result in results:
        if not isinstance(result, np.ndarray | np.generic) or (
            np.asarray(result).dtype not in _KINDS
        ):
            out.append(None)
            continue
        array = np.asarray(result)
        if array.size > MAX_ENTRIES:
            raise node.wrong(f"computed {array.size:,} constants; up to {MAX_ENTRIES:,} are read")
        kind = _KINDS[array.dtype]
        out.append(constant_of(array, node.where, kind in _INTEGERS, kind))
    return tuple(out)


def _run(node: NodeView, proto: NodeProto, opset: int, arrays: Arrays) -> Sequence[Any]:
    from onnx import ValueInfoProto, helper
    from onnx.reference import ReferenceEvaluator

    names = [f"in{i}" if a is not None else "" for i, a in enumerate(arrays)]
    feeds = {name: a for name, a in zip(names, arrays, strict=True) if a is not None}
    outputs = [f"out{i}" for i in range(len(proto.output))]
    try:
        copy = type(proto)(op_type=proto.op_type, input=names, output=outputs)
        copy.attribute.extend(proto.attribute)
        infos = [
            helper.make_tensor_value_info(name, _KINDS[a.dtype], a.shape)
            for name, a in feeds.items()
        ]
        ends = [ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph([copy], "constants", infos, ends)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return list(ReferenceEvaluator(model).run(None, feeds))
    except (ExactSplineError, MemoryError):
        raise
    except Exception as error:  # whatever its functions of NumPy raise
        text = " ".join(str(error).split())[:160]
        raise UnsupportedOperatorError(
            f"{node.where}: {node.kind} of these constants cannot be computed "
            f"({type(error).__name__}: {text}); simplify the model (constant folding) before it is "
            "saved"
        ) from None


def result_kind(node: NodeView, place: int) -> int:
    """The data type of a result, by ONNX's own table of operators; 0 if it does not say.

    For what a handler computed exactly, which knows no types.
    """
    from onnx import defs

    try:
        schema = defs.get_schema(node.kind, node.opset, "")
    except Exception:  # its own error, of a C++ class
        return 0
    if not schema.outputs:
        return 0
    wanted = schema.outputs[min(place, len(schema.outputs) - 1)].type_str
    for i, value in enumerate(node.inputs):
        if i >= len(schema.inputs):
            break
        if schema.inputs[i].type_str == wanted and isinstance(value, Constant | Infinite):
            return value.kind
    return {"tensor(int64)": 7, "tensor(bool)": 9, "tensor(float)": 1}.get(wanted, 0)
