"""The space that is searched: a domain's chart, reduced to what the network and domain read.

Coordinates that nothing reads are fixed. Where nothing bounds the domain along some
directions and no form varies along them (a lineality space: the braid arrangement, 784 inputs
and 10 first units), the forms live on a quotient. A section by fixing coordinates is in
bijection with it and leaves every coefficient as it was stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..clock import check
from ..compile.forms import Forms
from ..compile.program import Program
from ..domain import Chart
from ..domain.rows import Bound, all_rows, dense_rows
from ..rationals import exact_array, fractions
from ..room import check_room

__all__ = ["SearchSpace", "dense_rows", "search_space", "whole_space"]

_MOST_ENTRIES = 1 << 28  # of dense rows


@dataclass(frozen=True)
class SearchSpace:
    """Exact data of the search, over its own d coordinates s.

    Attributes
    ----------
    dim : int
        d.
    chart : Chart
        The domain; its coordinates t are s, and fixed values elsewhere.
    columns : int64 array, shape (d,)
        Which coordinates t are searched.
    fixed : tuple of Fraction
        Values of all t; those of the columns are overwritten.
    inputs : Forms
        The network's inputs x over s.
    first : Forms
        Members of the first layer over s (composed exactly).
    rows : Forms
        All inequalities of the domain over s, each >= 0: bounds first, then general rows.
    low, high : tuple of Fraction or None
    interior : tuple of Fraction
        A point s strictly inside.
    """

    dim: int
    chart: Chart
    columns: np.ndarray
    fixed: tuple[Fraction, ...]
    inputs: Forms
    first: Forms
    rows: Forms
    low: tuple[Bound, ...]
    high: tuple[Bound, ...]
    interior: tuple[Fraction, ...]

    def to_chart(self, s: Sequence[Fraction]) -> list[Fraction]:
        """Domain coordinates t of a point s."""
        t = list(self.fixed)
        for j, value in zip(self.columns.tolist(), s, strict=True):
            t[j] = value
        return t


def search_space(program: Program, chart: Chart) -> SearchSpace:
    """Reduce a chart to the coordinates that matter for a program."""
    first = program.layers[0].members.after(chart.point)
    kept = program.layers[0].keep
    read = [first, chart.point.take(kept), chart.rows]
    used = np.zeros(chart.dim, dtype=bool)
    for forms in read:
        used[forms.indices[forms.data != 0]] = True
    bounded = np.array(
        [a is not None or b is not None for a, b in zip(chart.low, chart.high, strict=True)],
        dtype=bool,
    )
    columns = np.flatnonzero(used)
    free = [int(j) for j in columns if not bounded[j]]
    independent = _pivot_columns(read, free)
    columns = np.array([j for j in columns.tolist() if bounded[j] or j in independent], dtype=int)
    fixed = tuple(_plain(chart.interior[j], chart.low[j], chart.high[j]) for j in range(chart.dim))
    section = _section(chart.dim, columns, fixed)
    low = tuple(chart.low[j] for j in columns)
    high = tuple(chart.high[j] for j in columns)
    rows = all_rows(low, high, chart.rows.after(section), len(columns))
    interior = tuple(chart.interior[j] for j in columns)
    if len(chart.rows):
        interior = _interior_of_section(rows, len(columns), interior, len(columns) < len(used))
    return SearchSpace(
        len(columns),
        chart,
        columns.astype(np.int64),
        fixed,
        chart.point.after(section),
        first.after(section),
        rows,
        low,
        high,
        interior,
    )


def whole_space(program: Program, chart: Chart) -> SearchSpace:
    """All coordinates of a chart, read or not: for the geometry of regions.

    The rows are the domain's *sides*: the bounds of every coordinate (lower, then upper, where
    there are any), then the general rows of the chart.
    """
    columns = np.arange(chart.dim, dtype=np.int64)
    first = program.layers[0].members if program.layers else program.output
    return SearchSpace(
        chart.dim, chart, columns, chart.interior, chart.point, first.after(chart.point),
        all_rows(chart.low, chart.high, chart.rows, chart.dim), chart.low, chart.high,
        chart.interior,
    )  # fmt: skip


def _plain(value: Fraction, low: Bound, high: Bound) -> Fraction:
    """A float64 near a value and within its bounds if there is one, else the value itself."""
    try:
        near = Fraction(float(value))
    except OverflowError:
        return value
    if (low is None or near > low) and (high is None or near < high):
        return near
    return value


def _section(dim: int, columns: np.ndarray, fixed: tuple[Fraction, ...]) -> Forms:
    """t as forms over s."""
    counts = np.zeros(dim, dtype=np.int64)
    counts[columns] = 1
    const = exact_array([Fraction(0) if counts[j] else fixed[j] for j in range(dim)])
    return Forms(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.arange(len(columns), dtype=np.int64),
        np.ones(len(columns)),
        const,
        len(columns),
    )


def _pivot_columns(read: list[Forms], free: list[int]) -> set[int]:
    """Columns among ``free`` that span what the forms read there."""
    from ..polyhedra.lp import q
    from ..polyhedra.rank import independent_columns

    if not free:
        return set()
    check_room(
        len(free) * sum(len(forms) for forms in read), _MOST_ENTRIES,
        f"the rows that {len(free):,} unbounded coordinates vary",
        "take a bounded domain, or a slice of fewer dimensions",
    )  # fmt: skip
    place = {j: i for i, j in enumerate(free)}
    rows = []
    for forms in read:
        for i in range(len(forms)):
            check()
            indices, data, _ = forms.row(i)
            pairs = zip(indices.tolist(), data.tolist(), strict=True)
            row = {place[j]: q(value) for j, value in pairs if j in place}
            if any(row.values()):
                rows.append(row)
    return {free[c] for c in independent_columns(rows, len(free))}


def _interior_of_section(
    rows: Forms, width: int, guess: tuple[Fraction, ...], moved: bool
) -> tuple[Fraction, ...]:
    """A point strictly inside; the chart's own one unless coordinates were fixed."""
    from ..polyhedra.lp import interior_point, q, value_at

    dense = dense_rows(rows)
    if all(value_at(row, [q(v) for v in guess]) > 0 for row in dense) or not moved:
        return guess
    found = interior_point(dense, width)
    assert found is not None  # the section of a nonempty full-dimensional domain is one
    return fractions(found[0])
