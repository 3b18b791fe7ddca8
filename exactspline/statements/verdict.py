"""What came out: whether a statement holds, by which point, and at what cost."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..errors import UndecidedError
from ..mode import guarded
from ..rationals import format_rational, nearest_float

if TYPE_CHECKING:
    from ..network.network import Network
    from .quantified import Statement

__all__ = ["Application", "Verdict"]

Point = tuple[Fraction, ...]
Points = Point | tuple[Point, ...]


@dataclass(frozen=True)
class Application:
    """A network at one point.

    Attributes
    ----------
    network : Network
    input, output : tuple of Fraction
        Flat.
    code : tuple of int
        Of a region whose closure holds the input: the lowest piece of units that change there.
    """

    network: Network
    input: Point
    output: Point
    code: tuple[int, ...]


@guarded
@dataclass(repr=False)
class Verdict:
    """Whether a statement holds, and what shows it.

    Attributes
    ----------
    holds : bool or None
        None where a limit was reached before it was decided.
    statement : Statement
    counterexample : tuple of Fraction, or of one such tuple a point; or None
        Of a statement about all points that fails; checked by an exact forward pass.
    witness : the same
        Of a statement that some point satisfies.
    float_point : list or None
        A float64 point near it that shows the same (a list a point); None proves nothing.
    optimum : Fraction, float or None
        Of ``find(..., maximise=...)``: the largest value; ``math.inf`` if there is none.
    attained : bool or None
        Whether it is a value at a point; False if it is only approached.
    limit_point : as witness, or None
        Where the largest value is attained or approached: a point of the closure.
    regions : int
        Regions that were looked at.
    decisions : int
        Proved decisions of the search.
    pruned : int
        Boxes of the domain that bounds have decided, without a search.
    closed : int
        Cells that bounds have decided on the way, so that they were not split further.
    vacuous : bool
        Whether no point satisfies the premises, so that nothing was to be shown.
    inside_only : bool
        Whether only the insides of regions count: slopes or codes are compared.
    code : tuple of int or None
        Of the joint network, where the point was found: its region.
    applied : tuple of Application
        What every network of the statement gives at the point: input, output and code, exactly.
    method : str
        How it was decided.
    stopped : str
        Which limit was reached; empty if none.
    seconds : float

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))
    >>> verdict = es.prove(es.forall(es.Box(0, 1, dim=2), lambda x: net(x)[0] < 1))
    >>> verdict.holds, verdict.counterexample
    (False, (Fraction(1, 1), Fraction(1, 1)))
    """

    statement: Statement
    holds: bool | None
    counterexample: Points | None = None
    witness: Points | None = None
    float_point: Any = None
    optimum: Fraction | float | None = None
    attained: bool | None = None
    limit_point: Points | None = None
    regions: int = 0
    decisions: int = 0
    pruned: int = 0
    closed: int = 0
    vacuous: bool = False
    inside_only: bool = False
    code: tuple[int, ...] | None = None
    applied: tuple[Application, ...] = ()
    method: str = ""
    stopped: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())

    def __bool__(self) -> bool:
        if self.holds is None:
            raise UndecidedError(
                f"the statement is not decided ({self.stopped or 'a limit was reached'}): "
                "verdict.holds is None; give more time or a smaller domain"
            )
        return self.holds

    @property
    def exit_code(self) -> int:
        """0 holds, 1 fails, 3 undecided: what the command line ends with.

        Examples
        --------
        >>> import exactspline as es
        >>> es.prove(es.forall(es.Box(0, 1, dim=1), lambda x: x[0] >= 0)).exit_code
        0
        """
        return 3 if self.holds is None else 0 if self.holds else 1

    def _rows(self) -> list[tuple[str, str]]:
        word = {True: "holds", False: "fails", None: "undecided"}[self.holds]
        if self.vacuous:
            word += ", for no point satisfies the premises" if self.holds else ": no such point"
        if self.stopped:
            word += f" ({self.stopped})"
        out = [("statement", repr(self.statement).strip("<>")), ("verdict", word)]
        for name, points in (("counterexample", self.counterexample), ("witness", self.witness)):
            for label, point in self._named(points):
                out.append((name, f"{label} = {_text(point)}"))
        for number, one in enumerate(self.applied, 1):
            name = "network" if len(self.applied) == 1 else f"network {number}"
            out.append(("values", f"{name} at {_text(one.input, 4)}: {_text(one.output)}"))
        if self.float_point is not None:
            out.append(("in float64", str(self.float_point)))
        if self.optimum is not None:
            how = "attained" if self.attained else "not attained"
            value = (
                "unbounded"
                if isinstance(self.optimum, float)
                else f"{format_rational(self.optimum)}, {how}"
            )
            out.append(("largest value", value))
        if self.limit_point is not None and self.limit_point != self.witness:
            out += [
                ("approached at", f"{n} = {_text(p)}") for n, p in self._named(self.limit_point)
            ]
        if self.inside_only:
            out.append(("decided on", "the insides of regions; points between them are left out"))
        out += [("note", note) for note in self.notes]
        cost = f"{self.regions:,} regions, {self.decisions:,} decisions"
        if self.pruned:
            cost += f", {self.pruned:,} boxes by bounds"
        if self.closed:
            cost += f", {self.closed:,} cells closed by bounds"
        out.append(("by", f"{self.method}: {cost}"))
        out.append(("time", f"{self.seconds:.3g} s"))
        return out

    def _named(self, points: Points | None) -> list[tuple[str, Point]]:
        if points is None:
            return []
        names = [point.name for point in self.statement.points]
        if len(names) == 1:
            return [(names[0], points)]  # type: ignore[list-item]
        return list(zip(names, points, strict=True))  # type: ignore[arg-type]

    def __str__(self) -> str:
        rows = self._rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def __repr__(self) -> str:
        word = {True: "holds", False: "fails", None: "undecided"}[self.holds]
        return f"<Verdict: {word}, {self.regions:,} regions>"

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._rows()
        )
        return f"<table>{cells}</table>"

    def to_dict(self) -> dict[str, Any]:
        """What it says as plain values, Fractions as text; for JSON.

        Examples
        --------
        >>> import exactspline as es
        >>> found = es.prove(es.forall(es.Box(0, 1, dim=1), lambda x: x[0] != "1/3")).to_dict()
        >>> found["holds"], found["counterexample"]
        (False, {'x': ['1/3']})
        """

        def exact(points: Points | None) -> dict[str, list[str]] | None:
            if points is None:
                return None
            return {n: [format_rational(v) for v in p] for n, p in self._named(points)}

        optimum: Any = self.optimum
        if isinstance(optimum, Fraction):
            optimum = format_rational(optimum)
        elif optimum is not None:
            optimum = "unbounded"
        return {
            "statement": repr(self.statement).strip("<>"), "holds": self.holds,
            "counterexample": exact(self.counterexample), "witness": exact(self.witness),
            "values": [[format_rational(v) for v in one.output] for one in self.applied],
            "codes": [list(one.code) for one in self.applied],
            "float_point": self.float_point, "optimum": optimum, "attained": self.attained,
            "limit_point": exact(self.limit_point), "regions": self.regions,
            "decisions": self.decisions, "pruned": self.pruned, "closed": self.closed,
            "vacuous": self.vacuous, "inside_only": self.inside_only, "method": self.method,
            "stopped": self.stopped, "seconds": self.seconds, "notes": list(self.notes),
        }  # fmt: skip

    def to_json(self) -> str:
        """`to_dict` as one line of JSON.

        Examples
        --------
        >>> import exactspline as es
        >>> '"holds": true' in es.prove(
        ...     es.forall(es.Box(0, 1, dim=1), lambda x: x[0] >= 0)
        ... ).to_json()
        True
        """
        return json.dumps(self.to_dict())


def _text(point: Point, most: int = 12) -> str:
    shown = [format_rational(v) for v in point[:most]]
    shown = [text if len(text) <= 40 else f"{nearest_float(v):.17g}..." for text, v in
             zip(shown, point, strict=False)]  # fmt: skip
    more = f", ... ({len(point)} numbers)" if len(point) > most else ""
    return f"({', '.join(shown)}{more})"
