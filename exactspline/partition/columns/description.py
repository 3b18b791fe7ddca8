"""What graphs and files say about a partition as a whole, and how they write codes and numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...cells.space import whole_space
from ...formats import domain_to_json, network_to_json
from ...rationals import format_rational
from ...version import __version__
from .definitions import COUNT_DEFINITION

if TYPE_CHECKING:
    from ...compile.forms import Forms
    from ...network.network import Network
    from .table import RegionTable

__all__ = [
    "GRAPH",
    "PARTITION",
    "VERSION",
    "code_texts",
    "codes_of",
    "digest",
    "header",
    "rational_texts",
]

PARTITION, GRAPH = "exactspline-partition", "exactspline-graph"
VERSION = {PARTITION: 2}  # all other forms: 1
_DIGITS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_VALUE = np.full(256, -1)
_VALUE[_DIGITS] = np.arange(len(_DIGITS))


def header(partition: RegionTable, form: str, numbers: str = "exact") -> dict[str, Any]:
    """What every file says first; a dictionary that ``json.dumps`` takes.

    Times and names of files are left out: equal partitions give equal files.
    """
    network, chart = partition.network, partition.domain.chart
    whole = {"network": network_to_json(network)} if form == PARTITION else {}
    value = {
        "format": form,
        "version": VERSION.get(form, 1),
        "writer": f"exactspline {__version__}",
        "count_definition": COUNT_DEFINITION,
        "count": len(partition),
        "complete": partition.complete,
        **whole,
        "network_sha256": network.sha256,
        "input_shape": list(network.input_shape),
        "output_shape": list(network.output_shape),
        "domain": domain_to_json(partition.domain),
        "domain_dim": chart.dim,
        "chart": _rows(chart.point),
        "sides": _rows(_sides(partition)),
        "engine": partition.engine,
        "decisions": asdict(partition.decisions),
        "units": _units(network),
        "numbers": numbers,
    }
    return {**value, "header_sha256": digest(value)} if form == PARTITION else value


def digest(value: dict[str, Any]) -> str:
    """SHA-256 of what a header says, but for this number itself, as JSON with sorted keys."""
    said = {key: v for key, v in value.items() if key != "header_sha256"}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _sides(partition: RegionTable) -> Forms:
    """The domain's inequalities, each form >= 0, in the order of the sides of border facets."""
    return whole_space(partition.network.program, partition.domain.chart).rows


def _rows(forms: Forms) -> list[dict[str, Any]]:
    """Affine forms over the domain's coordinates: a constant and terms [coordinate, factor]."""
    out = []
    for i in range(len(forms)):
        indices, data, constant = forms.row(i)
        texts = rational_texts(data.tolist())
        terms = [list(term) for term in zip(indices.tolist(), texts, strict=True)]
        out.append({"constant": format_rational(Fraction(constant)), "terms": terms})
    return out


def _units(network: Network) -> list[dict[str, Any]]:
    """Who the units are, in the order of the codes."""
    out = []
    for number, layer in enumerate(network.program.layers):
        pieces = iter(layer.units.pieces.tolist())
        for group in layer.names:
            for k in range(len(group)):
                name = group.name(k)
                out.append(
                    {
                        "operator": name.operator,
                        "index": list(name.index),
                        "layer": number,
                        "pieces": next(pieces),
                    }
                )
    return out


def code_texts(codes: np.ndarray, pieces: int) -> list[str]:
    """Codes as texts: a character a unit, 0-9 and then a-z.

    Parameters
    ----------
    codes : array of int, shape (n, units)
    pieces : int
        The largest number of pieces of a unit of the network. Beyond 36 the pieces' numbers
        are written in decimals, with blanks between.
    """
    n, units = codes.shape
    if units == 0:
        return [""] * n
    if pieces > len(_DIGITS):
        return [" ".join(map(str, row)) for row in codes.tolist()]
    text = _DIGITS[codes].tobytes().decode("ascii")
    return [text[start : start + units] for start in range(0, n * units, units)]


def codes_of(texts: Sequence[str], pieces: np.ndarray) -> np.ndarray:
    """The codes that `code_texts` has written.

    Parameters
    ----------
    texts : sequence of str
    pieces : array of int, shape (units,)
        How many pieces every unit has.

    Raises
    ------
    ValueError
        If a text is no code of these units.
    """
    units = len(pieces)
    if units == 0:
        if any(texts):
            raise ValueError("a code of no units is empty")
        return np.zeros((len(texts), 0), dtype=np.uint8)
    if pieces.max() > len(_DIGITS):
        out = np.array([[int(v) for v in text.split(" ")] for text in texts], dtype=np.int64)
    else:
        joined = "".join(texts)
        if any(len(text) != units for text in texts):
            raise ValueError(f"a code has {units:,} characters")
        out = _VALUE[np.frombuffer(joined.encode("ascii"), dtype=np.uint8)]
    out = out.reshape(len(texts), units)
    if out.size and (out.min() < 0 or np.any(out >= pieces)):
        raise ValueError("a unit has no such piece")
    return out


def rational_texts(values: Iterable[Any]) -> list[str]:
    """Exact numbers (floats, Fractions) as texts ``p`` or ``p/q``."""
    out = []
    for value in values:
        if isinstance(value, float):
            p, q = value.as_integer_ratio()
            out.append(f"{p}/{q}" if q != 1 else f"{p}")
        else:
            out.append(format_rational(Fraction(value)))
    return out
