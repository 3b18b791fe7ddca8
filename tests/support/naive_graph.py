"""The adjacency of regions by brute force: the naive twin of the graph, and checks against it.

Like ``naive``, which finds the cells, this imports nothing from the package and has no linear
program and no floating point. Cells are cones in coordinates ``y = (t0, t1, .., tk)`` given by
lines and rays (double description in integers), so everything about a facet can be read off
generators: a condition bounds a cell in a facet if and only if the generators on which it
vanishes span a hyperplane, and two cells are adjacent if and only if what their closures share
spans one that is not in the domain's border.

``GraphCheck`` compares a partition of the package with that. It is handed the partition and
calls its public methods; all truth comes from the twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from operator import mul
from typing import Any, NamedTuple

import naive
from naive import Code, Cone, Layer, Vector

Pair = tuple[int, int]


# --- Conditions ------------------------------------------------------------------------------


class Condition(NamedTuple):
    """``form >= 0``, primitive over y, as unit number ``unit`` of the code asks for it."""

    form: Vector
    unit: int


def _form(row: Sequence[int]) -> Vector | None:
    """A row made primitive; None if it vanishes identically."""
    return naive._primitive(row) if any(row) else None


class Conditions:
    """All conditions of regions, from their codes: nothing but the definition of a piece."""

    def __init__(self, layers: Sequence[Layer], x_rows: list[list[Fraction]]) -> None:
        self.ready = [naive._Ready(layer) for layer in layers]
        self.inputs = naive._State(*naive._integral(x_rows))

    def __call__(self, code: Sequence[int]) -> list[Condition]:
        """Those whose form does not vanish identically, in the order of the units."""
        z, at, out = self.inputs, 0, []
        for layer in self.ready:
            own = tuple(code[at : at + len(layer.units)])
            u = layer.affine(z)
            for k, piece in enumerate(own):
                for row in self._rows(layer, k, piece, u):
                    form = _form(row)
                    if form is not None:
                        out.append(Condition(form, at + k))
            z = layer.output(z, u, own)
            at += len(own)
        return out

    @staticmethod
    def _rows(layer: Any, k: int, piece: int, u: Any) -> Iterator[list[int]]:
        unit = layer.units[k]
        if isinstance(unit, naive.Scalar):
            breaks = layer.breaks[k]
            for r, sign in ((piece - 1, 1), (piece, -1)):  # above the one, below the other
                if 0 <= r < len(breaks):
                    p, q = breaks[r]
                    row = [sign * q * v for v in u.rows[unit.j]]
                    row[0] -= sign * p * u.den
                    yield row
            return
        sign = -1 if isinstance(unit, naive.Min) else 1
        own = u.rows[unit.members[piece]]
        for s, member in enumerate(unit.members):
            if s != piece:
                yield [sign * (a - b) for a, b in zip(own, u.rows[member], strict=True)]


def domain_rows(domain: Sequence[Any]) -> set[Vector]:
    """The domain's inequalities as primitive forms over y; none vanishes on the domain."""
    inner = domain
    while inner[0] == "slice":  # a slice has its parameters' y
        inner = inner[3]
    _, constraints = naive._constraints(inner)
    _, t_rows = naive._root(inner)
    out = set()
    for constraint in constraints:
        total = [Fraction(constraint[0]), *[Fraction(0)] * (len(t_rows[0]) - 1)]
        for c, row in zip(constraint[1:], t_rows, strict=True):
            total = [a + Fraction(c) * b for a, b in zip(total, row, strict=True)]
        form = _form(naive._integral([total])[1][0])
        if form is not None and any(form[1:]):  # a constant one is no side
            out.add(form)
    return out


# --- Cells and facets ------------------------------------------------------------------------


def _rank(vectors: Sequence[Vector]) -> int:
    """Rank over the rationals, by elimination in integers."""
    rows = [list(v) for v in vectors]
    rank, width = 0, len(rows[0]) if rows else 0
    for col in range(width):
        found = next((i for i in range(rank, len(rows)) if rows[i][col]), None)
        if found is None:
            continue
        rows[rank], rows[found] = rows[found], rows[rank]
        p = rows[rank]
        for i in range(rank + 1, len(rows)):
            if rows[i][col]:
                a, b = p[col], rows[i][col]
                reduced = [a * v - b * w for v, w in zip(rows[i], p, strict=True)]
                rows[i] = list(naive._primitive(reduced))
        rank += 1
        if rank == len(rows):
            break
    return rank


