"""The JSON form of a domain: all of R^D, boxes, polytopes and slices with exact numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...domain import Box, Domain, Polytope, Slice, WholeSpace
from ...errors import DomainError, FormatError, ShapeError
from ...mode import guarded
from ..files import PathLike, read_file
from ..limits import MAX_ENTRIES, MAX_TEXT_BYTES, Budget, write_number
from .text import Fields, json_numbers, parse_json

__all__ = ["domain_from_json", "domain_to_json", "load_domain"]

_MAX_NESTING = 16  # a slice of a slice is useful, a longer chain is an accident
_INFINITE = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf}


@guarded
def load_domain(path: PathLike) -> Domain:
    """Read a domain in exactspline's JSON form (documented in docs/formats.md).

    Parameters
    ----------
    path : path-like
        One of ``{"type": "all", "dim": D}``, ``{"type": "box", "low": [...], "high": [...]}``,
        ``{"type": "polytope", "G": [[...]], "h": [...]}`` and
        ``{"type": "slice", "origin": [...], "directions": [[...]], "domain": {...}}``; a slice
        without directions and domain is a point.
        Numbers are JSON numbers, read as exact decimals, or texts ``"p/q"``; bounds of a box
        may be ``"-inf"`` and ``"inf"``.

    Returns
    -------
    Domain

    Raises
    ------
    FormatError
        If the file is unreadable, no JSON, or not of this form.
    ParameterError
        For NaN and numbers with more than 20,000 digits.
    DomainError
        For a box with low > high, or linearly dependent directions.
    ShapeError
        If lengths do not fit.

    Examples
    --------
    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "domain.json")
    >>> with open(name, "w") as stream:
    ...     _ = stream.write('{"type": "box", "low": [0.1, "-inf"], "high": ["1/3", 2]}')
    >>> load_domain(name).describe()
    '[1/10, 1/3] x (-inf, 2]'
    """
    return domain_from_json(read_file(path, MAX_TEXT_BYTES)[0], path)


@guarded
def domain_from_json(data: bytes, path: PathLike) -> Domain:
    """The domain of a JSON file's bytes; ``path`` is for messages. Raises as `load_domain`."""
    budget = Budget()
    return _domain(Fields(parse_json(data, path, budget), f"{path}", budget), 0)


@guarded
def domain_to_json(domain: Domain) -> dict[str, Any]:
    """The JSON form of a domain, as a dictionary that ``json.dumps`` takes.

    Raises
    ------
    FormatError
        If the domain is of a class that has no JSON form.

    Examples
    --------
    >>> domain_to_json(Box(["1/3"], [float("inf")]))
    {'type': 'box', 'low': ['1/3'], 'high': ['inf']}
    """
    if isinstance(domain, WholeSpace):
        return {"type": "all", "dim": domain.dim}
    if isinstance(domain, Box):
        return {
            "type": "box",
            "low": ["-inf" if v is None else write_number(v) for v in domain.low],
            "high": ["inf" if v is None else write_number(v) for v in domain.high],
        }
    if isinstance(domain, Polytope) and len(domain.h) == 0:  # an empty list has no width
        return {"type": "all", "dim": domain.dim}
    if isinstance(domain, Polytope):
        return {"type": "polytope", "G": json_numbers(domain.G), "h": json_numbers(domain.h)}
    if isinstance(domain, Slice):
        value = {
            "type": "slice",
            "origin": json_numbers(domain.origin),
            "directions": json_numbers(domain.directions),
        }
        if len(domain.directions):
            value["domain"] = domain_to_json(domain.domain)
        if domain.inputs is not None:
            value["inputs"] = domain_to_json(domain.inputs)
        return value
    raise FormatError(f"a domain of type {type(domain).__name__} has no JSON form")


def _domain(fields: Fields, depth: int) -> Domain:
    where = fields.where
    if depth > _MAX_NESTING:
        raise FormatError(f"{where}: slices are nested more than {_MAX_NESTING} deep")
    kind = fields.text("type")
    fields.where = f"{where} ({kind[:20]})"
    domain: Domain
    if kind == "all":
        dim = fields.integer("dim")
        fields.done()
        if not 1 <= dim <= MAX_ENTRIES:
            raise FormatError(f"{where}: 'dim' is {dim}; it needs 1 to {MAX_ENTRIES:,}")
        return WholeSpace(dim)
    try:
        if kind == "box":
            domain = Box(fields.numbers("low", 1, _bound), fields.numbers("high", 1, _bound))
        elif kind == "polytope":
            domain = Polytope(fields.numbers("G", 2), fields.numbers("h", 1))
        elif kind == "slice":
            origin = fields.numbers("origin", 1)
            inner: Domain | None = None
            if fields.is_empty("directions"):  # a point
                directions = np.zeros((0, len(origin)))
            else:
                directions = fields.numbers("directions", 2)
                inner = _domain(
                    Fields(fields.take("domain"), f"{where}: domain", fields.budget), depth + 1
                )
            inputs: Box | None = None
            if fields.has("inputs"):
                bounds = _domain(
                    Fields(fields.take("inputs"), f"{where}: inputs", fields.budget), depth + 1
                )
                if not isinstance(bounds, Box):
                    raise FormatError(f"{where}: 'inputs' needs a box")
                inputs = bounds
            domain = Slice(origin, directions, inner, inputs)
        else:
            raise FormatError(
                f"{where}: type {kind[:80]!r} is not known; known are all, box, polytope, slice"
            )
    except (DomainError, ShapeError) as error:
        raise type(error)(f"{where}: {error}") from None
    except ValueError as error:  # Python's own limit on the digits of an integer, in a message
        raise DomainError(f"{where}: cannot be built ({error})") from None
    fields.done()
    return domain


def _bound(value: Any) -> float | None:
    """An infinite bound; anything else is left to the usual reading."""
    return _INFINITE.get(value.strip().lower()) if isinstance(value, str) else None
