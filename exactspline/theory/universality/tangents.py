"""Convex functions by max-affine splines of grid tangents, with proved errors.

A tangent of a convex function is below it everywhere. With the box cut into R = n^D equal cells of
half sides h and a tangent at every centre p, the error at x in the cell of p is at most

    f(x) - f(p) - <g, x - p>  <=  1/2 sum_ij |H_ij| h_i h_j   where second derivatives are bounded,
                              <=  2 L |h|                     where f has the Lipschitz constant L,

so it falls like R^(-2/D) or R^(-1/D). Values and subgradients may be intervals: then a tangent is
lowered until it is below all functions they allow, and the error has that as well.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from ...domain import Box
from ...errors import DomainError, LimitError, ParameterError, ShapeError
from ...mode import guarded
from ...network.maso import MASO
from ...network.network import Network
from ...network.operator import any_integers, brief
from ...rationals import as_fractions, nearest_float, root_of, to_fraction
from ..common.region_maps import dot
from ..common.watch import watched
from ..registry import exported
from .enclosures import Ends, Smooth, ball, ends_of, precise

__all__ = ["GridTangents", "grid_tangents"]

_MOST_PIECES = 20_000
_PARTS = {1: 4, 2: 4, 3: 2}  # of every side of a cell, by dimensions: balls forget less on them
_BITS = 100  # behind the point, of errors that come from balls
_MOST_PAIRS = 256  # centres of which all pairs are compared; of more, neighbours

Point = tuple[Fraction, ...]
Known = tuple[Ends, list[Ends]]  # of the value, and of the subgradient
Functions = tuple[Callable[[Point], Known], Callable[[Point], Ends]]  # both, and the value alone


@exported
@guarded
@dataclass(frozen=True)
class GridTangents:
    """A max-affine spline below a convex function, and how far below at most.

    Attributes
    ----------
    maso : MASO
        Of one output: a tangent at the centre of every cell.
    box : Box
    cells : tuple of int
        How many along every axis.
    error : Fraction
        Proved: 0 <= f - maso <= error on the box, if what ``assumed`` names is so.
    by : str
        "curvature" or "lipschitz": which bound it stands on.
    assumed : tuple of str
        What was taken for granted and not refuted at the centres; empty if everything is proved.
    value : callable
        From a point to numbers between which f is there.

    Examples
    --------
    >>> import exactspline as es
    >>> found = grid_tangents(
    ...     lambda x: (x[0] ** 2, [2 * x[0]]), es.Box([-1], [1]), 4, curvature=2
    ... )
    >>> found.pieces, found.error, found.gap()
    (4, Fraction(1, 16), Fraction(1, 16))
    """

    maso: MASO
    box: Box
    cells: tuple[int, ...]
    error: Fraction
    by: str
    assumed: tuple[str, ...]
    value: Callable[[Point], Ends]

    @property
    def pieces(self) -> int:
        """R, how many tangents there are.

        Examples
        --------
        >>> import exactspline as es
        >>> parabola = lambda x: (x[0] ** 2, [2 * x[0]])
        >>> grid_tangents(parabola, es.Box([-1], [1]), 3, curvature=2).pieces
        3
        """
        return math.prod(self.cells)

    @cached_property
    def network(self) -> Network:
        """The spline as a network.

        Examples
        --------
        >>> import exactspline as es
        >>> parabola = lambda x: (x[0] ** 2, [2 * x[0]])
        >>> grid_tangents(parabola, es.Box([-1], [1]), 2, curvature=2).network.forward([1.0])
        array([0.75])
        """
        return Network([self.maso], (len(self.cells),))

    def gap(self) -> Fraction:
        """The largest f - maso on the box (where values are intervals, a number not below it).

        Notes
        -----
        Independent of how the error was bounded: on a region of the spline f - maso is convex, so
        that it is largest at one of the region's vertices. Enumerates the regions.

        Examples
        --------
        >>> import exactspline as es
        >>> parabola = lambda x: (x[0] ** 2, [2 * x[0]])
        >>> grid_tangents(parabola, es.Box([-1], [1]), 2, curvature=2).gap()
        Fraction(1, 4)
        """
        worst = Fraction(0)
        slopes, offsets = as_fractions(self.maso.A)[0], as_fractions(self.maso.B)[0]
        for piece, vertex in self._vertices():
            above = self.value(tuple(vertex))[1]
            worst = max(worst, above - dot(slopes[piece], vertex) - offsets[piece])
        return _short(worst)

    def _vertices(self) -> Iterator[tuple[int, Sequence[Fraction]]]:
        """All vertices of regions, each with a piece that is the largest there."""
        omega = self.maso.partition(self.box)
        if len(self.cells) == 2 and len(omega) > 1:  # those of the plane are found together
            corners = omega.complex().corners
            for i in range(len(corners)):
                yield int(omega.code(int(corners.star(i)[0]))[0]), corners.exact(i)
            return
        for region in omega:
            piece = int(region.code[0]) if len(region.code) else 0
            for vertex in region.vertices():
                yield piece, vertex


@exported
@guarded
def grid_tangents(
    function: Any, box: Box, cells: Any, *, curvature: Any = None, lipschitz: Any = None,
    symbols: Sequence[Any] | None = None,
) -> GridTangents:  # fmt: skip
    """Approximate a convex function on a box from below by the maximum of grid tangents.

    Parameters
    ----------
    function : callable or sympy expression
        A callable is given a point (a tuple of Fractions) and returns the value and a
        subgradient; each number exact (as everywhere) or a pair (low, high) that holds it. An
        expression is differentiated by sympy and enclosed in ball arithmetic: sums, products,
        powers, exp, log, sin, cos, tan, sinh, cosh, tanh, atan, asinh, erf.
    box : Box
        Bounded, of D dimensions.
    cells : int or sequence of int
        How many along every axis, or along each.
    curvature : number, optional
        L with Hessian <= L (the gradient has the Lipschitz constant L). Of an expression it is
        enclosed cell by cell if neither bound is given.
    lipschitz : number, optional
        L with |f(x) - f(y)| <= L |x - y| in the Euclidean norm.
    symbols : sequence of sympy symbols, optional
        The coordinates; by default the symbols of the expression by their names.

    Returns
    -------
    GridTangents

    Raises
    ------
    ParameterError
        If the function is not convex or the bound is too small, as far as the tangents at the
        centres show it; the message has two points. If a value is not finite, or no bound is given
        or found.
    ShapeError, DomainError
    LimitError
        For more than 20,000 cells.

    Notes
    -----
    Guarantee: a proof from convexity and the bound, with all roundings counted. That an expression
    is convex on the box is proved where the leading minors of its Hessian are positive on all
    cells; else it is named in ``assumed``.

    Examples
    --------
    >>> import sympy
    >>> import exactspline as es
    >>> x, y = sympy.symbols("x y", real=True)
    >>> found = grid_tangents(sympy.exp(x) + y**2, es.Box([0, -1], [1, 1]), 4)
    >>> found.pieces, float(found.error) < 0.09, found.assumed
    (16, True, ())
    >>> float(found.gap()) <= float(found.error)
    True
    """
    low, high = _bounded(box)
    dim = len(low)
    counts = any_integers([cells] * dim if np.ndim(cells) == 0 else cells, "grid_tangents: cells")
    if len(counts) != dim or min(counts) < 1:
        raise ShapeError(f"grid_tangents: cells {counts}; give {dim} positive numbers, or one")
    if math.prod(counts) > _MOST_PIECES:
        raise LimitError(
            f"grid_tangents: {math.prod(counts):,} cells are over the limit of {_MOST_PIECES:,}"
        )
    if curvature is not None and lipschitz is not None:
        raise ParameterError("grid_tangents: give a bound of curvature or of slopes, not both")
    bound = None
    if curvature is not None or lipschitz is not None:
        bound = to_fraction(curvature if lipschitz is None else lipschitz, "grid_tangents: bound")
        if bound < 0:
            raise ParameterError(f"grid_tangents: the bound {brief(bound)} is negative")
    half = [(b - a) / (2 * n) for a, b, n in zip(low, high, counts, strict=True)]
    lines = [
        [a + (2 * i + 1) * h for i in range(n)] for a, h, n in zip(low, half, counts, strict=True)
    ]
    smooth = _smooth(function, symbols, dim)
    known, value = _of_callable(function, dim) if smooth is None else _of_smooth(smooth)
    centres: list[Point] = list(itertools.product(*lines))
    data = [known(p) for p in watched(centres, len(centres), "tangents")]
    A, B, slacks = _tangents(centres, data, low, high, half)
    by = "lipschitz" if lipschitz is not None else "curvature"
    assumed = [] if bound is None else [f"{by} <= {brief(bound)}"]
    rest: list[Fraction]
    if bound is None:
        if smooth is None:
            raise ParameterError(
                "grid_tangents: no error follows without a bound; give curvature= or lipschitz="
            )
        rest, convex = _curvatures(smooth, centres, half)
        if not convex:
            assumed.append("convex")
    else:
        assumed.append("convex")
        square = sum((h * h for h in half), Fraction(0))
        most = bound * square / 2
        if lipschitz is not None:
            most = 2 * bound * root_of(square, up=True)
        rest = [most] * len(centres)
    _refute(centres, data, A, B, counts, bound, by)
    error = _short(max(r + s for r, s in zip(rest, slacks, strict=True)))
    maso = MASO(A[None], B[None], name="tangents")
    return GridTangents(maso, box, tuple(counts), error, by, tuple(assumed), value)


def _short(value: Fraction) -> Fraction:
    """A number of few digits that is not smaller, and the same if it has few."""
    if value.denominator < 2**_BITS:
        return value
    return Fraction(math.ceil(value * 2**_BITS), 2**_BITS)


def _bounded(box: Any) -> tuple[list[Fraction], list[Fraction]]:
    if not isinstance(box, Box):
        raise DomainError(f"grid_tangents: give a Box, not a {type(box).__name__}")
    low = [v for v in box.low if v is not None]
    high = [v for v in box.high if v is not None]
    if len(low) < box.dim or len(high) < box.dim:
        raise DomainError(f"grid_tangents: the box is not bounded ({box.describe()})")
    if any(a >= b for a, b in zip(low, high, strict=True)):
        raise DomainError(f"grid_tangents: the box is flat ({box.describe()})")
    return low, high


def _smooth(function: Any, symbols: Sequence[Any] | None, dim: int) -> Smooth | None:
    """The expression with its derivatives; None for a callable."""
    import sympy

    if not isinstance(function, sympy.Expr):
        if not callable(function):
            raise ParameterError(
                f"grid_tangents: a {type(function).__name__} is no function; give a callable that "
                "returns value and subgradient, or a sympy expression"
            )
        return None
    own = sorted(function.free_symbols, key=str) if symbols is None else list(symbols)
    if len(own) != dim:
        raise ShapeError(
            f"grid_tangents: the expression has the symbols {', '.join(map(str, own))}, but the "
            f"box has {dim} dimensions; give symbols= in the order of the coordinates"
        )
    return Smooth(function, own)


def _of_callable(function: Callable[[Point], Any], dim: int) -> Functions:
    def known(p: Point) -> Known:
        given = function(p)
        if not isinstance(given, Sequence) or len(given) != 2 or np.ndim(given[1]) == 0:
            raise ParameterError(
                "grid_tangents: the function must return a value and a subgradient of "
                f"{dim} numbers"
            )
        value, slopes = given
        if len(slopes) != dim:
            raise ShapeError(
                f"grid_tangents: a subgradient of {len(slopes)} numbers in {dim} dimensions"
            )
        return _ends(value), [_ends(s) for s in slopes]

    return known, lambda p: known(p)[0]


def _ends(value: Any) -> Ends:
    if isinstance(value, tuple | list) and len(value) == 2:
        low, high = (to_fraction(v, "grid_tangents: an interval") for v in value)
        if low > high:
            raise ParameterError(f"grid_tangents: the interval ({low}, {high}) is empty")
        return low, high
    exact = to_fraction(value, "grid_tangents: a value")
    return exact, exact


def _of_smooth(smooth: Smooth) -> Functions:
    def enclosed(expression: Any, p: Point) -> Ends:
        with precise():
            found = ends_of(smooth.at(expression, [ball(v) for v in p]))
        if found is None:
            raise ParameterError(
                f"grid_tangents: {expression} is not finite at ({', '.join(map(brief, p))})"
            )
        return found

    def known(p: Point) -> Known:
        return enclosed(smooth.value, p), [enclosed(g, p) for g in smooth.gradient]

    return known, lambda p: enclosed(smooth.value, p)


def _tangents(
    centres: Sequence[Point], data: Sequence[Known], low: Sequence[Fraction],
    high: Sequence[Fraction], half: Sequence[Fraction],
) -> tuple[np.ndarray, np.ndarray, list[Fraction]]:  # fmt: skip
    """Slopes and offsets of tangents that are below, and what that takes off inside their cells."""
    A = np.empty((len(centres), len(low)), dtype=object)
    B = np.empty(len(centres), dtype=object)
    slacks = []
    for i, (p, ((below, above), slopes)) in enumerate(zip(centres, data, strict=True)):
        slack, lowered = above - below, Fraction(0)
        for j, (first, last) in enumerate(slopes):
            A[i, j] = first if first == last else Fraction(nearest_float((first + last) / 2))
            off = max(last - A[i, j], A[i, j] - first)
            lowered += off * max(p[j] - low[j], high[j] - p[j])
            slack += off * half[j]
        offset = below - lowered - dot(A[i], p)
        B[i] = offset
        if lowered or above > below:  # its digits were rounded: shorter, and no larger
            B[i] = Fraction(math.floor(offset * 2**80), 2**80)
        slacks.append(slack + lowered + offset - B[i])
    return A, B, slacks


def _curvatures(
    smooth: Smooth, centres: Sequence[Point], half: Sequence[Fraction]
) -> tuple[list[Fraction], bool]:
    """Per cell a bound of 1/2 sum |H_ij| h_i h_j; whether the Hessian is positive on all of them.

    Raises
    ------
    ParameterError
    """
    out, convex, dim = [], True, len(half)
    parts = _PARTS.get(dim, 1)
    with precise():
        for p in watched(centres, len(centres), "cells"):
            most = [[Fraction(0)] * dim for _ in half]
            for part in itertools.product(range(parts), repeat=dim):
                at = [
                    ball(v - h + 2 * h * Fraction(k, parts), v - h + 2 * h * Fraction(k + 1, parts))
                    for v, h, k in zip(p, half, part, strict=True)
                ]
                H = [[smooth.at(e, at) for e in row] for row in smooth.hessian]
                for i, j in itertools.product(range(dim), repeat=2):
                    ends = ends_of(H[i][j])
                    if ends is None:
                        raise ParameterError(
                            "grid_tangents: second derivatives are not bounded on the cell around "
                            f"({', '.join(map(brief, p))}); give lipschitz="
                        )
                    most[i][j] = max(most[i][j], abs(ends[0]), abs(ends[1]))
                convex = convex and all(_minor(H, k) for k in range(1, dim + 1))
            pairs = itertools.product(range(dim), repeat=2)
            out.append(sum((most[i][j] * half[i] * half[j] / 2 for i, j in pairs), Fraction(0)))
    return out, convex


def _minor(H: Sequence[Sequence[Any]], size: int) -> bool:
    """Whether a leading minor is proved positive (of size 1: not negative)."""
    import flint

    if size == 1 and len(H) == 1:
        return bool(H[0][0] >= 0)
    return bool(flint.arb_mat([list(row[:size]) for row in H[:size]]).det() > 0)


def _pairs(count: int, cells: Sequence[int]) -> Iterator[tuple[int, int]]:
    """All pairs of a few centres; of many, neighbours along the axes."""
    if count <= _MOST_PAIRS:
        yield from itertools.permutations(range(count), 2)
        return
    numbers = np.arange(count).reshape(cells)
    for axis in range(len(cells)):
        a = np.take(numbers, range(cells[axis] - 1), axis=axis).reshape(-1).tolist()
        b = np.take(numbers, range(1, cells[axis]), axis=axis).reshape(-1).tolist()
        yield from zip(a, b, strict=True)
        yield from zip(b, a, strict=True)


def _refute(
    centres: Sequence[Point], data: Sequence[Known], A: np.ndarray, B: np.ndarray,
    cells: Sequence[int], bound: Fraction | None, by: str,
) -> None:  # fmt: skip
    """Refuse functions whose tangents at the centres contradict convexity or the bound."""

    def shown(i: int) -> str:
        return f"({', '.join(map(brief, centres[i]))})"

    if bound is not None and by == "lipschitz":
        for i, (_, slopes) in enumerate(data):
            least = sum(
                (Fraction(0) if a <= 0 <= b else min(a * a, b * b) for a, b in slopes), Fraction(0)
            )
            if least > bound * bound:
                raise ParameterError(
                    f"grid_tangents: the subgradient at {shown(i)} is longer than the bound "
                    f"{brief(bound)} of slopes"
                )
    for i, j in _pairs(len(centres), cells):
        at = dot(A[i], centres[j]) + B[i]
        if at > data[j][0][1]:
            raise ParameterError(
                f"grid_tangents: the function is not convex, or what is given is no subgradient: "
                f"its tangent at {shown(i)} is above its value at {shown(j)}"
            )
        if bound is not None and by == "curvature":
            (_, above), slopes = data[i]
            step = [y - x for x, y in zip(centres[i], centres[j], strict=True)]
            most = above + sum(
                (max(a * s, b * s) for (a, b), s in zip(slopes, step, strict=True)), Fraction(0)
            )
            if data[j][0][0] > most + bound * dot(step, step) / 2:
                raise ParameterError(
                    f"grid_tangents: the function bends more than the bound {brief(bound)} of "
                    f"curvature allows between {shown(i)} and {shown(j)}"
                )
