"""VNN-LIB properties as formulas: what a counterexample's inputs and outputs satisfy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from ...errors import FormatError, UnsupportedOperatorError
from ...mode import guarded
from ..files import PathLike
from .linear_formula import Reader, Variable, difference
from .reader import IGNORED, declare, text_of
from .sexpr import Expression, Symbol, statements

__all__ = ["All", "Any", "Compared", "Formula", "load_query"]

_ORDER = {"<=": (1, False), "<": (1, True), ">=": (-1, False), ">": (-1, True)}


@dataclass(frozen=True)
class Compared:
    """sum_v terms[v] v + constant <= 0, or < 0.

    Attributes
    ----------
    terms : tuple of (Variable, Fraction)
        Variables are ("X", i) and ("Y", i).
    constant : Fraction
    strict : bool
    """

    terms: tuple[tuple[Variable, Fraction], ...]
    constant: Fraction
    strict: bool

    @property
    def of_inputs(self) -> bool:
        """Whether it speaks of inputs alone."""
        return all(kind == "X" for (kind, _), _ in self.terms)


@dataclass(frozen=True)
class All:
    """All of several formulas."""

    parts: tuple[Formula, ...]


@dataclass(frozen=True)
class Any:
    """One of several formulas at least."""

    parts: tuple[Formula, ...]


Formula = Compared | All | Any


@guarded
def load_query(path: PathLike, input_dim: int, output_dim: int) -> Formula:
    """Read a VNN-LIB 1.0 property: the formula that a counterexample satisfies.

    Parameters
    ----------
    path : path-like
        Declarations of X_i and Y_i, and assertions of ``<=``, ``<``, ``>=``, ``>``, ``=``,
        ``and`` and ``or`` over terms that are linear in them; strict comparisons stay strict,
        inputs and outputs may stand in one. Decimals are exact. ``.gz`` files are not read.
    input_dim, output_dim : int
        How many the network has; all inputs must be declared.

    Raises
    ------
    FormatError
        If the file is unreadable, over 64 MiB, truncated, not VNN-LIB, or does not fit.
    UnsupportedOperatorError
        For terms that are not linear, and other connectives.

    Examples
    --------
    >>> import os, tempfile
    >>> name = os.path.join(tempfile.mkdtemp(), "property.vnnlib")
    >>> with open(name, "w") as stream:
    ...     _ = stream.write(
    ...         "(declare-const X_0 Real) (declare-const Y_0 Real)"
    ...         "(assert (or (> Y_0 X_0) (<= Y_0 -0.1)))"
    ...     )
    >>> formula = load_query(name, 1, 1)
    >>> [part.strict for part in formula.parts]
    [True, False]
    """
    text, where = text_of(path), str(path)
    variables: dict[str, Variable] = {}
    reader = _QueryReader(where, variables)
    found: list[Formula] = []
    for statement in statements(text, where):
        if statement.head in ("declare-const", "declare-fun"):
            declare(statement, reader, variables, input_dim)
            for kind, index in list(variables.values())[-1:]:
                if kind == "Y" and index >= output_dim:
                    raise reader.error(
                        statement.line,
                        f"Y_{index} is declared, but the network has {output_dim} outputs",
                    )
        elif statement.head == "assert":
            if len(statement.items) != 2:
                raise reader.error(statement.line, "'assert' needs one formula")
            found.append(reader.formula(statement.items[1]))
        elif statement.head not in IGNORED:
            raise reader.error(
                statement.line, f"statement {statement.head[:40]!r} is not known in VNN-LIB"
            )
    missing = [i for i in range(input_dim) if f"X_{i}" not in variables]
    if missing:
        raise FormatError(
            f"{where}: the network has {input_dim} inputs, but X_{missing[0]} is not declared"
        )
    return found[0] if len(found) == 1 else All(tuple(found))


class _QueryReader(Reader):
    """Reads formulas with both kinds of variables."""

    def formula(self, expression: Symbol | Expression) -> Formula:
        """A formula as it stands."""
        if isinstance(expression, Symbol):
            if expression.text in ("true", "false"):
                return All(()) if expression.text == "true" else Any(())
            raise self.error(expression.line, f"{expression.text[:40]!r} is no comparison")
        if expression.head in ("and", "or"):
            parts = tuple(self.formula(item) for item in expression.items[1:])
            return All(parts) if expression.head == "and" else Any(parts)
        if expression.head not in _ORDER and expression.head != "=":
            raise UnsupportedOperatorError(
                f"{self.where}, line {expression.line}: {expression.head[:40]!r} is not "
                "supported in a formula; supported are and, or, <=, <, >=, >, ="
            )
        if len(expression.items) < 3:
            raise self.error(expression.line, f"{expression.head!r} needs two terms")
        parts = tuple(self._compared(expression))
        return parts[0] if len(parts) == 1 else All(parts)

    def _compared(self, expression: Expression) -> Iterator[Compared]:
        terms = [self._term(item) for item in expression.items[1:]]
        for a, b in itertools.pairwise(terms):  # (<= 0 X_0 1) is a chain
            sides = [(1, False), (-1, False)] if expression.head == "=" else [
                _ORDER[expression.head]
            ]  # fmt: skip
            for sign, strict in sides:
                one, two = (a, b) if sign > 0 else (b, a)
                found = difference(one, two, expression.line)
                yield Compared(found.terms, found.constant, strict)
