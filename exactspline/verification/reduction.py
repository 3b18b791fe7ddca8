"""Equalities of inputs, solved: what is searched are the coordinates that they leave free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..formats.vnnlib.query import Compared

__all__ = ["Ends", "Reduced", "reduced"]

Row = tuple[Fraction, dict[int, Fraction]]  # a constant, and coefficients
Ends = list[Fraction | None]


@dataclass(frozen=True)
class Reduced:
    """Inputs as affine functions of free coordinates.

    Attributes
    ----------
    free : int
        How many coordinates there are.
    rows : list of Row
        Every input.
    low, high : list
        Bounds of the coordinates; None where there is none.
    """

    free: int
    rows: list[Row]
    low: Ends
    high: Ends

    @property
    def varying(self) -> int:
        """How many coordinates bounds leave free."""
        return sum(a is None or a != b for a, b in zip(self.low, self.high, strict=True))

    @property
    def only(self) -> tuple[Fraction, ...] | None:
        """The inputs, where bounds leave a single point."""
        if self.varying:
            return None
        return self.lift([v for v in self.low if v is not None])

    def lift(self, t: Sequence[Fraction]) -> tuple[Fraction, ...]:
        """All inputs."""
        return tuple(
            sum((c * t[j] for j, c in terms.items()), start=const) for const, terms in self.rows
        )

    def box(self) -> tuple[Ends, Ends]:
        """Bounds of all inputs."""
        low: Ends = []
        high: Ends = []
        for const, terms in self.rows:
            for ends, one, other in ((low, self.low, self.high), (high, self.high, self.low)):
                parts = [(c, (one if c > 0 else other)[j]) for j, c in terms.items()]
                known = [c * v for c, v in parts if v is not None]
                ends.append(sum(known, start=const) if len(known) == len(parts) else None)
        return low, high


def reduced(inputs: Sequence[Compared], dim: int) -> Reduced | None:
    """What comparisons of inputs leave; None if bounds and equalities exclude each other."""
    solved = _solved(inputs)
    if solved is None:
        return None
    places = {v: j for j, v in enumerate(v for v in range(dim) if v not in solved)}
    rows: list[Row] = []
    for v in range(dim):
        const, terms = solved.get(v, (Fraction(0), {v: Fraction(1)}))
        rows.append((const, {places[u]: c for u, c in terms.items()}))
    limits = _bounds_of(inputs, rows, len(places))
    return None if limits is None else Reduced(len(places), rows, *limits)


def _bounds_of(
    inputs: Sequence[Compared], rows: Sequence[Row], free: int
) -> tuple[Ends, Ends] | None:
    """Bounds of single coordinates, of comparisons of inputs; None if they exclude each other."""
    low: Ends = [None] * free
    high: Ends = [None] * free
    for part in inputs:
        const, terms = _in(part, rows)
        if not terms and (const > 0 or (part.strict and const == 0)):
            return None
        if len(terms) != 1:
            continue
        ((index, factor),) = terms.items()
        end = -const / factor
        ends, best = (high, min) if factor > 0 else (low, max)
        own = ends[index]
        ends[index] = end if own is None else best(own, end)
    for a, b in zip(low, high, strict=True):
        if a is not None and b is not None and a > b:
            return None
    return low, high


def _in(part: Compared, rows: Sequence[Row]) -> Row:
    """A comparison's form in other coordinates."""
    const, out = part.constant, dict[int, Fraction]()
    for (_, v), c in part.terms:
        own, terms = rows[v]
        const += c * own
        for j, d in terms.items():
            out[j] = out.get(j, Fraction(0)) + c * d
    return const, {j: c for j, c in out.items() if c}


def _solved(inputs: Sequence[Compared]) -> dict[int, Row] | None:
    """Inputs that equalities give as functions of others; None if there is a contradiction."""
    seen: set[tuple[object, Fraction]] = set()
    solved: dict[int, Row] = {}
    users: dict[int, set[int]] = {}  # in which solved rows an input stands
    for part in inputs:
        if part.strict:
            continue
        key = part.terms, part.constant
        opposite = tuple((v, -c) for v, c in part.terms), -part.constant
        if opposite not in seen:
            seen.add(key)
            continue
        const, terms = part.constant, dict[int, Fraction]()
        for (_, v), c in part.terms:
            own = solved.get(v, (Fraction(0), {v: Fraction(1)}))
            const += c * own[0]
            for u, d in own[1].items():
                terms[u] = terms.get(u, Fraction(0)) + c * d
        terms = {u: c for u, c in terms.items() if c}
        if not terms:
            if const:
                return None
            continue
        pivot = max(terms)
        factor = -1 / terms.pop(pivot)
        row = const * factor, {u: c * factor for u, c in terms.items()}
        for w in users.pop(pivot, ()):
            base, others = solved[w]
            c = others.pop(pivot)
            for u, d in row[1].items():
                others[u] = others.get(u, Fraction(0)) + c * d
                users.setdefault(u, set()).add(w)
            gone = [u for u, d in others.items() if not d]
            for u in gone:
                del others[u]
                users[u].discard(w)
            solved[w] = base + c * row[0], others
        solved[pivot] = row
        for u in row[1]:
            users.setdefault(u, set()).add(pivot)
    return solved
