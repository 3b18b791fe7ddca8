"""VNN-LIB properties: the set of inputs that a file describes, with exact decimals."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ...domain import Box, Domain, Polytope
from ...errors import DomainError, FormatError
from ...mode import guarded
from ..files import PathLike, read_file
from ..limits import MAX_ENTRIES, MAX_TEXT_BYTES
from .linear_formula import MAX_PARTS, Comparison, Reader, Variable
from .sexpr import Expression, Symbol, statements

__all__ = ["IGNORED", "declare", "load_vnnlib", "overlapping", "text_of"]

_NAME = re.compile(r"([XY])_(0|[1-9][0-9]{0,8})\Z")
IGNORED = frozenset(["check-sat", "exit", "get-model", "set-info", "set-logic", "set-option"])
_MAX_ROWS = 100_000  # of one part
Bounds = list[Fraction | None]


@guarded
def load_vnnlib(path: PathLike, input_dim: int) -> list[Domain]:
    """Read the input set of a VNN-LIB property.

    Parameters
    ----------
    path : path-like
        Declarations ``(declare-const X_0 Real)`` and assertions of ``<=``, ``>=``, ``=``, ``and``
        and ``or`` over terms that are linear in the inputs. ``<`` and ``>`` are read as ``<=``
        and ``>=``: a domain is closed. Decimals are exact (0.1 is 1/10).
    input_dim : int
        D, how many inputs the network has; the file must declare exactly ``X_0 ... X_(D-1)``.

    Returns
    -------
    list of Domain
        One domain a part of a disjunction, in the file's order; several disjunctions are
        multiplied out (up to 10,000 parts). A part is a ``Box`` when all its comparisons bound
        single inputs (a missing bound is infinite), else a ``Polytope``.

    Raises
    ------
    FormatError
        If the file is unreadable, over 64 MiB, truncated, not VNN-LIB, or its inputs are not the
        network's; the message names the line.
    DomainError
        If the set is empty because an input has a lower bound above its upper bound.
    UnsupportedOperatorError
        For terms that are not linear, and assertions that couple inputs with outputs.
    ParameterError
        For numbers with more than 20,000 digits.

    Notes
    -----
    Assertions on outputs alone do not change the input set. An ``or`` whose branches constrain
    outputs is accepted if all branches ask the same of the inputs. A polytope may turn out to be
    empty only when it is first used. Parts may overlap; see `overlapping`.

    Examples
    --------
    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "property.vnnlib")
    >>> with open(name, "w") as stream:
    ...     _ = stream.write("(declare-const X_0 Real) (assert (<= X_0 0.1)) ; one side only")
    >>> [domain.describe() for domain in load_vnnlib(name, 1)]
    ['(-inf, 1/10]']
    """
    text, where = text_of(path), str(path)
    variables: dict[str, Variable] = {}
    reader = Reader(where, variables)
    cases: list[list[Sequence[Comparison]]] = []  # per assertion with several parts
    common = _Part(input_dim, where)  # from all others
    for statement in statements(text, where):
        if statement.head in ("declare-const", "declare-fun"):
            declare(statement, reader, variables, input_dim)
        elif statement.head == "assert":
            if len(statement.items) != 2:
                raise reader.error(statement.line, "'assert' needs one formula")
            for part in reader.conjuncts(statement.items[1]):
                parts = reader.input_cases(part)
                if len(parts) == 1:
                    common.add(parts[0])
                else:
                    cases.append(list(parts))
        elif statement.head not in IGNORED:
            raise reader.error(
                statement.line, f"statement {statement.head[:40]!r} is not known in VNN-LIB"
            )
    declared = sum(1 for kind, _ in variables.values() if kind == "X")
    if declared != input_dim:
        missing = next(i for i in range(input_dim) if f"X_{i}" not in variables)
        raise FormatError(
            f"{where}: declares {declared} inputs, but the network has {input_dim}; "
            f"X_{missing} is missing"
        )
    return _domains(common, cases, input_dim, where)


def text_of(path: PathLike) -> str:
    """A file of at most 64 MiB as text.

    Raises
    ------
    FormatError
        If it cannot be read, is larger, or is no UTF-8 text; the message names the line.
    """
    data, _ = read_file(path, MAX_TEXT_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise FormatError(f"{path}, line {line}: is no UTF-8 text") from None


def declare(
    statement: Expression, reader: Reader, variables: dict[str, Variable], input_dim: int
) -> None:
    """Take a declaration in."""
    texts = [item.text if isinstance(item, Symbol) else "" for item in statement.items]
    constant = len(texts) == 3 and texts[0] == "declare-const"
    function = (
        len(texts) == 4
        and texts[0] == "declare-fun"
        and statement.items[2] == Expression((), statement.items[2].line)
    )
    if not (constant or function) or texts[-1] != "Real":
        raise reader.error(
            statement.line, "a declaration must read (declare-const X_0 Real), for X_i or Y_i"
        )
    match = _NAME.match(texts[1])
    if not match:
        raise reader.error(
            statement.line, f"variable {texts[1][:40]!r} is neither an input X_i nor an output Y_i"
        )
    if texts[1] in variables:
        raise reader.error(statement.line, f"{texts[1]} is declared twice")
    kind, index = match.group(1), int(match.group(2))
    if kind == "X" and index >= input_dim:
        raise reader.error(
            statement.line, f"{texts[1]} is declared, but the network has {input_dim} inputs"
        )
    variables[texts[1]] = kind, index


def _domains(
    common: _Part, cases: list[list[Sequence[Comparison]]], dim: int, where: str
) -> list[Domain]:
    count = math.prod(len(parts) for parts in cases)
    if count > MAX_PARTS or count * dim > MAX_ENTRIES:
        raise FormatError(
            f"{where}: the input set has {count:,} parts in {dim:,} dimensions; up to "
            f"{MAX_PARTS:,} parts and {MAX_ENTRIES:,} bounds are read"
        )
    parts = [common]
    for number, alternatives in enumerate(cases):
        grown = []
        for part in parts:
            for comparisons in alternatives:
                new = part.copy()
                try:
                    new.add(comparisons)
                except DomainError:
                    # in one disjunction an empty part is a mistake in the file; where several
                    # are multiplied out, most combinations may well be empty
                    if number == 0 and len(cases) == 1:
                        raise
                    continue
                grown.append(new)
        parts = grown
    if not parts:
        raise DomainError(f"{where}: the input set is empty: no combination of its parts exists")
    size = sum((len(part.rows) + 2 * dim) * dim for part in parts if part.rows)
    if size > MAX_ENTRIES:
        raise FormatError(
            f"{where}: the inequalities of the input set have {size:,} coefficients; "
            f"up to {MAX_ENTRIES:,} are read"
        )
    return [part.domain() for part in parts]


class _Part:
    """One conjunction: bounds of single inputs, and general rows."""

    def __init__(self, dim: int, where: str) -> None:
        self.where = where
        self.low: Bounds = [None] * dim
        self.high: Bounds = [None] * dim
        self.rows: list[Comparison] = []

    def copy(self) -> _Part:
        out = _Part(0, self.where)
        out.low, out.high, out.rows = list(self.low), list(self.high), list(self.rows)
        return out

    def add(self, comparisons: Sequence[Comparison]) -> None:
        """Intersect with further comparisons."""
        for c in comparisons:
            if not c.terms:
                if c.constant > 0:
                    raise DomainError(
                        f"{self.where}, line {c.line}: the comparison is never true: "
                        "the input set is empty"
                    )
            elif len(c.terms) > 1:
                self.rows.append(c)
                if len(self.rows) > _MAX_ROWS or len(self.rows) * len(self.low) > MAX_ENTRIES:
                    raise FormatError(
                        f"{self.where}, line {c.line}: too many inequalities over several inputs; "
                        f"up to {_MAX_ROWS:,} with {MAX_ENTRIES:,} coefficients are read"
                    )
            else:
                ((_, i), factor), bound = c.terms[0], -c.constant / c.terms[0][1]
                low, high = self.low[i], self.high[i]
                if factor > 0 and (high is None or bound < high):
                    self.high[i] = high = bound
                elif factor < 0 and (low is None or bound > low):
                    self.low[i] = low = bound
                if low is not None and high is not None and low > high:
                    raise DomainError(
                        f"{self.where}, line {c.line}: input X_{i} needs at least {_short(low)} "
                        f"and at most {_short(high)}: the input set is empty"
                    )

    def domain(self) -> Domain:
        if not self.rows:
            low = [-math.inf if v is None else v for v in self.low]
            high = [math.inf if v is None else v for v in self.high]
            return Box(_objects(low), _objects(high))
        dim = len(self.low)
        rows: list[tuple[dict[int, Fraction], Fraction]] = [
            ({i: f for (_, i), f in c.terms}, -c.constant) for c in self.rows
        ]
        rows += [({i: Fraction(1)}, v) for i, v in enumerate(self.high) if v is not None]
        rows += [({i: Fraction(-1)}, -v) for i, v in enumerate(self.low) if v is not None]
        matrix = np.full((len(rows), dim), Fraction(0), dtype=object)
        for r, (terms, _) in enumerate(rows):
            for i, factor in terms.items():
                matrix[r, i] = factor
        return Polytope(matrix, _objects([h for _, h in rows]))


def _objects(values: Sequence[Fraction | float]) -> np.ndarray:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


def _short(value: Fraction) -> str:
    """A rational for a message, however many digits it has."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) < 200:
        return str(value)
    return "a long number"


