"""What onnxruntime computes at a point, in the model's own float arithmetic: to compare with."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..formats.files import PathLike
from ..formats.onnx.declared import fitted, model_tensors
from ..formats.vnnlib.declared import DeclaredNetwork, Query
from ..rationals import nearest_float
from .typed import holds

__all__ = ["Measured", "measured_answer", "measured_query"]

Values = Sequence[Fraction]


@dataclass(frozen=True)
class Measured:
    """What onnxruntime gives.

    Attributes
    ----------
    values : dict of str to list of float
        Of hidden and output variables.
    holds : bool
        Whether the formula holds of these numbers and of the exact inputs.
    """

    values: dict[str, list[float]]
    holds: bool

    @property
    def says(self) -> str:
        """One clause for people."""
        return (
            "with these the formula holds, too" if self.holds
            else "with these, of float arithmetic, the formula does not hold"
        )  # fmt: skip


def measured_query(
    query: Query, files: Mapping[str, PathLike], values: Mapping[str, Values]
) -> Measured | None:
    """Run all models of a query at a point; None without onnxruntime, or where it cannot."""
    if not _there():
        return None
    out: dict[str, list[float]] = {}
    x: list[Fraction] = []
    y: list[Fraction] = []
    try:
        for network in query.networks:
            given = [values[t.name] for t in network.of("input")]
            computed = _run(files[network.name], network, given)
            x += [v for values_of_one in given for v in values_of_one]
            for tensor in network.of("hidden", "output"):
                out[tensor.name] = [float(v) for v in computed[tensor.name]]
                y += [_exact(v) for v in out[tensor.name]]
        return Measured(out, holds(query.formula, x, y))
    except Exception:  # it is asked for a second opinion alone, and refuses for many reasons
        return None


def measured_answer(
    path: PathLike, formula: Any, point: Values, outputs: int
) -> Measured | None:  # fmt: skip
    """The same for a model of one input and one output, by position."""
    if not _there() or not str(path).lower().endswith(".onnx"):
        return None
    try:
        session = _session(str(path))
        (only,) = session.get_inputs()
        shape = [n if isinstance(n, int) and n > 0 else 1 for n in only.shape]
        array = _array(point, only.type).reshape(shape)
        found = np.asarray(session.run(None, {only.name: array})[0]).reshape(-1)
        if found.size != outputs:
            return None
        y = [float(v) for v in found.tolist()]
        return Measured({"Y": y}, holds(formula, point, [_exact(v) for v in y]))
    except Exception:
        return None


def _there() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


def _session(model: str | bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _run(path: PathLike, network: DeclaredNetwork, given: Sequence[Values]) -> dict[str, Any]:
    """A model's values by the query's names."""
    import onnx

    model = onnx.load(str(path))
    pairs = model_tensors(model.graph, network)
    outputs = {v.name for v in model.graph.output}
    for tensor, name in pairs:
        if tensor.kind == "hidden" and name not in outputs:
            model.graph.output.add(name=name)
    session = _session(model.SerializeToString())
    types = {i.name: i.type for i in session.get_inputs()}
    shapes = {
        i.name: [n if isinstance(n, int) else 0 for n in i.shape] for i in session.get_inputs()
    }
    feeds: dict[str, np.ndarray] = {}
    inputs = [(t, name) for t, name in pairs if t.kind == "input"]
    for (tensor, name), point in zip(inputs, given, strict=True):
        array = _array(point, types[name])
        feeds[name] = array.reshape(fitted(shapes[name], tensor.shape) or tensor.shape)
    wanted = [(t.name, name) for t, name in pairs if t.kind != "input"]
    found = session.run([name for _, name in wanted], feeds)
    return {
        key: np.asarray(v).reshape(-1).tolist() for (key, _), v in zip(wanted, found, strict=True)
    }


def _array(point: Values, kind: str) -> np.ndarray:
    dtype = {"tensor(float)": np.float32, "tensor(float16)": np.float16}.get(kind, np.float64)
    with np.errstate(all="ignore"):
        return np.array([nearest_float(v) for v in point]).astype(dtype)


def _exact(value: float) -> Fraction:
    return Fraction(value)  # of what is not finite: an error
