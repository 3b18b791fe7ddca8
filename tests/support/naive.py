"""An independent naive twin of the region search, for the tests to compare against.

It counts the activation regions of a piecewise-affine network exactly, by a method chosen to
have nothing in common with the package: no linear programming and no floating point, but the
double description of polyhedral cones in plain Python integers.  It imports nothing from the
package, so an agreement of the two is evidence for both.

Definitions
-----------
A layer is an exact affine map ``u = W z + b`` followed by units.  Each unit has pieces
``0 .. R-1``.  A piece is *active* at a point if it attains the maximum (minimum, for ``Min``),
or, for a scalar unit, if its closed interval contains the pre-activation.  The code ``q(x)``
lists the lowest active piece of each unit, layer by layer.  A region is the interior of
``{x : q(x) = c}`` relative to the affine hull of the domain, where that is not empty.  Pieces
that coincide on a whole cell therefore split nothing: the lowest of them takes the cell.

Method
------
The domain is homogenised to a full-dimensional cone in coordinates ``y = (t0, t1, .., tk)``,
``t0 >= 0``, where ``k`` is the dimension of the domain, and a point of the domain is ``t / t0``.
On a cell the network is affine, that is, every quantity in it is a linear form in ``y``.  A cell
is kept by its generators (lines and extreme rays), so whether a form changes sign inside the
cell can be read off its values on the generators: no optimisation is needed.

Domains
-------
``("all", D)``                      the whole of R^D
``("box", lows, highs)``            ``None`` for an infinite end; ``low == high`` is allowed
``("polytope", G, h)``              ``G x <= h``: may be unbounded or lower-dimensional
``("slice", origin, directions, domain)``  ``x = origin + sum t_i directions[i]``, t in domain

An empty domain raises ``ValueError``; a one-point domain has exactly one region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, lcm
from operator import mul
from typing import Any, NamedTuple

Number = int | Fraction
Vector = tuple[int, ...]
Code = tuple[int, ...]
Point = tuple[Fraction, ...]


# --- The network ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Scalar:
    """Piecewise-affine unit of ``u[j]``: piece ``r`` holds between breaks ``r-1`` and ``r``.

    Each piece is a pair ``(slope, const)`` with output ``slope * u[j] + const``.
    """

    j: int
    breaks: Sequence[Number]
    pieces: Sequence[tuple[Number, Number]]

    def __post_init__(self) -> None:
        if len(self.pieces) != len(self.breaks) + 1:
            raise ValueError("a scalar unit has one piece more than it has breakpoints")
        if any(s >= t for s, t in zip(self.breaks, self.breaks[1:])):
            raise ValueError("breakpoints must increase strictly")


@dataclass(frozen=True)
class Max:
    """Maximum of the entries ``members`` of ``u``; piece ``r`` is the r-th member."""

    members: Sequence[int]


@dataclass(frozen=True)
class Min:
    """Minimum of the entries ``members`` of ``u``; piece ``r`` is the r-th member."""

    members: Sequence[int]


Unit = Scalar | Max | Min


@dataclass(frozen=True)
class Layer:
    """``u = W z + b``, then the units; the new state is [unit outputs ; z[i] for i in keep]."""

    W: Sequence[Sequence[Number]]
    b: Sequence[Number]
    units: Sequence[Unit]
    keep: Sequence[int] = ()

    @cached_property
    def scaled(self) -> tuple[int, list[list[int]]]:
        """Rows of W with b behind them, as integers over one positive denominator."""
        if len(self.W) != len(self.b):
            raise ValueError("W and b differ in length")
        return _integral([[*row, c] for row, c in zip(self.W, self.b)])


def relu(j: int) -> Scalar:
    """``max(0, u[j])``: piece 0 is off, piece 1 is on."""
    return Scalar(j, [0], [(0, 0), (1, 0)])


def leaky(j: int, slope: Number) -> Scalar:
    """``slope * u[j]`` below zero, ``u[j]`` above."""
    return Scalar(j, [0], [(slope, 0), (1, 0)])


def absolute(j: int) -> Scalar:
    """``|u[j]|``."""
    return Scalar(j, [0], [(-1, 0), (1, 0)])


# --- The network at one point --------------------------------------------------------------


def _exact(value: Number) -> Fraction:
    """Take an exact number; a float is refused, since it would hide a rounding."""
    if isinstance(value, float):
        raise TypeError("floats are not exact: pass an int or a Fraction")
    return Fraction(value)


def _affine(layer: Layer, z: Sequence[Fraction]) -> list[Fraction]:
    """Pre-activations of a layer at the state ``z``."""
    den, rows = layer.scaled
    if any(len(row) != len(z) + 1 for row in rows):
        raise ValueError("the shape of W does not fit the state")
    z_den, (values,) = _integral([z])
    values.append(z_den)
    return [Fraction(sum(map(mul, row, values)), den * z_den) for row in rows]


def evaluate(layers: Sequence[Layer], x: Sequence[Number]) -> tuple[Code, Point]:
    """Return the code ``q(x)`` and the final state of the network at the point ``x``."""
    code: list[int] = []
    z = [_exact(v) for v in x]
    for layer in layers:
        u = _affine(layer, z)
        out: list[Fraction] = []
        for unit in layer.units:
            if isinstance(unit, Scalar):
                value = u[unit.j]
                # The closed interval to the left of a breakpoint already contains it.
                piece = sum(1 for t in unit.breaks if value > _exact(t))
                slope, const = unit.pieces[piece]
                out.append(_exact(slope) * value + _exact(const))
            else:
                values = [u[m] for m in unit.members]
                out.append(max(values) if isinstance(unit, Max) else min(values))
                piece = values.index(out[-1])
            code.append(piece)
        z = out + [z[i] for i in layer.keep]
    return tuple(code), tuple(z)


def code_at(layers: Sequence[Layer], x: Sequence[Number]) -> Code:
    """Return ``q(x)`` by its definition word for word: the lowest of all active pieces."""
    code: list[int] = []
    z = [_exact(v) for v in x]
    for layer in layers:
        u = _affine(layer, z)
        out: list[Fraction] = []
        for unit in layer.units:
            active: list[int] = []
            if isinstance(unit, Scalar):
                value = u[unit.j]
                for r in range(len(unit.pieces)):
                    above = r == 0 or _exact(unit.breaks[r - 1]) <= value
                    below = r == len(unit.breaks) or value <= _exact(unit.breaks[r])
                    if above and below:
                        active.append(r)
                slope, const = unit.pieces[min(active)]
                out.append(_exact(slope) * value + _exact(const))
            else:
                sign = 1 if isinstance(unit, Max) else -1
                values = [u[m] for m in unit.members]
                for r, value in enumerate(values):
                    if all(sign * value >= sign * other for other in values):
                        active.append(r)
                out.append(values[min(active)])
            code.append(min(active))
        z = out + [z[i] for i in layer.keep]
    return tuple(code)


# --- Cones by double description -----------------------------------------------------------


class Cone(NamedTuple):
    """A polyhedral cone: the sums of its lines (either sign) and its extreme rays.

    ``masks[i]`` has bit ``c`` set when ray ``i`` lies on the boundary of the c-th constraint;
    every line lies on all of them.  Only constraints that cut something are numbered.
    """

    lines: tuple[Vector, ...]
    rays: tuple[Vector, ...]
    masks: tuple[int, ...]
    n_constraints: int


def _primitive(vector: Sequence[int]) -> Vector:
    """Divide out the common factor, to keep the integers small."""
    d = gcd(*vector)
    return tuple(vector) if d <= 1 else tuple([v // d for v in vector])


def _combine(a: int, v: Vector, b: int, w: Vector) -> Vector:
    """Return the primitive vector along ``a v + b w``."""
    return _primitive([a * x + b * y for x, y in zip(v, w)])


def _split(cone: Cone, g: Sequence[int], dim: int) -> tuple[Cone | None, Cone | None]:
    """Cut a cone along the form ``g`` into its parts ``g <= 0`` and ``g >= 0``.

    If ``g`` does not take both signs the cone itself is returned, on its side, with ``None``
    for the other (a form that is zero on the whole cone puts it on the side ``g >= 0``).
    ``dim`` is the dimension of the cone, or 0 if that is unknown.
    """
    lines, rays, masks, n = cone
    bit = 1 << n
    at_lines = [sum(map(mul, g, line)) for line in lines]
    values = [sum(map(mul, g, ray)) for ray in rays]
    for i, a in enumerate(at_lines):
        if a:
            # A line that crosses the cut: it becomes a ray of either part, and all other
            # generators are moved along it into the cut.  As lines lie on every constraint,
            # this changes none of the masks otherwise.
            pivot = lines[i] if a > 0 else tuple([-v for v in lines[i]])
            a = abs(a)
            flat = tuple(
                [_combine(a, v, -at_lines[m], pivot) for m, v in enumerate(lines) if m != i]
            )
            inside = tuple([_combine(a, v, -c, pivot) for v, c in zip(rays, values)])
            new_masks = tuple([m | bit for m in masks]) + (bit - 1,)
            back = tuple([-v for v in pivot])
            return (
                Cone(flat, inside + (back,), new_masks, n + 1),
                Cone(flat, inside + (pivot,), new_masks, n + 1),
            )
    if not values or min(values) >= 0:
        return None, cone
    if max(values) <= 0:
        return cone, None

    below: list[int] = []
    above: list[int] = []
    new_rays: list[Vector] = []
    new_masks_: list[int] = []
    for i, c in enumerate(values):
        if c < 0:
            below.append(i)
        elif c > 0:
            above.append(i)
        else:
            new_rays.append(rays[i])
            new_masks_.append(masks[i] | bit)
    # A two-dimensional face lies on at least this many constraints.
    enough = dim - len(lines) - 2
    for i in above:
        for j in below:
            common = masks[i] & masks[j]
            if common.bit_count() < enough:
                continue
            # Two rays span a face, whose middle the cut makes into a ray, if and only if no
            # third ray lies on all the constraints that they share.  Those two count here.
            if sum([m & common == common for m in masks]) == 2:
                new_rays.append(_combine(values[i], rays[j], -values[j], rays[i]))
                new_masks_.append(common | bit)
    cut, cut_masks = tuple(new_rays), tuple(new_masks_)
    return (
        Cone(lines, cut + tuple([rays[i] for i in below]),
             cut_masks + tuple([masks[i] for i in below]), n + 1),
        Cone(lines, cut + tuple([rays[i] for i in above]),
             cut_masks + tuple([masks[i] for i in above]), n + 1),
    )  # fmt: skip


def _restrict(cone: Cone, g: Sequence[int]) -> Cone:
    """Return the part ``g >= 0`` of a cone, even if it is only a proper face."""
    above = _split(cone, g, 0)[1]
    if above is not None:
        return above
    face = [i for i, ray in enumerate(cone.rays) if not sum(map(mul, g, ray))]
    rays, masks = tuple([cone.rays[i] for i in face]), tuple([cone.masks[i] for i in face])
    return Cone(cone.lines, rays, masks, cone.n_constraints)


# --- Domains -------------------------------------------------------------------------------


def _integral(rows: Sequence[Sequence[Number]]) -> tuple[int, list[list[int]]]:
    """Write rational rows as integer rows over one common positive denominator."""
    exact = [[_exact(v) for v in row] for row in rows]
    den = lcm(*[v.denominator for row in exact for v in row])
    return den, [[int(v * den) for v in row] for row in exact]


def _constraints(domain: Sequence[Any]) -> tuple[int, list[list[Number]]]:
    """Return the dimension D and rows ``(h, -g)`` meaning ``h - g x >= 0``."""
    kind = domain[0]
    if kind == "all":
        return domain[1], []
    rows: list[list[Number]] = []
    if kind == "box":
        dim = len(domain[1])
        if len(domain[2]) != dim:
            raise ValueError("lows and highs differ in length")
        for i, (low, high) in enumerate(zip(domain[1], domain[2])):
            for end, sign in ((low, 1), (high, -1)):
                if end is not None:
                    rows.append([-sign * end] + [sign * (i == m) for m in range(dim)])
        return dim, rows
    if kind == "polytope":
        if len(domain[1]) != len(domain[2]) or not domain[1]:
            raise ValueError("a polytope needs as many rows in G as in h, and at least one")
        for row, h in zip(domain[1], domain[2]):
            rows.append([h] + [-v for v in row])
        return len(domain[1][0]), rows
    raise ValueError(f"unknown domain {kind!r}")


def _reduced_echelon(vectors: Sequence[Vector]) -> tuple[list[list[Fraction]], list[int]]:
    """Return the reduced echelon basis of the span of the vectors, and its pivot columns."""
    rows = [[Fraction(v) for v in vector] for vector in vectors]
    pivots: list[int] = []
    for col in range(len(rows[0])):
        rank = len(pivots)
        found = next((i for i in range(rank, len(rows)) if rows[i][col]), None)
        if found is None:
            continue
        rows[rank], rows[found] = rows[found], rows[rank]
        rows[rank] = [v / rows[rank][col] for v in rows[rank]]
        for i, row in enumerate(rows):
            if i != rank and row[col]:
                rows[i] = [v - row[col] * p for v, p in zip(row, rows[rank])]
        pivots.append(col)
    return rows[: len(pivots)], pivots


def _root(domain: Sequence[Any]) -> tuple[Cone, list[list[Fraction]]]:
    """Return the domain as a full-dimensional cone in y, and the rows of the map y -> x."""
    if domain[0] == "slice":
        _, origin, directions, inner = domain
        cone, t_rows = _root(inner)
        if len(directions) != len(t_rows) or any(len(d) != len(origin) for d in directions):
            raise ValueError("the shape of the directions does not fit the origin or domain")
        k = len(cone.rays[0])
        x_rows = [[_exact(o), *[Fraction()] * (k - 1)] for o in origin]
        for direction, t_row in zip(directions, t_rows):
            for row, d in zip(x_rows, direction):
                row[:] = [v + _exact(d) * t for v, t in zip(row, t_row)]
        return cone, x_rows

    dim, constraints = _constraints(domain)
    unit = [tuple([int(i == m) for m in range(dim + 1)]) for i in range(dim + 1)]
    cone = _restrict(Cone(tuple(unit), (), (), 0), unit[0])  # t0 >= 0
    for constraint in constraints:
        if len(constraint) != dim + 1:
            raise ValueError("the rows of a polytope differ in length")
        cone = _restrict(cone, _integral([constraint])[1][0])
    # Every point with t0 > 0 needs a generator with t0 > 0.
    if not any(ray[0] for ray in cone.rays):
        raise ValueError("the domain is empty")
    # Coordinates on the span of the cone.  In a reduced echelon basis the coordinates of a
    # vector are its entries at the pivots, and the first is t0, which is not zero throughout.
    basis, pivots = _reduced_echelon(cone.lines + cone.rays)
    lines = tuple([_primitive([v[p] for p in pivots]) for v in cone.lines])
    rays = tuple([_primitive([v[p] for p in pivots]) for v in cone.rays])
    x_rows = [[row[i + 1] for row in basis] for i in range(dim)]
    return cone._replace(lines=lines, rays=rays), x_rows


# --- The enumeration -----------------------------------------------------------------------


class _State(NamedTuple):
    """Linear forms in y: integer rows over a common positive denominator."""

    den: int
    rows: list[list[int]]


class _Ready:
    """A layer with all its numbers scaled to integers, once and for all."""

    def __init__(self, layer: Layer) -> None:
        self.den, self.rows = layer.scaled
        self.units = layer.units
        self.keep = layer.keep
        self.breaks = [
            [_exact(t).as_integer_ratio() for t in unit.breaks] if isinstance(unit, Scalar) else []
            for unit in layer.units
        ]
        scalars = [unit for unit in layer.units if isinstance(unit, Scalar)]
        self.out_den, flat = _integral([piece for unit in scalars for piece in unit.pieces])
        todo = iter(flat)
        self.pieces = [
            [next(todo) for _ in unit.pieces] if isinstance(unit, Scalar) else []
            for unit in layer.units
        ]

    def affine(self, z: _State) -> _State:
        """Return the pre-activations on a cell, as forms."""
        rows: list[list[int]] = []
        columns = list(zip(*z.rows))
        for row in self.rows:
            if len(row) != len(z.rows) + 1:
                raise ValueError("the shape of W does not fit the state")
            u = [sum(map(mul, row, column)) for column in columns]
            u[0] += row[-1] * z.den
            rows.append(u)
        return _State(z.den * self.den, rows)

    def output(self, z: _State, u: _State, code: Code) -> _State:
        """Return the new state on a cell, where ``code`` tells the piece of each unit."""
        rows: list[list[int]] = []
        for unit, pieces, r in zip(self.units, self.pieces, code):
            if isinstance(unit, Scalar):
                slope, const = pieces[r]
                row = [slope * v for v in u.rows[unit.j]]
                row[0] += const * u.den
            else:
                row = [self.out_den * v for v in u.rows[unit.members[r]]]
            rows.append(row)
        scale = self.den * self.out_den
        rows += [[scale * v for v in z.rows[i]] for i in self.keep]
        den = u.den * self.out_den
        d = gcd(den, *[v for row in rows for v in row])
        return _State(den // d, [[v // d for v in row] for row in rows])

    def children(self, i: int, u: _State, cell: Cone, dim: int) -> Iterator[tuple[int, Cone]]:
        """Yield, in order, the pieces of unit ``i`` met by the interior of a cell.

        A cell is full-dimensional, so a form is zero on it only if it is the zero vector.
        """
        unit = self.units[i]
        if isinstance(unit, Scalar):
            rest = cell
            for r, (p, q) in enumerate(self.breaks[i]):
                g = [q * v for v in u.rows[unit.j]]
                g[0] -= p * u.den
                if not any(g):  # at the breakpoint throughout: the piece on its left has it all
                    yield r, rest
                    return
                below, above = _split(rest, _primitive(g), dim)
                if below is not None:
                    yield r, below
                if above is None:
                    return
                rest = above
            yield len(self.breaks[i]), rest
            return
        forms = [u.rows[m] for m in unit.members]
        if isinstance(unit, Min):
            forms = [[-v for v in form] for form in forms]
        for r in range(len(forms)):
            child = _winning_part(cell, forms, r, dim)
            if child is not None:
                yield r, child


def _winning_part(cell: Cone, forms: list[list[int]], r: int, dim: int) -> Cone | None:
    """Return the part of a cell where form ``r`` is the largest, ``None`` if it is not solid."""
    for s, other in enumerate(forms):
        g = [v - w for v, w in zip(forms[r], other)]
        if any(g):
            above = _split(cell, _primitive(g), dim)[1]
            if above is None:
                return None
            cell = above
        elif s < r:
            return None  # equal throughout: the lower piece has the points
    return cell


def _cells(layers: Sequence[Layer], cone: Cone, x_rows: list[list[Fraction]]) \
        -> Iterator[tuple[Code, Cone]]:  # fmt: skip
    """Yield the code and the cell of each region, depth first, so in order of the codes."""
    dim = len(cone.rays[0])
    ready = [_Ready(layer) for layer in layers]
    # Each entry: the cell, its code so far, the code in this layer, the layer, its forms.
    stack: list[tuple[Cone, Code, Code, int, _State, _State | None]] = [
        (cone, (), (), 0, _State(*_integral(x_rows)), None)
    ]
    while stack:
        cell, done, code, depth, z, u = stack.pop()
        while depth < len(ready):
            layer = ready[depth]
            if u is None:
                u = layer.affine(z)
            if len(code) < len(layer.units):
                children = list(layer.children(len(code), u, cell, dim))
                for r, child in reversed(children[1:]):
                    stack.append((child, done, code + (r,), depth, z, u))
                r, cell = children[0]
                code += (r,)
            else:
                z, u = layer.output(z, u, code), None
                done, code, depth = done + code, (), depth + 1
        yield done, cell


def codes(layers: Sequence[Layer], domain: Sequence[Any]) -> list[Code]:
    """Return the code of each region, in lexicographic order."""
    return [code for code, _ in _cells(layers, *_root(domain))]


def count(layers: Sequence[Layer], domain: Sequence[Any]) -> int:
    """Return the number of regions."""
    return sum(1 for _ in _cells(layers, *_root(domain)))


def regions(layers: Sequence[Layer], domain: Sequence[Any]) -> list[tuple[Code, Point]]:
    """Return the code of each region and an exact point strictly inside it."""
    cone, x_rows = _root(domain)
    found: list[tuple[Code, Point]] = []
    for code, cell in _cells(layers, cone, x_rows):
        # The sum of the extreme rays is in the interior, where t0 > 0.
        y = [sum(column) for column in zip(*cell.rays)]
        t = [Fraction(v, y[0]) for v in y]
        found.append((code, tuple([sum(map(mul, row, t), Fraction(0)) for row in x_rows])))
    return found
