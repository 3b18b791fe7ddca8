"""The JSON form of a network: operators and their wires, parameters as exact rationals.

No operator is named here: what is written and read are the stored fields that every operator
states (`Operator.FIELDS`), so that a new operator has a JSON form as soon as it exists.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import ExactSplineError, FormatError, ParameterError, UnsupportedOperatorError
from ...mode import guarded
from ...network import OPERATORS, Network, Operator
from ...rationals import as_fractions
from ..files import PathLike, read_file, write_text
from ..graph import build_graph
from ..limits import MAX_TEXT_BYTES, MAX_TEXT_VALUES, Budget, write_number
from ..registry import reader, writer
from .text import Fields, json_numbers, parse_json

__all__ = ["load_json", "network_from_json", "network_to_json", "save_json"]

_FORMAT = "exactspline-network"
_VERSION = 1
_KNOWN: dict[str, type[Operator]] = {kind.__name__: kind for kind in OPERATORS}


@reader(".json")
@guarded
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
        known, or describes values too large to be held.
    ParameterError
        For NaN, infinities, and numbers with more than 20,000 digits.
    ShapeError
        If the operators do not fit, or read what does not stand before them.
    UnsupportedOperatorError
        For a type that is not known.

    Examples
    --------
    >>> import os, tempfile
    >>> from exactspline import Dense, Network, ReLU
    >>> name = os.path.join(tempfile.mkdtemp(), "net.json")
    >>> save_json(Network([Dense([["1/3"]]), ReLU()], (1,)), name)
    >>> load_json(name).operators[0].weight
    array([[Fraction(1, 3)]], dtype=object)
    """
    return network_from_json(read_file(path, MAX_TEXT_BYTES)[0], path)


@guarded
def network_from_json(data: bytes, path: PathLike) -> Network:
    """The network of a JSON file's bytes; ``path`` is for messages. Raises as `load_json`."""
    budget = Budget()
    value = parse_json(data, path, budget)
    top = Fields(value, f"{path}", budget)
    form = top.text("format")
    if form == "exactspline-partition":
        raise FormatError(
            f"{path}: holds a partition, no network; open it with exactspline.open_partition"
        )
    if form != _FORMAT:
        raise FormatError(f"{path}: 'format' is not {_FORMAT!r}")
    version = top.integer("version")
    if version != _VERSION:
        raise FormatError(f"{path}: version {version} is not known; this release reads {_VERSION}")
    input_shape = top.integers("input_shape")
    entries = top.take("operators")
    if not isinstance(entries, list):
        raise FormatError(f"{path}: 'operators' needs a list")
    top.done()
    nodes = []
    for position, entry in enumerate(entries):
        fields = Fields(entry, f"{path}: operator {position}", budget)
        inputs: tuple[int, ...] = (position - 1,)
        if fields.has("inputs"):
            inputs = fields.integers("inputs", MAX_TEXT_VALUES)
        nodes.append((_operator(fields), inputs))
    return build_graph(nodes, input_shape, hashlib.sha256(data).hexdigest(), path)


@guarded
def network_to_json(net: Network) -> dict[str, Any]:
    """The JSON form of a network, as a dictionary that ``json.dumps`` takes.

    Parameters
    ----------
    net : Network

    Returns
    -------
    dict
        `load_json` gives the same operators with the same exact parameters back, wired in the
        same way, with the output operator if there is one.

    Raises
    ------
    UnsupportedOperatorError
        If an operator is none of exactspline's own.
    ParameterError
        If a number is too long to be written.

    Notes
    -----
    Left out are the wires of an operator that reads the one before it, and flags, integers
    and texts that are the constructor's default. Numbers always stand there.

    Examples
    --------
    >>> from exactspline import Abs, Network, Residual
    >>> network_to_json(Network([Residual([Abs()])], (2,)))["operators"]
    [{'type': 'Abs'}, {'type': 'Add', 'inputs': [0, -1]}]
    """
    operators = []
    for position, node in enumerate((*net.nodes, *net.output_nodes)):
        operator = node.operator
        if _KNOWN.get(operator.kind) is not type(operator):
            raise UnsupportedOperatorError(
                f"operator {position} ({operator.kind}) has no JSON form; it is none of "
                "exactspline's operators"
            )
        entry: dict[str, Any] = {"type": operator.kind}
        if operator.name:
            entry["name"] = operator.name
        if node.inputs != (position - 1,):
            entry["inputs"] = list(node.inputs)
        for key, kind in operator.FIELDS.items():
            value = getattr(operator, key)
            if value is None or (
                kind in ("integer", "flag", "text") and value == _default(type(operator), key)
            ):
                continue
            entry[key] = _WRITERS[kind](value)
        operators.append(entry)
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "input_shape": list(net.input_shape),
        "operators": operators,
    }


