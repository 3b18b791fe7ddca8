"""Satisfying values as the VNN-LIB 2.0 standard has them: as text, and as files of tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UnsupportedOperatorError
from ..formats.vnnlib.declared import DeclaredTensor, Query
from ..rationals import nearest_float
from .typed import decimal

__all__ = ["assignment_text", "write_assignment"]

Values = Mapping[str, Sequence[Fraction]]
_DTYPES: dict[str, Any] = {
    "real": np.float64, "float64": np.float64, "float32": np.float32, "float16": np.float16,
    "bool": np.bool_,
    **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}")
       for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def assignment_text(query: Query, values: Values) -> str:
    """Every declared variable with its type and shape, then its entries, one a line."""
    lines = []
    for tensor in _tensors(query):
        lines.append(f"{tensor.name} {tensor.type} [{','.join(map(str, tensor.shape))}]")
        lines += [decimal(v, tensor.type) for v in values[tensor.name]]
    return "\n".join(lines)


def write_assignment(folder: Path, query: Query, values: Values) -> None:
    """Write a serialised TensorProto a variable, ``<folder>/<variable>.pb``.

    Raises
    ------
    UnsupportedOperatorError
        For element types that NumPy does not have; real numbers are written as doubles.
    """
    from onnx import numpy_helper

    tensors = _tensors(query)
    for tensor in tensors:
        if tensor.type not in _DTYPES:
            raise UnsupportedOperatorError(
                f"variable {tensor.name[:80]!r} of type {tensor.type} cannot be written as a "
                "tensor; leave --serialise-assignments out"
            )
    folder.mkdir(parents=True, exist_ok=True)
    for tensor in tensors:
        array = _array(tensor, values[tensor.name])
        proto = numpy_helper.from_array(array, tensor.name)
        (folder / f"{tensor.name}.pb").write_bytes(proto.SerializeToString())


def _array(tensor: DeclaredTensor, values: Sequence[Fraction]) -> np.ndarray:
    dtype = np.dtype(_DTYPES[tensor.type])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        flat: list[Any] = [min(max(round(v), info.min), info.max) for v in values]
    else:
        flat = [nearest_float(v) for v in values]
    with np.errstate(all="ignore"):
        return np.array(flat, dtype=dtype).reshape(tensor.shape)


def _tensors(query: Query) -> list[DeclaredTensor]:
    return [tensor for network in query.networks for tensor in network.tensors]
