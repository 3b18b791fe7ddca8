"""A network as a mixed-integer model for cvxpy, with the smallest big-M numbers that are right.

A unit is the largest (smallest) of its pieces, g_1, ..., g_n. With binaries z that add up to 1,

    y >= g_p,   y <= g_p + M_p (1 - z_p),   M_p = max over the domain of (max_q g_q - g_p),

says y = max_q g_q and nothing else; with any smaller M_p it says something else, since z_p = 0
must not cut off where another piece is the largest by M_p. A scalar spline that is neither convex
nor concave is tied to its piece from both sides, and its member to the piece's interval.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..driver.request import checked_domain, clock_of
from ..errors import DomainError, LimitError, ParameterError, ShapeError
from ..mode import guarded
from ..partition.regions.coordinates import Coordinates
from ..rationals import nearest_float
from ..verification.halving import bounding_box
from .unit_bounds import Ends, UnitBounds, bounds_of_layer, pieces_of

if TYPE_CHECKING:
    from ..compile.forms import Forms
    from ..compile.program import Layer
    from ..domain import Domain
    from ..network import Network

__all__ = ["MixedInteger", "network_to_cvxpy"]

MOST_UNITS = 2_000  # whose bounds are asked for
_LARGEST = Fraction(sys.float_info.max)


class MixedInteger(NamedTuple):
    """A network for cvxpy.

    Attributes
    ----------
    output : cvxpy.Expression
        The outputs, flat, shape (C,).
    constraints : list of cvxpy constraints
        Of the domain and of all units.
    binaries : list of cvxpy.Variable
        One vector a layer that needs any.
    bounds : dict of int to tuple of Fraction
        Per unit (its place in the code) that is not settled on the domain, the M of its pieces that
        are left.

    Examples
    --------
    >>> import cvxpy as cp
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[2]], [1]), es.ReLU()], (1,))
    >>> model = net.to_cvxpy(cp.Variable(1), es.Box([-1], [3]))
    >>> [b.size for b in model.binaries], [str(m) for m in model.bounds[0]]
    ([1], ['7', '1'])
    """

    output: Any
    constraints: list[Any]
    binaries: list[Any]
    bounds: dict[int, tuple[Fraction, ...]]


@guarded
def network_to_cvxpy(
    network: Network, x: Any, domain: Domain, *, time_limit: float | None = None
) -> MixedInteger:
    """The exact mixed-integer model; see `Network.to_cvxpy`."""
    import cvxpy as cp

    shape = getattr(x, "shape", None)
    if not isinstance(x, cp.Expression) or shape not in ((network.input_dim,), network.input_shape):
        raise ShapeError(
            f"to_cvxpy: a variable of shape {shape} does not fit the network's input shape "
            f"{network.input_shape}; give cvxpy.Variable of that shape or ({network.input_dim},)"
        )
    if domain is None:
        raise DomainError(
            "to_cvxpy: no domain, so there is no big M; give a bounded one, es.Box(...)"
        )
    checked_domain(network, domain)
    clock_of(time_limit)  # what is wrong with it is said at once
    if bounding_box(domain) is None:
        raise DomainError(
            f"to_cvxpy: the domain is not bounded ({domain.describe()}), so there is no big M; "
            "take a box"
        )
    program = network.program
    if network.units > MOST_UNITS:
        raise LimitError(
            f"to_cvxpy: {network.units:,} units are over the limit of {MOST_UNITS:,}; take a "
            "smaller network"
        )
    flat = x if len(shape) == 1 else cp.reshape(x, (network.input_dim,), order="C")
    constraints = _domain(domain, flat)
    state, binaries = flat, []
    bounds: dict[int, tuple[Fraction, ...]] = {}
    end = None if time_limit is None else time.monotonic() + time_limit
    for index, layer in enumerate(program.layers):
        left = None
        if end is not None:
            left = max(0.0, end - time.monotonic()) / (len(program.layers) - index)
        settled = bounds_of_layer(network, domain, index, left)
        begin = int(program.unit_start[index])
        bounds |= {begin + k: unit.upper for k, unit in enumerate(settled) if len(unit.alive) > 1}
        y, own, binary = _layer(layer, settled, state)
        constraints += own
        binaries += binary
        keep = layer.keep.tolist()
        state = cp.hstack([y, state[keep]]) if keep else y
    return MixedInteger(_affine(program.output, state), constraints, binaries, bounds)


def _domain(domain: Domain, x: Any) -> list[Any]:
    """x in the domain, by its coordinates where these are not x itself."""
    import cvxpy as cp

    from ..domain.rows import all_rows

    chart, out = domain.chart, []
    if chart.dim == 0:
        return [x == np.array([_rounded(Fraction(v)) for v in chart.point.const.tolist()])]
    t = x
    if not Coordinates(chart).full:
        t = cp.Variable(chart.dim)
        out.append(x == _affine(chart.point, t))
    rows = all_rows(chart.low, chart.high, chart.rows, chart.dim)
    if len(rows):
        out.append(_affine(rows, t) >= 0)
    return out


def _affine(forms: Forms, state: Any) -> Any:
    from scipy.sparse import csr_array

    data = np.array([_rounded(Fraction(v)) for v in forms.data.tolist()], dtype=np.float64)
    const = np.array([_rounded(Fraction(v)) for v in forms.const.tolist()], dtype=np.float64)
    matrix = csr_array((data, forms.indices, forms.indptr), shape=(len(forms), forms.width))
    return matrix @ state + const


def _layer(
    layer: Layer, settled: Sequence[UnitBounds], state: Any
) -> tuple[Any, list[Any], list[Any]]:
    """The units' outputs as a variable, constraints, and binaries."""
    import cvxpy as cp

    members = _affine(layer.members, state)
    y = cp.Variable(len(settled))
    fixed, rows, others = _Rows(), _Rows(), _Rows()
    matrix: list[tuple[int, int, float]] = []  # z = matrix @ binaries + constant, a row a piece
    constant: list[float] = []
    binaries, sums = 0, []
    for k, unit in enumerate(settled):
        read, slopes, offsets = pieces_of(layer.units, k)
        if len(unit.alive) == 1:
            p = unit.alive[0]
            fixed.add(k, read[p], slopes[p], offsets[p])
            continue
        for n, p in enumerate(unit.alive):
            rows.add(k, read[p], slopes[p], offsets[p], unit, n)
            if unit.ends is not None:
                others.add(k, read[p], slopes[p], offsets[p], unit, n, len(constant))
            at, last = len(constant), n == len(unit.alive) - 1
            if last:  # the others' complement
                matrix += [(at, binaries + i, -1.0) for i in range(n)]
                if n > 1:
                    sums.append(at)
            else:
                matrix.append((at, binaries + n, 1.0))
            constant.append(float(last))
        binaries += len(unit.alive) - 1
    constraints = []
    if fixed.unit:
        constraints.append(y[fixed.unit] == fixed.values(members))
    if not rows.unit:
        return y, constraints, []
    from scipy.sparse import coo_array

    b = cp.Variable(binaries, boolean=True)
    r, c, v = zip(*matrix, strict=True)
    z = coo_array((v, (r, c)), shape=(len(constant), binaries)).tocsr() @ b + np.array(constant)
    gap = cp.multiply(np.array(rows.sign, dtype=float), y[rows.unit] - rows.values(members))
    constraints.append(gap >= -cp.multiply(np.array(rows.lower), 1 - z))
    constraints.append(gap <= cp.multiply(np.array(rows.upper), 1 - z))
    if sums:
        constraints.append(z[sums] >= 0)
    if others.unit:
        constraints += others.intervals(members, z)
    return y, constraints, [b]


