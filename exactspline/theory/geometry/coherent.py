"""Whether convex cells form a power diagram: exact centroids and radii, or a proof of none.

Regions i are the cells of a power diagram exactly when there are affine functions
g_i = <mu_i, t> + beta_i whose maximum has these cells, rad_i = |mu_i|^2 + 2 beta_i. Across the
facet between i and j, with a form n that is positive in j, that says g_j - g_i = lambda n with
lambda > 0; on a convex domain these conditions suffice, since a function that is convex across
every facet is convex. The unknowns are the lambdas: around every cycle of regions the forms
lambda n must sum to zero. By Stiemke's lemma either such lambda > 0 exist, or a combination of
these equations has coefficients w >= 0, not all zero, which no lambda > 0 can satisfy. Nothing
here knows a network: `exactspline.theory.geometry.whole` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ...errors import LimitError, ParameterError, UndecidedError
from ...mode import guarded
from ..common.region_maps import dot, fractions_of
from ..registry import exported

__all__ = ["NoPowerDiagram", "WholePowerDiagram", "cells_power_diagram", "proves"]

_MOST_EDGES = 400  # of the exact linear program


@guarded
@dataclass(frozen=True)
class WholePowerDiagram:
    """A power diagram with one centroid and radius a cell.

    Attributes
    ----------
    centroids : object array, shape (cells, k)
        Fractions.
    radii : object array, shape (cells,)
    """

    centroids: np.ndarray
    radii: np.ndarray

    @classmethod
    def of_heights(cls, heights: Sequence[Sequence[Fraction]]) -> WholePowerDiagram:
        """From the affine functions, constant first, whose maximum has these cells."""
        centroids = np.empty((len(heights), len(heights[0]) - 1), dtype=object)
        radii = np.empty(len(heights), dtype=object)
        for i, (beta, *mu) in enumerate(heights):
            centroids[i] = mu
            radii[i] = dot(mu, mu) + 2 * beta
        return cls(centroids, radii)

    def nearest(self, t: Sequence[Fraction]) -> list[int]:
        """All cells of least power distance to a point, exactly."""
        distances = [
            dot(mu, mu) - rad - 2 * dot(mu, t)
            for mu, rad in zip(self.centroids, self.radii, strict=True)
        ]
        least = min(distances)
        return [i for i, d in enumerate(distances) if d == least]

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class NoPowerDiagram:
    """A proof that no centroids and radii give the cells.

    Attributes
    ----------
    edges : tuple of (source, target)
        The facets the proof is about.
    weights : tuple of Fraction
        Positive. Centroids mu and offsets beta would give mu_j - mu_i = lambda_e n_e with
        lambda_e > 0 on every facet, and these equations force sum_e w_e lambda_e = 0.
    multipliers : tuple of (i, j, coefficients)
        How they force it: for every facet e = (i, j) a vector y_e, constant first, with
        <y_e, n_e> = w_e, and at every cell the y_e of its facets, those into it minus those
        out of it, sum to zero.
    """

    edges: tuple[tuple[int, int], ...]
    weights: tuple[Fraction, ...]
    multipliers: tuple[tuple[int, int, tuple[Fraction, ...]], ...]

    def __bool__(self) -> bool:
        return False


@exported
@guarded
def cells_power_diagram(
    cells: int, ends: Sequence[tuple[int, int]], rows: Sequence[Sequence[Fraction]]
) -> WholePowerDiagram | NoPowerDiagram:
    """Find a power diagram with given convex cells, or prove that there is none.

    Parameters
    ----------
    cells : int
        How many convex cells there are; they fill a convex domain.
    ends : sequence of (i, j)
        The facets: which two cells share one. Every pair of adjacent cells once.
    rows : sequence of sequences of Fraction, each of k + 1 numbers
        Per facet an affine form, constant first, that vanishes on it and is positive in j.

    Returns
    -------
    WholePowerDiagram or NoPowerDiagram
        True or false as a bool.

    Raises
    ------
    LimitError
        For more than 400 facets.
    ParameterError
        If the facets do not connect the cells, or a row is missing.

    Notes
    -----
    One exact linear program over the ways to bend the cells.

    References
    ----------
    F. Aurenhammer, Power diagrams: properties, algorithms and applications, 1987.

    Examples
    --------
    >>> from fractions import Fraction
    >>> line = [Fraction(-1), Fraction(1)]  # x - 1 > 0 in cell 1
    >>> found = cells_power_diagram(2, [(0, 1)], [line])
    >>> [int(mu[0]) for mu in found.centroids], [int(rad) for rad in found.radii]
    ([0, 1], [0, -1])
    """
    import flint

    from ...polyhedra.linear import null_space
    from ...polyhedra.lp import q

    if len(ends) > _MOST_EDGES:
        raise LimitError(
            f"power diagram: {len(ends):,} facets are over the limit of {_MOST_EDGES}; "
            "take a smaller domain"
        )
    if len(ends) != len(rows) or len({len(row) for row in rows}) > 1:
        raise ParameterError("power diagram: give one row a facet, all of one length")
    exact = [[q(Fraction(v)) for v in row] for row in rows]
    width = len(exact[0]) if exact else 1
    pairs = [(int(a), int(b)) for a, b in ends]
    if any(not 0 <= i < cells for pair in pairs for i in pair):
        raise ParameterError(f"power diagram: a facet names none of the {cells} cells")
    cycles = _cycles(cells, pairs)
    if cycles is None:
        raise ParameterError("power diagram: the facets do not connect the cells")
    equations = []
    for cycle in cycles:
        for c in range(width):
            equation = [flint.fmpq(0)] * len(pairs)
            for e, sign in cycle:
                equation[e] = equation[e] + sign * exact[e][c]
            equations.append(equation)
    freedom = null_space(equations, len(pairs))
    bends, proof = _positive(freedom, len(pairs))
    if bends is not None:
        return _centroids(cells, pairs, exact, bends, width)
    assert proof is not None
    return _certificate(pairs, exact, cycles, equations, proof, width)


def _tree(cells: int, ends: list[tuple[int, int]]) -> list[tuple[int, int, int, int]]:
    """A spanning tree from cell 0 on: (cell, next cell, facet, 1 or -1 as the facet is walked)."""
    near: list[list[tuple[int, int, int]]] = [[] for _ in range(cells)]
    for e, (a, b) in enumerate(ends):
        near[a].append((b, e, 1))
        near[b].append((a, e, -1))
    reached, queue, out = {0}, [0], []
    for a in queue:
        for b, e, sign in near[a]:
            if b not in reached:
                reached.add(b)
                queue.append(b)
                out.append((a, b, e, sign))
    return out


def _cycles(cells: int, ends: list[tuple[int, int]]) -> list[list[tuple[int, int]]] | None:
    """A basis of the cycles of the graph: edges with signs, one cycle an edge off a tree.

    None if the facets do not connect the cells.
    """
    tree = _tree(cells, ends)
    if len(tree) != cells - 1:
        return None
    ways: dict[int, dict[int, int]] = {0: {}}  # from cell 0 to every cell
    for a, b, e, sign in tree:
        ways[b] = {**ways[a], e: sign}
    inside = {e for _, _, e, _ in tree}
    out = []
    for e, (a, b) in enumerate(ends):
        if e not in inside:  # to a, over e, and back from b: what both ways share cancels
            there, back = ways[a].items(), ways[b].items()
            out.append([(e, 1), *(there - back), *((f, -sign) for f, sign in back - there)])
    return out


def _positive(freedom: list[list[Any]], edges: int) -> tuple[list[Any] | None, list[Any] | None]:
    """lambda > 0 in the space spanned by some vectors, or w >= 0, not zero, orthogonal to it."""
    import flint

    from ...polyhedra.linear import one_solution
    from ...polyhedra.lp import ONE, ZERO, minimise

    if edges == 0:
        return [], None
    dims = len(freedom)
    # over (s, t): lambda(s)_e >= t, t <= 1; the largest t is 1 or 0
    rows = [[ZERO, *(v[e] for v in freedom), -ONE] for e in range(edges)]
    rows.append([ONE, *([ZERO] * dims), -ONE])
    best = minimise(rows, [ZERO] * (dims + 1) + [-ONE], [ZERO] * (dims + 1))
    assert best.value is not None
    if best.value < 0:
        s = best.point[:dims]
        bends = [sum((a * v[e] for a, v in zip(s, freedom, strict=True)), ZERO)
                 for e in range(edges)]  # fmt: skip
        if not all(v > 0 for v in bends):
            raise UndecidedError("power diagram: a solution is not positive; please report")
        return bends, None
    # the tight rows' multipliers: sum w = 1 and w orthogonal to every vector
    tight = [i for i in best.basis if i < edges]
    weights = [ZERO] * edges
    system = [[v[e] for e in tight] for v in freedom] + [[ONE] * len(tight)]
    right = [ZERO] * dims + [ONE]
    solution = one_solution(flint.fmpq_mat(system), right)
    if solution is not None:
        for e, w in zip(tight, solution, strict=True):
            weights[e] = w
    orthogonal = all(
        sum((w * x for w, x in zip(weights, v, strict=True)), ZERO) == 0 for v in freedom
    )
    if not orthogonal or any(w < 0 for w in weights) or not any(weights):
        weights = _weights_by_program(freedom, edges)
    return None, weights


def _weights_by_program(freedom: list[list[Any]], edges: int) -> list[Any]:
    """w >= 0 with sum 1, orthogonal to some vectors, by a linear program of its own."""
    from ...polyhedra.lp import ONE, ZERO, feasible_point

    rows = [[ZERO, *(ONE if i == e else ZERO for i in range(edges))] for e in range(edges)]
    for v in freedom:
        rows += [[ZERO, *v], [ZERO, *(-x for x in v)]]
    rows.append([-ONE] + [ONE] * edges)
    found = feasible_point(rows, edges)
    if found is None:
        raise UndecidedError(
            "power diagram: neither a diagram nor a proof of none was found; please report"
        )
    return found


def _centroids(
    cells: int, ends: list[tuple[int, int]], rows: list[list[Any]], bends: list[Any], width: int
) -> WholePowerDiagram:
    """Centroids and radii from the bends, walking from cell 0; every facet is checked."""
    from ...polyhedra.lp import ZERO

    heights = {0: [ZERO] * width}
    for a, b, e, sign in _tree(cells, ends):
        heights[b] = [h + sign * bends[e] * r for h, r in zip(heights[a], rows[e], strict=True)]
    for e, (a, b) in enumerate(ends):
        step = [bends[e] * r for r in rows[e]]
        if [v - u for u, v in zip(heights[a], heights[b], strict=True)] != step:
            raise UndecidedError("power diagram: bends do not close; please report")
    return WholePowerDiagram.of_heights([fractions_of(heights[i]) for i in range(cells)])


def _certificate(
    ends: list[tuple[int, int]], rows: list[list[Any]], cycles: list[list[tuple[int, int]]],
    equations: list[list[Any]], weights: list[Any], width: int,
) -> NoPowerDiagram:  # fmt: skip
    """The multipliers that turn the equations into the contradiction, checked."""
    import flint

    from ...polyhedra.linear import one_solution
    from ...polyhedra.lp import ZERO

    solution = one_solution(flint.fmpq_mat(equations).transpose(), weights)
    if solution is None:
        raise UndecidedError("power diagram: the proof does not close; please report")
    per_edge = [[ZERO] * width for _ in ends]
    for number, cycle in enumerate(cycles):
        y = solution[number * width : (number + 1) * width]
        for e, sign in cycle:
            per_edge[e] = [a + sign * b for a, b in zip(per_edge[e], y, strict=True)]
    involved = [e for e in range(len(ends)) if any(per_edge[e])]
    proof = NoPowerDiagram(
        tuple(ends[e] for e in range(len(ends)) if weights[e]),
        tuple(fractions_of([w for w in weights if w])),
        tuple((*ends[e], tuple(fractions_of(per_edge[e]))) for e in involved),
    )
    if not proves(proof, {ends[e]: fractions_of(rows[e]) for e in range(len(ends))}):
        raise UndecidedError("power diagram: the proof is wrong; please report")
    return proof


def proves(proof: NoPowerDiagram, rows: dict[tuple[int, int], list[Fraction]]) -> bool:
    """Whether a certificate is a proof, read as its docstring says and not as it was made."""
    weights = dict(zip(proof.edges, proof.weights, strict=True))
    if not weights or any(w <= 0 for w in weights.values()):
        return False
    flow: dict[int, list[Fraction]] = {}
    covered = set()
    for i, j, y in proof.multipliers:
        covered.add((i, j))
        if dot(y, rows[i, j]) != weights.get((i, j), 0):
            return False
        for region, sign in ((i, -1), (j, 1)):
            total = flow.setdefault(region, [Fraction(0)] * len(y))
            flow[region] = [a + sign * b for a, b in zip(total, y, strict=True)]
    return covered >= set(weights) and not any(any(total) for total in flow.values())
