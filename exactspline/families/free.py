"""Names of parameters: "Dense.0.bias[3]", "Dense.2.weight[0, 1]", or a field of an operator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import LimitError, ParameterError
from ..network.affine import BatchNorm, Dense, Elementwise
from ..network.convolution import Conv, ConvTranspose
from ..texts import plain

if TYPE_CHECKING:
    from ..network.network import Network
    from ..network.operator import Operator

__all__ = ["FreeEntry", "free_entries", "with_values"]

# what an operator's output is affine in, for a fixed input
BIASES = {Dense: "bias", Conv: "bias", ConvTranspose: "bias", Elementwise: "shift",
          BatchNorm: "beta"}  # fmt: skip
WEIGHTS = {Dense: "weight", Conv: "weight", ConvTranspose: "weight"}

_NAME = re.compile(r"(?P<operator>.+)\.(?P<field>[a-z]+)(?:\[(?P<index>[0-9, ]+)\])?")
_MOST = 4_096


@dataclass(frozen=True)
class FreeEntry:
    """One free number: an entry of an array of an operator.

    Attributes
    ----------
    node : int
        The operator's position among the network's nodes.
    field : str
    index : tuple of int
    weight : bool
        It multiplies the operator's input; a bias is added.
    name : str
    """

    node: int
    field: str
    index: tuple[int, ...]
    weight: bool
    name: str


def free_entries(network: Network, free: Sequence[str]) -> list[FreeEntry]:
    """The entries that names stand for, in the order of the names.

    Raises
    ------
    ParameterError
        For a name that is none, and for an entry that is named twice.
    LimitError
        For more than 4,096 entries.
    """
    if isinstance(free, str) or not isinstance(free, Iterable):
        raise ParameterError(f"free: give a list of names, such as ['Dense.bias[0]'], not {free!r}")
    labels = network.labels[: len(network.nodes)]
    out: list[FreeEntry] = []
    for name in free:
        for entry in _entries(network, labels, name):
            if any(e.name == entry.name for e in out):
                raise ParameterError(f"free: {entry.name} is named twice")
            out.append(entry)
            if len(out) > _MOST:
                raise LimitError(f"free: more than {_MOST:,} parameters; name single entries")
    if not out:
        raise ParameterError("free: name at least one parameter, such as 'Dense.0.bias[0]'")
    return out


def _entries(network: Network, labels: Sequence[str], name: str) -> Iterator[FreeEntry]:
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise ParameterError(
            f"free: {name!r} is no name of a parameter; write 'Dense.0.bias[3]' for one entry or "
            "'Dense.0.bias' for all"
        )
    label, field = found["operator"], found["field"]
    if label not in labels:
        known = ", ".join(plain(v) for v in labels[:20])
        raise ParameterError(
            f"free: {plain(name)!r}: no operator is called {plain(label)!r}; there are {known}"
        )
    node = labels.index(label)
    operator = network.nodes[node].operator
    biases, weights = BIASES.get(type(operator)), WEIGHTS.get(type(operator))
    if field not in (biases, weights):
        offers = " and ".join(v for v in (biases, weights) if v) or "nothing"
        raise ParameterError(
            f"free: {plain(name)!r}: of {operator.kind} {offers} can be free, {field!r} cannot"
        )
    array = getattr(operator, field)
    if found["index"] is None:
        if array.size > _MOST:
            raise LimitError(f"free: {plain(name)!r} has {array.size:,} entries; name single ones")
        indices = list(np.ndindex(array.shape))
    else:
        try:
            index = tuple(int(v) for v in found["index"].split(",") if v.strip())
        except ValueError:
            index = ()
        if len(index) != array.ndim or any(
            i >= n for i, n in zip(index, array.shape, strict=False)
        ):
            raise ParameterError(
                f"free: {plain(name)!r}: {field} has shape {array.shape}, which has no such entry"
            )
        indices = [index]
    for index in indices:
        shown = f"{label}.{field}[{', '.join(map(str, index))}]"
        yield FreeEntry(node, field, index, field == weights, shown)


def with_values(
    operator: Operator, name: str, values: Sequence[tuple[str, tuple[int, ...], object]]
) -> Operator:
    """The operator with some entries of its arrays replaced by exact numbers.

    Parameters
    ----------
    operator : Operator
    name : str
        Of the new operator.
    values : sequence of (field, index, Fraction)
    """
    fields = dict(operator.fields)
    for field, index, value in values:
        array = np.array(fields[field].tolist(), dtype=object).reshape(fields[field].shape)
        array[index] = value
        fields[field] = array
    return type(operator)(**fields, name=name)