def _face(cone: Cone, form: Vector) -> Cone:
    """The generators on which a form that is >= 0 on a cone vanishes."""
    at = [i for i, ray in enumerate(cone.rays) if not sum(map(mul, form, ray))]
    rays, masks = tuple([cone.rays[i] for i in at]), tuple([cone.masks[i] for i in at])
    return Cone(cone.lines, rays, masks, cone.n_constraints)


class Cell(NamedTuple):
    """A region: its cone and its facets, each a primitive form >= 0, with the face."""

    code: Code
    cone: Cone
    conditions: list[Condition]
    inner: dict[Vector, Cone]  # facets inside the domain
    border: dict[Vector, Cone]  # facets in its border

    @property
    def facets(self) -> int:
        return len(self.inner) + len(self.border)

    @property
    def bounds(self) -> set[Vector]:
        """Everything that is >= 0 on it: its conditions and its facets."""
        return {c.form for c in self.conditions} | set(self.inner) | set(self.border)


def facets_of(cone: Cone, code: Code, conditions: list[Condition], sides: set[Vector]) -> Cell:
    """The facets among a cone's conditions and the domain's sides."""
    k = len(cone.rays[0]) - 1
    inner: dict[Vector, Cone] = {}
    border: dict[Vector, Cone] = {}
    for form in dict.fromkeys([*sides, *[c.form for c in conditions]]):
        if not any(form[1:]):
            continue  # a constant: at most the hyperplane at infinity
        face = _face(cone, form)
        generators = face.lines + face.rays
        if len(generators) >= k and _rank(generators) == k:
            (border if form in sides else inner)[form] = face
    return Cell(code, cone, conditions, inner, border)


def _shared(face: Cone, form: Vector, other: Cell) -> bool:
    """Whether a cell's facet and another cell behind it share a set of the facet's dimension."""
    opposite = tuple([-v for v in form])
    rest = face
    for bound in [*other.inner, *other.border]:
        if bound != opposite:
            part = naive._split(rest, bound, 0)[1]
            if part is None:
                return False
            rest = part
    return True


class Twin:
    """All cells of a network on a domain, and which of them are adjacent.

    Attributes
    ----------
    k : int
        The domain's dimension.
    cells : list of Cell
        In the order of their codes.
    edges : dict from (i, j), i < j, to form
        Adjacent cells, with the primitive form that vanishes on their common facet and is
        positive in cell i.
    """

    def __init__(self, layers: Sequence[Layer], domain: Sequence[Any]) -> None:
        self.layers, self.domain = layers, domain
        self.root, self.x_rows = naive._root(domain)
        self.k = len(self.root.rays[0]) - 1
        self.sides = domain_rows(domain)
        self.conditions = Conditions(layers, self.x_rows)

    @cached_property
    def cells(self) -> list[Cell]:
        return [
            facets_of(cone, code, self.conditions(code), self.sides)
            for code, cone in naive._cells(self.layers, self.root, self.x_rows)
        ]

    def cell(self, code: Sequence[int]) -> Cell:
        """One region by itself, from its code; AssertionError if it has no interior."""
        conditions = self.conditions(code)
        cone = self.root
        for form in dict.fromkeys([c.form for c in conditions]):
            part = naive._split(cone, form, self.k + 1)[1]
            assert part is not None, f"the code {tuple(code)} has no region"
            cone = part
        return facets_of(cone, tuple(code), conditions, self.sides)

    @cached_property
    def edges(self) -> dict[Pair, Vector]:
        # What two cells share lies in a facet of both: only facets of one hyperplane can meet.
        planes: dict[Vector, list[int]] = {}
        for i, cell in enumerate(self.cells):
            for form in cell.inner:
                planes.setdefault(form, []).append(i)
        out: dict[Pair, Vector] = {}
        for form, above in planes.items():
            opposite = tuple([-v for v in form])
            for i in above:
                for j in planes.get(opposite, ()):
                    if i < j and _shared(self.cells[i].inner[form], form, self.cells[j]):
                        assert (i, j) not in out, "two cells share one facet at most"
                        out[i, j] = form
        return dict(sorted(out.items()))

    def vertices(self) -> tuple[set[Vector], set[Vector]]:
        """All vertices of all cells inside the domain, and those in its border."""
        inside, border = set(), set()
        for cell in self.cells:
            if not cell.cone.lines:
                for ray in cell.cone.rays:
                    if ray[0]:
                        on = any(not sum(map(mul, side, ray)) for side in self.sides)
                        (border if on else inside).add(ray)
        return inside, border