@writer(".json")
@guarded
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
    UnsupportedOperatorError, ParameterError
        As `network_to_json`.

    Examples
    --------
    >>> import os, tempfile
    >>> from exactspline import Network, ReLU
    >>> save_json(Network([ReLU()], (1,)), os.path.join(tempfile.mkdtemp(), "net.json"))
    """
    write_text(path, json.dumps(network_to_json(net), separators=(",", ":")) + "\n")


# how a field of each kind is read and written; the kinds are those of `Operator.FIELDS`
_READERS: dict[str, Callable[[Fields, str], Any]] = {
    "array": lambda fields, key: fields.numbers(key),
    "optional array": lambda fields, key: fields.numbers(key),
    "number": lambda fields, key: fields.numbers(key, 0)[()],
    "optional number": lambda fields, key: fields.numbers(key, 0)[()],
    "integer": lambda fields, key: fields.integer(key),
    "integers": lambda fields, key: fields.integers(key, MAX_TEXT_VALUES),
    "flag": lambda fields, key: fields.flag(key),
    "text": lambda fields, key: fields.text(key),
}
_WRITERS: dict[str, Callable[[Any], Any]] = {
    "array": json_numbers,
    "optional array": json_numbers,
    "number": write_number,
    "optional number": write_number,
    "integer": int,
    "integers": lambda value: [int(v) for v in value],
    "flag": bool,
    "text": str,
}


def _default(kind: type[Operator], key: str) -> Any:
    """The constructor's default for a field; ``inspect.Parameter.empty`` if there is none."""
    return inspect.signature(kind).parameters[key].default


def _operator(fields: Fields) -> Operator:
    """One operator from its keys; those left out take the constructor's default."""
    where = fields.where
    name = fields.text("type")
    if name not in _KNOWN:
        raise UnsupportedOperatorError(
            f"{where}: type {name[:80]!r} is not known; known are {', '.join(_KNOWN)}"
        )
    kind = _KNOWN[name]
    fields.where = f"{where} ({name})"
    given: dict[str, Any] = {"name": fields.text("name")} if fields.has("name") else {}
    for key, what in kind.FIELDS.items():
        optional = what.startswith("optional")
        if fields.drop_null(key) if optional else fields.has(key):
            given[key] = _READERS[what](fields, key)
        elif not optional and _default(kind, key) is inspect.Parameter.empty:
            raise FormatError(f"{fields.where}: key {key!r} is missing")
    fields.done()
    _check_work(kind, given, fields.where)
    try:
        return kind(**given)
    except ExactSplineError as error:
        raise type(error)(f"{where}: {error}") from None


_MAX_WORK = 1 << 31
_WORD = 30  # bits that Python's integers handle at a time


def _check_work(kind: type[Operator], given: dict[str, Any], where: str) -> None:
    """Refuse long fractions where making the operator computes with them.

    Sums of fractions without a common denominator grow with every term, so that a short file
    could ask for hours.
    """
    if not kind.computes:
        return
    arrays = [
        as_fractions(v).reshape(-1).tolist() for v in given.values() if isinstance(v, np.ndarray)
    ]
    denominator, longest, count = 1, 1, sum(map(len, arrays))
    for values in arrays:
        for value in values:
            longest = max(longest, value.numerator.bit_length())
            if denominator % value.denominator:
                denominator = math.lcm(denominator, value.denominator)
            words = 1 + (longest + denominator.bit_length()) // _WORD
            if count * words * words > _MAX_WORK:
                raise ParameterError(
                    f"{where}: the numbers need a common denominator of more than "
                    f"{denominator.bit_length():,} bits; round or rescale them"
                )