class _Rows:
    """Pieces of units in columns."""

    def __init__(self) -> None:
        self.unit: list[int] = []
        self.member: list[int] = []
        self.slope: list[float] = []
        self.offset: list[float] = []
        self.sign: list[int] = []
        self.upper: list[float] = []
        self.lower: list[float] = []
        self.places: list[int] = []
        self.breaks: list[tuple[Fraction | None, Fraction | None]] = []  # below and above
        self.ends: list[Ends] = []

    def add(
        self, unit: int, member: int, slope: Fraction, offset: Fraction,
        known: UnitBounds | None = None, n: int = 0, place: int = 0,
    ) -> None:  # fmt: skip
        self.unit.append(unit)
        self.member.append(member)
        self.slope.append(_rounded(slope))
        self.offset.append(_rounded(offset))
        if known is None:
            return
        self.sign.append(known.sign)
        self.upper.append(_upwards(known.upper[n]))
        self.lower.append(_upwards(known.lower[n]) if known.lower else 0.0)
        self.places.append(place)
        if known.ends is not None:
            p = known.alive[n]
            below = known.breaks[p - 1] if n else None
            above = known.breaks[p] if n < len(known.alive) - 1 else None
            self.breaks.append((below, above))
            self.ends.append(known.ends)

    def values(self, members: Any) -> Any:
        import cvxpy as cp

        return cp.multiply(np.array(self.slope), members[self.member]) + np.array(self.offset)

    def intervals(self, members: Any, z: Any) -> list[Any]:
        """The member of a chosen piece lies between its breakpoints."""
        import cvxpy as cp

        out = []
        for which in (0, 1):
            own = [i for i, sides in enumerate(self.breaks) if sides[which] is not None]
            if not own:
                continue
            breaks = [at for sides in self.breaks if (at := sides[which]) is not None]
            slack = [abs(b - self.ends[i][which]) for i, b in zip(own, breaks, strict=True)]
            bound = np.array([_rounded(b) for b in breaks])
            room = cp.multiply(np.array([_upwards(s) for s in slack]),
                               1 - z[[self.places[i] for i in own]])  # fmt: skip
            u = members[[self.member[i] for i in own]]
            out.append(u >= bound - room if which == 0 else u <= bound + room)
        return out


def _rounded(value: Fraction) -> float:
    """The nearest float64; a number beyond its range is refused."""
    if abs(value) > _LARGEST:
        raise ParameterError(
            "to_cvxpy: a number is beyond the range of float64, which solvers compute with; scale "
            "the network or the domain"
        )
    return nearest_float(value)


def _upwards(value: Fraction) -> float:
    """The nearest float64 that is not smaller."""
    near = _rounded(value)
    return near if Fraction(near) >= value else math.nextafter(near, math.inf)
