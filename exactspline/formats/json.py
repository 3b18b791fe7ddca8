"""The JSON form of a network: operators in order, parameters as exact rationals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..errors import FormatError, ShapeError, UnsupportedOperatorError
from ..network import (
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
from .files import PathLike, write_text
from .json_text import Fields, json_numbers, read_json
from .limits import Budget, build_network, write_number

__all__ = ["load_json", "network_to_json", "save_json"]

_FORMAT = "exactspline-network"
_VERSION = 1


def load_json(path: PathLike) -> Network:
    """Read a network in exactspline's JSON form (documented in docs/formats.md).

    Parameters
    ----------
    path : path-like
        Numbers may be JSON numbers, read as the exact decimals they are (0.1 is 1/10), or
        texts ``"p/q"``.

    Returns
    -------
    Network

    Raises
    ------
    FormatError
        If the file is unreadable or too large, no JSON, lacks a key or has one that is not
        known.
    ParameterError
        For NaN, infinities, and numbers with more than 20,000 digits.
    ShapeError
        If the operators do not fit.

    Examples
    --------
    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "net.json")
    >>> save_json(Network([Dense([["1/3"]]), ReLU()], (1,)), name)
    >>> load_json(name).operators[0].weight
    array([[Fraction(1, 3)]], dtype=object)
    """
    budget = Budget()
    value, sha256 = read_json(path, budget)
    top = Fields(value, f"{path}", budget)
    if top.text("format") != _FORMAT:
        raise FormatError(f"{path}: 'format' is not {_FORMAT!r}")
    version = top.integer("version")
    if version != _VERSION:
        raise FormatError(f"{path}: version {version} is not known; this release reads {_VERSION}")
    input_shape = top.integers("input_shape")
    entries = top.take("operators")
    if not isinstance(entries, list):
        raise FormatError(f"{path}: 'operators' needs a list")
    top.done()
    operators = [
        _operator(Fields(entry, f"{path}: operator {i}", budget)) for i, entry in enumerate(entries)
    ]
    return build_network(operators, input_shape, sha256, path)


def network_to_json(net: Network) -> dict[str, Any]:
    """The JSON form of a network, as a dictionary that ``json.dumps`` takes.

    Parameters
    ----------
    net : Network

    Returns
    -------
    dict
        `load_json` gives the same operators with the same exact parameters back.

    Raises
    ------
    UnsupportedOperatorError
        If an operator has no JSON form, or the operators are not one chain.

    Examples
    --------
    >>> network_to_json(Network([Abs()], (2,)))["operators"]
    [{'type': 'Abs'}]
    """
    operators = []
    for position, node in enumerate(net.nodes):
        if node.inputs != (position - 1,):
            raise UnsupportedOperatorError(
                f"operator {position} does not follow operator {position - 1}; "
                "the JSON form holds chains only"
            )
        operator = node.operator
        known = _FORMS.get(operator.kind)
        if known is None or type(operator) is not known[0]:
            raise UnsupportedOperatorError(
                f"operator {position} ({operator.kind}) has no JSON form"
            )
        entry: dict[str, Any] = {"type": operator.kind}
        if operator.name:
            entry["name"] = operator.name
        entry.update(known[2](operator))
        operators.append(entry)
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "input_shape": list(net.input_shape),
        "operators": operators,
    }


def save_json(net: Network, path: PathLike) -> None:
    """Write a network in exactspline's JSON form; nothing is rounded.

    Parameters
    ----------
    net : Network
    path : path-like
        Overwritten if it exists.

    Raises
    ------
    FormatError
        If the file cannot be written.
    UnsupportedOperatorError
        As `network_to_json`.

    Examples
    --------
    >>> import os, tempfile
    >>> save_json(Network([ReLU()], (1,)), os.path.join(tempfile.mkdtemp(), "net.json"))
    """
    write_text(path, json.dumps(network_to_json(net), separators=(",", ":")) + "\n")


def _operator(fields: Fields) -> Operator:
    where = fields.where
    kind = fields.text("type")
    if kind not in _FORMS:
        raise UnsupportedOperatorError(
            f"{where}: type {kind[:80]!r} is not known; known are {', '.join(_FORMS)}"
        )
    fields.where = f"{where} ({kind})"
    name = fields.text("name") if fields.has("name") else ""
    try:
        operator = _FORMS[kind][1](fields)
    except ShapeError as error:
        raise ShapeError(f"{where}: {error}") from None
    operator.name = name
    fields.done()
    return operator


def _read_dense(fields: Fields) -> Operator:
    return Dense(
        fields.numbers("weight", 2),
        fields.numbers("bias", 1) if fields.has("bias") else None,
        axis=fields.integer("axis") if fields.has("axis") else -1,
    )


def _write_dense(op: Any) -> dict[str, Any]:
    out = {"weight": json_numbers(op.weight), "bias": json_numbers(op.bias)}
    return out if op.axis == -1 else {**out, "axis": op.axis}


def _read_elementwise(fields: Fields) -> Operator:
    return Elementwise(
        fields.numbers("scale") if fields.has("scale") else 1,
        fields.numbers("shift") if fields.has("shift") else 0,
    )


def _nothing(op: Any) -> dict[str, Any]:
    return {}


# type: class, reader of its keys, writer of its keys; a new operator is one more line
_FORMS: dict[
    str,
    tuple[type[Operator], Callable[[Fields], Operator], Callable[[Any], dict[str, Any]]],
] = {
    "Dense": (Dense, _read_dense, _write_dense),
    "Elementwise": (
        Elementwise,
        _read_elementwise,
        lambda op: {"scale": json_numbers(op.scale), "shift": json_numbers(op.shift)},
    ),
    "ReLU": (ReLU, lambda fields: ReLU(), _nothing),
    "LeakyReLU": (
        LeakyReLU,
        lambda fields: LeakyReLU(fields.numbers("slope", 0)[()]),
        lambda op: {"slope": write_number(op.slope)},
    ),
    "PReLU": (
        PReLU,
        lambda fields: PReLU(fields.numbers("slope")),
        lambda op: {"slope": json_numbers(op.slope)},
    ),
    "Abs": (Abs, lambda fields: Abs(), _nothing),
    "Identity": (Identity, lambda fields: Identity(), _nothing),
    "Flatten": (Flatten, lambda fields: Flatten(), _nothing),
    "Reshape": (
        Reshape,
        lambda fields: Reshape(fields.integers("shape")),
        lambda op: {"shape": list(op.shape)},
    ),
}
