"""Check 20: a network as formulas, nested and by cases, is the network, on walls as well.

Formulas are read as they stand: a sympy expression is walked here, part by part, in Fractions, so
that nothing depends on what sympy simplifies. Of the cases it is proved that every one of them is
a union of regions, with these steps. A region belongs to the case whose inequalities hold strictly
at its witness, and no inequality of that case changes its sign on the region (an exact linear
program); so the case holds all its regions. It holds no part of another region: its interior is
connected, so else it would go on across a facet from a region of its own to another one; but at a
point inside of each such facet one of its inequalities is 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ...domain.rows import all_rows, dense_fractions
from ...errors import LimitError
from ...mode import guarded
from ..common.region_maps import dot, partition_of
from ..common.samples import exact_forward, region_rows, simplices
from ..common.watch import watched
from ..registry import check
from ..report import SPLINE_THEORY, Report, Statement
from .reading import Reading, Row, WrongFormulaError, affine_of, row_of

if TYPE_CHECKING:
    from ...domain import Domain
    from ...network.network import Network
    from ...partition.partition import Partition
    from ...partition.pieces.symbolic import SymbolicNetwork
    from ...polyhedra.decisions import CellDecider

__all__ = ["check_symbolic_forms"]

_MOST_REGIONS = 300  # in which the nested formula is compared, as many as there are cases of
_MOST_FACETS = 1000
_MOST_CORNERS = 30  # regions whose vertices are compared
_MOST_DIM = 4  # in which vertices are looked for


class _Case(NamedTuple):
    """An affine map, and the closed set where it holds."""

    value: Row
    rows: list[Row]


@check(number=20, name="symbolic forms", needs_network=True)
@guarded
def check_symbolic_forms(
    network: Network | Partition, domain: Domain | None = None, *,
    nested: SymbolicNetwork | None = None, cases: SymbolicNetwork | None = None,
) -> Report:  # fmt: skip
    """Check that a network's nested formula, its cases and its regions' formulas are the network.

    Parameters
    ----------
    network : Network or Partition
    domain : Domain, optional
        All of R^D by default.
    nested : SymbolicNetwork, optional
        To test in place of `Network.to_sympy`.
    cases : SymbolicNetwork, optional
        To test in place of `Partition.to_sympy`.

    Returns
    -------
    Report
        The nested formula has the exact forward's values at points that span every region, at a
        point inside of every facet, and at vertices. Every case is a union of regions, no
        inequality of it is redundant, its map is the network at points that span these regions,
        and every region stands in one case of an output. The same of each region's own formula.
        What is too long to be written (`details` has its size) is left out; if that is all, the
        statement does not apply.

    Notes
    -----
    So the cases are the network on the whole domain, not at points alone. The nested formula is
    compared at points.

    References
    ----------
    Balestriero, Baraniuk, "A Spline Theory of Deep Networks", ICML 2018.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense([[1, -1]])], (1,))
    >>> report = check_symbolic_forms(net, cases=es.enumerate_regions(net).to_sympy())
    >>> report.verdict, report.details["cases"]
    ('holds', 3)
    >>> import sympy
    >>> formula = net.to_sympy()
    >>> wrong = formula._replace(map=formula.map.replace(sympy.Max, sympy.Min))
    >>> check_symbolic_forms(net, nested=wrong).verdict
    'fails'
    """
    says = Statement(
        "check_symbolic_forms",
        "A network is the nested formula of maxima, minima, absolute values and splines of its "
        "units, and it is the cases of its regions: one affine map where linear inequalities hold, "
        "none of which is redundant; on walls all formulas agree.",
        SPLINE_THEORY,
        (
            "the formulas, read part by part in rationals",
            "the operators' exact forward, and the conditions of the regions' codes",
        ),
        "points",
    )
    partition = partition_of(network, domain)
    left_out: dict[str, str] = {}
    forms: dict[str, Any] = {"nested": nested, "cases": cases}
    for name, of in (("nested", partition.network), ("cases", partition)):
        if forms[name] is None:
            try:
                forms[name] = of.to_sympy()
            except LimitError as error:
                left_out[f"no {name}"] = str(error)
    if forms["nested"] is None and forms["cases"] is None:
        return says.not_applicable("it is too large to be written down", left_out)
    counts = {"points": 0}
    try:
        if forms["nested"] is not None:
            _compare_nested(partition, forms["nested"], counts)
        if forms["cases"] is not None:
            _compare_cases(partition, forms["cases"], counts)
    except WrongFormulaError as error:
        return says.report(
            error.case, str(error), checked=counts.pop("points"), details={**counts, **left_out}
        )
    return says.report(None, "", checked=counts.pop("points"), details={**counts, **left_out})


# --- The nested formula ----------------------------------------------------------------------


def _compare_nested(partition: Partition, form: SymbolicNetwork, counts: dict[str, int]) -> None:
    """The nested formula against the forward: inside of regions, in facets, at vertices."""
    read, chart = Reading(form), partition.domain.chart
    for where, points in _points(partition):
        forward = exact_forward(partition.network, points)
        for x, values in zip(points, forward, strict=True):
            found = read.values(x)
            counts["points"] += 1
            if found != values:
                raise WrongFormulaError(
                    "the nested formula has another value", where=where, x=x, network=values,
                    formula=found,
                )  # fmt: skip
    counts["facets"] = min(len(partition.edges), _MOST_FACETS) if chart.dim else 0


def _points(partition: Partition) -> Iterator[tuple[str, list[list[Fraction]]]]:
    """Inputs, and where they lie."""
    chart = partition.domain.chart
    for simplex in islice(simplices(partition), _MOST_REGIONS):
        yield f"inside region {simplex.region}", simplex.x
    if not chart.dim:
        return
    facets = min(len(partition.edges), _MOST_FACETS)
    for e in watched(range(facets), facets, "facets"):
        yield f"inside facet {e}", [chart.lift(partition.edges.witness(e))]
    if chart.dim > _MOST_DIM:
        return
    for i in range(min(len(partition), _MOST_CORNERS)):
        region = partition[i]
        if not region._generators.lines:
            corners = region.vertices().tolist()
            yield f"at vertices of region {i}", [chart.lift(corner) for corner in corners]


# --- The cases -------------------------------------------------------------------------------


def _compare_cases(partition: Partition, form: SymbolicNetwork, counts: dict[str, int]) -> None:
    """The cases of every output, and the formulas of single regions."""
    regions: list[list[_Case]] = []
    for i in watched(range(len(partition)), len(partition), "formulas of regions"):
        found = partition[i].to_sympy()
        rows = [row_of(part, found.symbols) for part in found.inequalities]
        regions.append([_Case(affine_of(v, found.symbols), rows) for v in found.map])
    kinds = {f"cases of output {c}": _cases_of(form, c) for c in range(len(form.map))}
    kinds["regions"] = [own[0] for own in regions]
    cells = _Cells(partition)
    owner = {name: cells.owners(name, cases) for name, cases in kinds.items()}
    for r, own in enumerate(owner["regions"]):
        if own != r:
            raise WrongFormulaError("a region's formula is that of another one", regions=[own, r])
    for simplex in simplices(partition):
        r, forward = simplex.region, exact_forward(partition.network, simplex.x)
        maps = [kinds[f"cases of output {c}"] for c in range(len(form.map))]
        cases = [own[owner[f"cases of output {c}"][r]] for c, own in enumerate(maps)]
        for what, used in (("cases", cases), ("region", regions[owner["regions"][r]])):
            for t, x, values in zip(simplex.t, simplex.x, forward, strict=True):
                given = [_at(case.value, t) for case in used]
                counts["points"] += 1
                if given != values:
                    raise WrongFormulaError(
                        f"the formula of its {what} has another value", region=r, x=x,
                        network=values, formula=given,
                    )  # fmt: skip
    counts["cases"] = sum(len(cases) for cases in kinds.values()) - len(regions)


class _Cells:
    """The regions of a partition, each with its conditions: which sets are unions of them."""

    def __init__(self, partition: Partition) -> None:
        from ...polyhedra.decisions import CellDecider
        from ...polyhedra.lp import q, qrow

        self.partition = partition
        self.witnesses = [list(partition.witness(i)) for i in range(len(partition))]
        self.deciders = [
            CellDecider([qrow(*row) for row in region_rows(partition, i)], [q(v) for v in inside])
            for i, inside in enumerate(self.witnesses)
        ]
        self.domain = _domain_rows(partition)

    def owners(self, what: str, cases: Sequence[_Case]) -> list[int]:
        """Which case every region stands in; an error if they are no unions of regions."""
        from ...polyhedra.lp import q, qrow, value_at

        out: list[int] = []
        sets = [[qrow(*row) for row in case.rows] for case in cases]
        for r, t in enumerate(watched(self.witnesses, len(self.witnesses), what)):
            at = [q(v) for v in t]
            own = [i for i, rows in enumerate(sets) if all(value_at(row, at) > 0 for row in rows)]
            if len(own) != 1:
                raise WrongFormulaError(
                    f"{what}: a region lies in {len(own)} of them", region=r, t=t
                )
            for row in cases[own[0]].rows:
                if not self._keeps(self.deciders[r], row):
                    raise WrongFormulaError(
                        f"{what}: an inequality cuts a region", region=r, row=row
                    )
            out.append(own[0])
        self._do_not_go_on(what, cases, out)
        for i, case in enumerate(cases):
            if i not in out:
                raise WrongFormulaError(f"{what}: one holds no region", which=i, rows=case.rows)
            self._is_irredundant(what, case.rows, self.witnesses[out.index(i)])
        return out

    def _do_not_go_on(self, what: str, cases: Sequence[_Case], owner: Sequence[int]) -> None:
        """No case goes on across a facet to a region of another one."""
        if not self.partition.domain.chart.dim:
            return
        edges = self.partition.edges
        for e in range(len(edges)):
            ends = int(edges.source[e]), int(edges.target[e])
            if owner[ends[0]] == owner[ends[1]]:
                continue
            t = list(edges.witness(e))
            for r in ends:
                if all(_at(row, t) for row in cases[owner[r]].rows):
                    raise WrongFormulaError(
                        f"{what}: one goes on into another region", regions=ends, t=t,
                        rows=cases[owner[r]].rows,
                    )  # fmt: skip

    def _is_irredundant(self, what: str, rows: list[Row], inside: list[Fraction]) -> None:
        """Every inequality leaves something out that the others do not; none leaves the domain."""
        for i, row in enumerate(rows):
            if self._keeps(_cell(rows[:i] + rows[i + 1 :], inside), row):
                raise WrongFormulaError(f"{what}: an inequality is redundant", row=row, rows=rows)
        for row in self.domain:
            if not self._keeps(_cell(rows, inside), row):
                raise WrongFormulaError(f"{what}: one leaves the domain", row=row, rows=rows)

    @staticmethod
    def _keeps(cell: CellDecider, row: Row) -> bool:
        """Whether a form that is positive at the cell's point is so all over its interior."""
        from ...polyhedra.lp import qrow

        return cell.decide(qrow(*row)).kind in ("positive", "zero")


def _cell(rows: Sequence[Row], inside: Sequence[Fraction]) -> CellDecider:
    from ...polyhedra.decisions import CellDecider
    from ...polyhedra.lp import q, qrow

    return CellDecider([qrow(*row) for row in rows], [q(v) for v in inside])


def _at(row: Row, t: Sequence[Fraction]) -> Fraction:
    return row[0] + dot(row[1], t)


def _cases_of(form: SymbolicNetwork, output: int) -> list[_Case]:
    """The branches of one output, as maps and inequalities."""
    import sympy

    part, out = form.map[output], []
    branches = part.args if isinstance(part, sympy.Piecewise) else [(part, sympy.true)]
    for value, holds in branches:
        rows = [] if holds == sympy.true else list(sympy.And.make_args(holds))
        out.append(
            _Case(affine_of(value, form.symbols), [row_of(row, form.symbols) for row in rows])
        )
    return out


def _domain_rows(partition: Partition) -> list[Row]:
    """The domain's own inequalities, over its coordinates."""
    chart = partition.domain.chart
    A, b = dense_fractions(all_rows(chart.low, chart.high, chart.rows, chart.dim))
    return [(constant, row.tolist()) for row, constant in zip(A, b, strict=True)]
