"""What graphs and files say about a partition as a whole, and how they write codes and numbers."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from ...cells.space import whole_space
from ...formats import domain_to_json
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
    "header",
    "rational_texts",
]

PARTITION, GRAPH = "exactspline-partition", "exactspline-graph"
VERSION = 1  # of both forms
_DIGITS = np.frombuffer(b"0123456789abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)


def header(partition: RegionTable, form: str, numbers: str = "exact") -> dict[str, Any]:
    """What every file says first; a dictionary that ``json.dumps`` takes.

    Times and names of files are left out: equal partitions give equal files.
    """
    network, chart = partition.network, partition.domain.chart
    decisions = partition.decisions
    return {
        "format": form,
        "version": VERSION,
        "writer": f"exactspline {__version__}",
        "count_definition": COUNT_DEFINITION,
        "count": len(partition),
        "complete": partition.complete,
        "network_sha256": network.sha256,
        "input_shape": list(network.input_shape),
        "output_shape": list(network.output_shape),
        "domain": domain_to_json(partition.domain),
        "domain_dim": chart.dim,
        "chart": _rows(chart.point),
        "sides": _rows(_sides(partition)),
        "engine": partition.engine,
        "decisions": {
            "float": decisions.float,
            "integer": decisions.integer,
            "rational": decisions.rational,
        },
        "units": _units(network),
        "numbers": numbers,
    }


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