@guarded
def overlapping(domains: Sequence[Domain]) -> list[tuple[int, int]]:
    """Pairs of boxes that share more than their borders.

    Parameters
    ----------
    domains : sequence of Domain
        Only boxes are compared.

    Returns
    -------
    list of (int, int)
        Indices i < j of boxes whose relative interiors meet: in every coordinate the open sides
        intersect (a side of length zero must lie strictly inside the other, or be the same).

    Notes
    -----
    The comparisons are exact. O(n^2 D) integer comparisons after sorting the bounds.

    Examples
    --------
    >>> overlapping([Box([0], [2]), Box([2], [3]), Box([1], [4])])
    [(0, 2), (1, 2)]
    """
    boxes = [(i, d) for i, d in enumerate(domains) if isinstance(d, Box)]
    by_dim: dict[int, list[tuple[int, Box]]] = {}
    for i, box in boxes:
        by_dim.setdefault(box.dim, []).append((i, box))
    pairs: list[tuple[int, int]] = []
    for group in by_dim.values():
        low, high = _ranks([box for _, box in group])
        flat = low == high
        for a in range(len(group) - 1):
            rest = slice(a + 1, None)
            left, right = np.maximum(low[a], low[rest]), np.minimum(high[a], high[rest])
            # open sides must leave room; two flat ones only have to agree
            meets = (left < right) | (flat[a] & flat[rest] & (low[a] == low[rest]))
            one_flat = flat[a] ^ flat[rest]
            point = np.where(flat[a], low[a], low[rest])
            start = np.where(flat[a], low[rest], low[a])
            end = np.where(flat[a], high[rest], high[a])
            meets |= one_flat & (start < point) & (point < end)
            for b in np.flatnonzero(meets.all(axis=1)):
                pairs.append((group[a][0], group[a + 1 + int(b)][0]))
    return sorted(pairs)


def _ranks(boxes: Sequence[Box]) -> tuple[np.ndarray, np.ndarray]:
    """The bounds as integers in the same order, coordinate by coordinate."""
    low = np.empty((len(boxes), boxes[0].dim), dtype=np.int64)
    high = np.empty_like(low)
    for i in range(boxes[0].dim):
        values = {v for box in boxes for v in (box.low[i], box.high[i]) if v is not None}
        rank = {v: r for r, v in enumerate(sorted(values))}
        low[:, i] = [-1 if (v := box.low[i]) is None else rank[v] for box in boxes]
        high[:, i] = [len(rank) if (v := box.high[i]) is None else rank[v] for box in boxes]
    return low, high
