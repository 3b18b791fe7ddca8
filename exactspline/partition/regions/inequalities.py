"""The inequalities of a region as they are shown, and what the sides of a domain are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from ...mode import guarded
from ...rationals import as_fractions, format_rational, fractions

if TYPE_CHECKING:
    from ...compile.program import UnitName
    from ...domain import Chart, Domain
    from ...polyhedra.lp import Row

__all__ = ["Inequality", "describe_sides", "inequality_text"]

Form = tuple[Fraction, dict[int, Fraction]]  # constant and coefficients


@guarded
@dataclass(frozen=True)
class Inequality:
    """coefficients . t + constant >= 0, exactly, over the domain's coordinates t.

    Attributes
    ----------
    coefficients : tuple of Fraction
    constant : Fraction
    unit : int or None
        The unit it comes from, as its position in the code; None for a side of the domain.
    unit_name : UnitName or None
    side : int or None
        The side of the domain, as in `Partition.borders`; None for a unit.
    source : str
        Where it comes from, for people: "relu[3], piece 1", "x[0] >= -1",
        "row 3 of the polytope".
    letter : str
        "x" where t is the input x itself (a domain of full dimension, no slice), else "t".

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[2, -4]], [1]), es.ReLU(name="relu")], (2,))
    >>> for inequality in es.regions_at(net, [1, 0])[0].inequalities():
    ...     print(inequality)
    2 x[0] - 4 x[1] >= -1   (relu[0], piece 1)
    """

    coefficients: tuple[Fraction, ...]
    constant: Fraction
    unit: int | None
    unit_name: UnitName | None
    side: int | None
    source: str
    letter: str = "x"

    def value(self, t: Sequence[Fraction]) -> Fraction:
        """coefficients . t + constant at a point in the domain's coordinates, exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2]], [1]), es.ReLU()], (1,))
        >>> (above,) = es.enumerate_regions(net)[1].inequalities()
        >>> str(above.value([Fraction(1, 2)]))
        '2'
        """
        pairs = zip(self.coefficients, t, strict=True)
        return sum((c * v for c, v in pairs if c), self.constant)

    def __str__(self) -> str:
        if self.side is not None and self.letter == "x" and "=" in self.source:
            return f"{self.source}   (the domain)"
        text = inequality_text(self.constant, self.coefficients, self.letter)
        return f"{text}   ({self.source})"


def inequality_text(constant: Fraction, coefficients: Sequence[Fraction], letter: str) -> str:
    """coefficients . t + constant >= 0 as people write it: ``x[0] - 2 x[1] >= 1/2``."""
    terms = [(c, f"{letter}[{j}]") for j, c in enumerate(coefficients) if c]
    if not terms:
        return f"{format_rational(constant)} >= 0"
    relation = ">="
    if all(c < 0 for c, _ in terms):
        relation, constant, terms = "<=", -constant, [(-c, name) for c, name in terms]
    text = ""
    for c, name in terms:
        sign = ("-" if c < 0 else "") if not text else (" - " if c < 0 else " + ")
        size = "" if abs(c) == 1 else format_rational(abs(c)) + " "
        text += f"{sign}{size}{name}"
    return f"{text} {relation} {format_rational(-constant)}"


def describe_sides(domain: Domain, rows: Sequence[Row]) -> list[str]:
    """A description of every side of a domain.

    Parameters
    ----------
    domain : Domain
    rows : sequence of rows
        The sides over the chart's coordinates, constant first, each >= 0.

    Notes
    -----
    A side is recognised by its exact row, up to a positive factor; of several descriptions
    with one half-space the first is given.
    """
    known: dict[tuple[Fraction, ...], str] = {}
    for text, (constant, terms) in _described(domain, "x"):
        dense = [constant] + [terms.get(j, Fraction(0)) for j in range(domain.chart.dim)]
        known.setdefault(_normal(dense), text)
    out = []
    for row in rows:
        exact = list(fractions(row))
        unnamed = inequality_text(exact[0], exact[1:], "t")
        out.append(known.get(_normal(exact), unnamed))
    return out


def _normal(row: Sequence[Fraction]) -> tuple[Fraction, ...]:
    size = next((abs(c) for c in row[1:] if c), Fraction(1))
    return tuple(c / size for c in row)


def _described(domain: Domain, letter: str) -> Iterator[tuple[str, Form]]:
    """All inequalities that define a domain, over its chart."""
    inputs = _point(domain.chart)
    yield from _inequalities(domain, letter, inputs)


def _inequalities(
    domain: Domain, letter: str, inputs: Sequence[Form]
) -> Iterator[tuple[str, Form]]:
    """The inequalities of a domain whose points are the given forms."""
    from ...domain import Box, Polytope, Slice

    if isinstance(domain, Box):
        for i, (low, high) in enumerate(zip(domain.low, domain.high, strict=True)):
            constant, terms = inputs[i]
            if low is not None:
                yield f"{letter}[{i}] >= {format_rational(low)}", (constant - low, terms)
            if high is not None:
                negative = {j: -c for j, c in terms.items()}
                yield f"{letter}[{i}] <= {format_rational(high)}", (high - constant, negative)
    elif isinstance(domain, Polytope):
        for i, (g, h) in enumerate(
            zip(as_fractions(domain.G), as_fractions(domain.h), strict=True)
        ):
            form = _combined(h, [-c for c in g], inputs)
            yield f"row {i} of the polytope", form
    elif isinstance(domain, Slice):
        if domain.inputs is not None:
            yield from _inequalities(domain.inputs, letter, inputs)
        yield from _inequalities(domain.domain, "t", _parameters(domain, inputs))


def _combined(constant: Fraction, factors: Sequence[Fraction], forms: Sequence[Form]) -> Form:
    terms: dict[int, Fraction] = {}
    for f, (offset, inner) in zip(factors, forms, strict=True):
        if f:
            constant = constant + f * offset
            for j, c in inner.items():
                terms[j] = terms.get(j, Fraction(0)) + f * c
    return constant, terms


def _point(chart: Chart) -> list[Form]:
    out = []
    for i in range(len(chart.point)):
        indices, data, const = chart.point.row(i)
        pairs = zip(indices.tolist(), data.tolist(), strict=True)
        out.append((const, {j: Fraction(c) for j, c in pairs}))
    return out


def _parameters(domain: Domain, inputs: Sequence[Form]) -> list[Form]:
    """A slice's own parameters as forms, from its inputs as forms."""
    from ...domain import Slice, WholeSpace
    from .coordinates import Coordinates

    assert isinstance(domain, Slice)
    free = Slice(domain.origin, domain.directions, WholeSpace(len(domain.directions)))
    out = []
    for constant, terms in Coordinates(free.chart).inverse:
        places = list(terms)
        out.append(_combined(constant, [terms[i] for i in places], [inputs[i] for i in places]))
    return out