# --- The package's partition against it ------------------------------------------------------


def same_direction(row: Sequence[Any]) -> Vector:
    """The primitive integer vector along a rational one."""
    values = [Fraction(int(v.p), int(v.q)) if hasattr(v, "p") else Fraction(v) for v in row]
    return naive._primitive(naive._integral([values])[1][0])


def changes(code: Sequence[int], other: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Where another code differs, and what it is there."""
    pieces = enumerate(zip(code, other, strict=True))
    return tuple((unit, q) for unit, (p, q) in pieces if p != q)


def _solved(rows: list[list[Fraction]], columns: list[list[Fraction]]) -> list[list[Fraction]]:
    """The matrix L with rows L = columns, where the rows have full column rank."""
    n = len(rows[0])
    work = [list(row) + [c[i] for c in columns] for i, row in enumerate(rows)]
    for col in range(n):
        found = next(i for i in range(col, len(work)) if work[i][col])
        work[col], work[found] = work[found], work[col]
        work[col] = [v / work[col][col] for v in work[col]]
        for i, row in enumerate(work):
            if i != col and row[col]:
                work[i] = [v - row[col] * p for v, p in zip(row, work[col], strict=True)]
    assert not any(any(row) for row in work[n:]), "the chart leaves the domain's affine hull"
    return [row[n:] for row in work[:n]]


class GraphCheck:
    """Compares a partition's ``edges`` and ``borders`` with the twin, exactly.

    Parameters
    ----------
    omega : the package's partition
    twin : Twin
    sides : sequence of rows
        The domain's sides as the package numbers them: constant first, over its coordinates.
    """

    def __init__(self, omega: Any, twin: Twin, sides: Sequence[Sequence[Any]]) -> None:
        self.omega, self.twin, self.sides = omega, twin, [same_direction(s) for s in sides]
        chart, k = omega.domain.chart, twin.k
        assert chart.dim == k, f"dimension {chart.dim}, not {k}"
        points = [[Fraction(i == j) for i in range(k)] for j in range(-1, k)]  # 0, e_1, .., e_k
        lifted = [[Fraction(1), *map(Fraction, chart.lift(p))] for p in points]
        one = [Fraction(1), *[Fraction(0)] * k]
        ys = _solved([one, *twin.x_rows], lifted)  # column j: the y of point j
        # y = first column + sum_j t_j (column j - first column)
        self.to_y = [[row[0], *[v - row[0] for v in row[1:]]] for row in ys]

    def pulled_back(self, form: Vector) -> Vector:
        """A form over y as a primitive one over (1, t)."""
        columns = zip(*self.to_y, strict=True)
        return same_direction([sum(map(mul, form, column)) for column in columns])

    def lifted(self, t: Sequence[Fraction]) -> list[Fraction]:
        """The y of a point t of the domain's coordinates."""
        assert len(t) == self.twin.k, f"a point with {len(t)} coordinates, not {self.twin.k}"
        assert all(isinstance(v, Fraction) for v in t), "a point that is not exact"
        return [sum(map(mul, row[1:], t), row[0]) for row in self.to_y]

    # Each method is one claim. ``cells`` and ``edges`` of the twin come first in messages.

    def columns(self) -> None:
        """Every edge once, from the smaller to the larger id, in order; columns of one length."""
        edges, n = self.omega.edges, len(self.omega)
        pairs = list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
        assert all(0 <= i < j < n for i, j in pairs), "an edge that is no pair i < j of regions"
        assert all(a < b for a, b in pairwise(pairs)), "edges doubled or out of order"
        for name in ("unit", "piece", "sign", "layer", "form", "flip_counts"):
            assert len(getattr(edges, name)) == len(edges) == len(pairs), name

    def pairs(self) -> None:
        """The twin's edges, and nothing else."""
        edges = self.omega.edges
        pairs = list(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
        known = self.twin.edges
        missing = [p for p in known if p not in set(pairs)]
        wrong = [p for p in pairs if p not in known]
        assert not missing, f"edges that are missing: {missing[:5]} of {len(known)}"
        assert not wrong, f"edges that are none: {wrong[:5]} of {len(pairs)}"
        assert len(pairs) == len(known)

    def flips(self) -> None:
        """Exactly the units whose pieces differ, in order, with the pieces in the target."""
        edges = self.omega.edges
        counts = edges.flip_counts.tolist()
        for e, (i, j) in self._all():
            a, b = self.twin.cells[i].code, self.twin.cells[j].code
            true = changes(a, b)
            assert tuple(edges.flips(e)) == true, f"edge {i}-{j} flips {edges.flips(e)}: {true}"
            assert (int(edges.unit[e]), int(edges.piece[e])) == true[0], f"edge {i}-{j}: unit"
            assert counts[e] == len(true), f"edge {i}-{j}: flip_counts"

    def rows(self) -> None:
        """The facet's hyperplane; the row is positive in the source, the normal leaves it."""
        edges = self.omega.edges
        for e, (i, j) in self._all():
            true = self.pulled_back(self.twin.edges[i, j])
            row = same_direction(edges.row(e))
            assert row == true, f"edge {i}-{j} has the row {row}, not {true}"
            normal = edges.normal(e)
            assert all(isinstance(v, Fraction) for v in normal), "a normal that is not exact"
            out = tuple([-v for v in true[1:]])
            assert same_direction(normal) == naive._primitive(out), f"edge {i}-{j}: normal"

    def forms(self) -> None:
        """The form belongs to the first unit that flips, and vanishes on the facet."""
        edges = self.omega.edges
        starts = [0]
        for layer in self.twin.layers:
            starts.append(starts[-1] + len(layer.units))
        layers, cells = edges.layer.tolist(), self.twin.cells
        for e, (i, j) in self._all():
            unit, layer = int(edges.unit[e]), layers[e]
            where = f"edge {i}-{j}: unit {unit}, layer {layer}"
            assert starts[layer] <= unit < starts[layer + 1], where
            assert Condition(self.twin.edges[i, j], unit) in cells[i].conditions, where

    def witnesses(self) -> None:
        """Strictly inside the facet: on its hyperplane and beyond no other bound of a region.

        A condition that is >= 0 on the facet and vanishes somewhere in its relative interior
        vanishes on all of it. So all conditions and sides that do not are > 0 there.
        """
        edges, twin = self.omega.edges, self.twin
        for e, (i, j) in self._all():
            form = twin.edges[i, j]
            self._witness(edges.witness(e), form, twin.cells[i], twin.cells[j], f"edge {i}-{j}")

    def _witness(self, t: Sequence[Fraction], form: Vector, a: Cell, b: Cell, name: str) -> None:
        y = self.lifted(t)
        assert sum(map(mul, form, y)) == 0, f"{name}: the witness is off the hyperplane"
        for side in self.twin.sides:
            assert sum(map(mul, side, y)) > 0, f"{name}: the witness is not inside the domain"
        opposite = tuple([-v for v in form])
        for cell in (a, b):
            for bound in cell.bounds:
                if bound not in (form, opposite):
                    assert sum(map(mul, bound, y)) > 0, f"{name}: the witness is on a rim"

    def borders(self) -> None:
        """Every region's facets in the domain's border, each once, under its first side."""
        borders = self.omega.borders
        assert len(borders) == len(borders.region) == len(borders.side)
        found = list(zip(borders.region.tolist(), borders.side.tolist(), strict=True))
        assert found == sorted(set(found)), "borders doubled or out of order"
        true = sorted(
            (i, self.sides.index(self.pulled_back(form)))
            for i, cell in enumerate(self.twin.cells)
            for form in cell.border
        )
        assert found == true, f"borders {found}, not {true}"

    def facets(self) -> None:
        """As many edges and borders at a region as its polyhedron has facets."""
        edges, borders = self.omega.edges, self.omega.borders
        count = [0] * len(self.omega)
        for column in (edges.source, edges.target, borders.region):
            for i in column.tolist():
                count[i] += 1
        for i, cell in enumerate(self.twin.cells):
            assert count[i] == cell.facets, f"region {i}: {count[i]} facets of {cell.facets}"

    def euler(self) -> None:
        """In the plane V - E + F is 1, over the faces inside the domain: they make an open disc.

        With the border of a bounded domain it is that of a closed disc, 1 too.
        """
        if self.twin.k != 2:
            return
        inside, border = self.twin.vertices()
        edges, n = len(self.omega.edges), len(self.omega)
        assert len(inside) - edges + n == 1, "Euler's relation of the open domain"
        root = self.twin.root
        if not root.lines and all(ray[0] for ray in root.rays):
            edges += len(self.omega.borders)
            assert len(inside) + len(border) - edges + n == 1, "Euler's relation"

    def claims(self) -> list[Callable[[], None]]:
        """All of the above."""
        return [
            self.columns, self.pairs, self.flips, self.rows, self.forms, self.witnesses,
            self.borders, self.facets, self.euler,
        ]  # fmt: skip

    def __call__(self) -> None:
        """Check everything."""
        found = [tuple(code) for code in self.omega.codes.tolist()]
        assert found == [cell.code for cell in self.twin.cells], "the regions differ"
        for claim in self.claims():
            claim()

    def _all(self) -> Iterator[tuple[int, Pair]]:
        edges = self.omega.edges
        return enumerate(zip(edges.source.tolist(), edges.target.tolist(), strict=True))


class SampleCheck(GraphCheck):
    """The same for single regions of partitions that are too large for the twin.

    The region's cell and those of its neighbours are built from their codes alone. That the
    neighbours meet it in facets shows at the witnesses: each is on the facet's hyperplane and
    strictly on the right side of all other bounds of both cells.
    """

    def region(self, number: int) -> None:
        """Check all facets of a region: none is missing, each leads where it says."""
        omega, edges = self.omega, self.omega.edges
        cell = self.twin.cell([int(v) for v in omega.code(number)])
        found = []
        for e in self._edges_at(number):
            i, j = int(edges.source[e]), int(edges.target[e])
            row = same_direction(edges.row(e))
            found.append(row if i == number else tuple([-v for v in row]))
            form = next((f for f in cell.inner if self.pulled_back(f) == found[-1]), None)
            assert form is not None, f"edge {i}-{j} at region {number} is no facet"
            other = self.twin.cell([int(v) for v in omega.code(j if i == number else i)])
            opposite = tuple([-v for v in form])
            assert opposite in other.inner, f"edge {i}-{j} is no facet of the other region"
            self._witness(edges.witness(e), form, cell, other, f"edge {i}-{j}")
            a, b = omega.code(i).tolist(), omega.code(j).tolist()
            true = changes(a, b)
            assert tuple(edges.flips(e)) == true, f"edge {i}-{j} flips {edges.flips(e)}: {true}"
        assert sorted(found) == sorted(map(self.pulled_back, cell.inner)), f"region {number}"
        borders = omega.borders
        sides = [s for r, s in self._borders_at(number, borders)]
        true_sides = [self.sides.index(self.pulled_back(form)) for form in cell.border]
        assert sides == sorted(true_sides), f"region {number}: borders {sides}"

    def _edges_at(self, number: int) -> list[int]:
        edges = self.omega.edges
        return [int(e) for e in ((edges.source == number) | (edges.target == number)).nonzero()[0]]

    @staticmethod
    def _borders_at(number: int, borders: Any) -> list[Pair]:
        at = (borders.region == number).nonzero()[0]
        return [(number, int(borders.side[i])) for i in at]
