"""The adjacency of regions in columns: one row an edge, and the facets on the domain's border."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...frames import Framed
from ...later import in_later_room
from ...mode import guarded
from ...polyhedra.lp import Row, crossing, q
from ...rationals import as_float, fractions, nearest_float

if TYPE_CHECKING:
    import networkx
    from scipy import sparse

    from ..columns.table import RegionTable

__all__ = ["Borders", "Edges", "facet_rows"]


_DIGITS = 2.0**-40  # a value is trusted if it is a larger share of the sizes that were added
_LEAST = 2.0**-960


@guarded
class Edges(Framed):
    """The facets between regions, each once, sorted by ``source`` and then ``target``.

    Attributes
    ----------
    source, target : int32 arrays, shape (edges,)
        Ids of the two regions, ``source < target``.
    unit : int32 array, shape (edges,)
        The first unit whose piece differs; `flips` names all of them (several where
        hyperplanes coincide).
    piece : uint16 array, shape (edges,)
        That unit's piece in ``target`` (uint32 if a unit has more than 65,536).
    sign : int8 array, shape (edges,)
        ``sign`` times the facet's form (see ``layer`` and ``form``) is positive in ``source``.

    Examples
    --------
    >>> import exactspline as es
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
    >>> edges = omega.edges
    >>> len(edges), edges.source.tolist(), edges.target.tolist()
    (4, [0, 0, 1, 2], [1, 2, 3, 3])
    >>> edges.unit.tolist()  # the unit that changes
    [1, 0, 0, 1]
    """

    def __init__(
        self, partition: RegionTable, columns: dict[str, np.ndarray],
        exact: dict[int, tuple[Fraction, ...]], searched: np.ndarray,
    ) -> None:  # fmt: skip
        self._partition = partition
        self.source, self.target = columns["source"], columns["target"]
        self.unit, self.piece = columns["unit"], columns["piece"]
        self.sign = columns["sign"]
        self._form = columns["form"]  # numbered through all layers
        self._beyond = columns["point"]
        self._flip_edge = columns["flip_edge"]  # further units that change
        self._flip_unit, self._flip_piece = columns["flip_unit"], columns["flip_piece"]
        self._exact = exact
        self._last: tuple[int, np.ndarray] = (-1, np.zeros(0, dtype=np.uint8))
        self._searched = searched  # which of the domain's coordinates the points have
        self._form_at = partition.network.program.form_start

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"<Edges: {len(self):,} between {len(self._partition):,} regions>"

    def _repr_html_(self) -> str:
        text: str = in_later_room("Edges._repr_html_", self)
        return text

    def _frame(self) -> dict[str, Any]:  # type: ignore[override]
        normals, witnesses = self._float(0, len(self))
        columns = {name: getattr(self, name) for name in ("source", "target", "unit", "piece")}
        columns |= {"flips": self.flip_counts, "layer": self.layer}
        columns |= {f"normal{j}": normals[:, j] for j in range(normals.shape[1])}
        return columns | {f"x{j}": witnesses[:, j] for j in range(witnesses.shape[1])}

    def to_scipy(self) -> sparse.csr_array:
        """Which regions are adjacent, as a symmetric matrix of zeros and ones.

        Returns
        -------
        scipy.sparse.csr_array of uint8, shape (regions, regions)

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.to_scipy().toarray()[0].tolist()
        [0, 1, 1, 0]
        """
        from scipy import sparse

        n, ones = len(self._partition), np.ones(2 * len(self), dtype=np.uint8)
        ends = np.concatenate([self.source, self.target])
        others = np.concatenate([self.target, self.source])
        # regions that share several facets share one entry
        matrix = sparse.coo_array((ones, (ends, others)), shape=(n, n)).tocsr()
        matrix.data[:] = 1
        return matrix

    def to_networkx(self) -> networkx.Graph:
        """Which regions are adjacent, as a graph of numbers alone.

        Returns
        -------
        networkx.Graph
            Nodes are the regions' ids; edges have ``unit``, the first that flips.
            `Partition.adjacency_graph` has codes, normals and points as well.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.to_networkx().edges[1, 3]["unit"]
        0
        """
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from(range(len(self._partition)))
        ends = zip(self.source.tolist(), self.target.tolist(), self.unit.tolist(), strict=True)
        graph.add_edges_from((a, b, {"unit": unit}) for a, b, unit in ends)
        return graph

    @property
    def layer(self) -> np.ndarray:
        """The layer of the program that the facet's form belongs to, shape (edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.layer.tolist()
        [0, 0, 0, 0]
        """
        return np.searchsorted(self._form_at, self._form, side="right") - 1

    @property
    def form(self) -> np.ndarray:
        """The condition form of that layer that vanishes on the facet, shape (edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.form.tolist()
        [2, 0, 0, 2]
        """
        return self._form - self._form_at[self.layer]

    def form_of(self, edge: int) -> tuple[int, int]:
        """``layer`` and ``form`` of one edge.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.form_of(0)
        (0, 2)
        """
        layer = int(np.searchsorted(self._form_at, self._form[edge], side="right")) - 1
        return layer, int(self._form[edge] - self._form_at[layer])

    @cached_property
    def _by_target(self) -> np.ndarray:
        return np.argsort(self.target, kind="stable").astype(np.int32)

    def of_region(self, region: int) -> list[int]:
        """The edges of one region: those to later regions, then those to earlier ones.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.of_region(3)
        [2, 3]
        """
        a, b = np.searchsorted(self.source, [region, region + 1])
        order = self._by_target
        c, d = np.searchsorted(self.target, [region, region + 1], sorter=order)
        return [*range(int(a), int(b)), *order[c:d].tolist()]

    @property
    def flip_counts(self) -> np.ndarray:
        """How many units change across each edge, shape (edges,).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [2]]), es.ReLU()], (1,))  # two units, one hyperplane
        >>> es.enumerate_regions(net).edges.flip_counts.tolist()
        [2]
        """
        return 1 + np.bincount(self._flip_edge, minlength=len(self))

    def flips(self, edge: int) -> tuple[tuple[int, int], ...]:
        """The units whose piece differs across an edge, with the piece in ``target``.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [2]]), es.ReLU()], (1,))  # two units, one hyperplane
        >>> es.enumerate_regions(net).edges.flips(0)
        ((0, 1), (1, 1))
        """
        a, b = np.searchsorted(self._flip_edge, [edge, edge + 1])
        more = zip(self._flip_unit[a:b].tolist(), self._flip_piece[a:b].tolist(), strict=True)
        return ((int(self.unit[edge]), int(self.piece[edge])), *more)

    def row(self, edge: int) -> Row:
        """The facet's form over the domain's coordinates, constant first; > 0 in ``source``.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [int(v) for v in omega.edges.row(0)]  # -x[1] > 0 in region 0
        [0, 0, -1]
        """
        forms = self._partition._exact_forms
        source, last = int(self.source[edge]), self._last
        if last[0] != source:  # edges are gone through source by source
            last = self._last = source, self._partition.code(source)
        row = forms.form(*self.form_of(edge), last[1])
        return row if self.sign[edge] > 0 else [-v for v in row]

    def normal(self, edge: int) -> tuple[Fraction, ...]:
        """The facet's normal in the domain's coordinates, exactly; it points into ``target``.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> [int(v) for v in omega.edges.normal(0)]  # from region 0 into region 1
        [0, 1]
        """
        return tuple(Fraction(-int(v.p), int(v.q)) for v in self.row(edge)[1:])

    def witness(self, edge: int) -> tuple[Fraction, ...]:
        """A point in the facet's relative interior, exactly, in the domain's coordinates.

        It is where the segment from the witness of ``source`` to a point proved beyond this
        facet, and beyond no other one of the region, meets the hyperplane.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.witness(0)[1]  # on the facet x[1] = 0
        Fraction(0, 1)
        >>> omega.edges.witness(0)[0] < 0
        True
        """
        if edge in self._exact:
            return self._exact[edge]
        row = self.row(edge)
        inside = [q(v) for v in self._partition.witness(int(self.source[edge]))]
        outside = list(inside)
        for j, v in zip(self._searched.tolist(), self._beyond[edge].tolist(), strict=True):
            outside[j] = q(v)
        return fractions(crossing(row, inside, outside))

    @property
    def normals(self) -> np.ndarray:
        """The facets' normals in float64, shape (edges, k); see `normal`. Rounded, not scaled.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.normals.tolist()
        [[0.0, 1.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        """
        return self._float(0, len(self))[0]

    @property
    def witnesses(self) -> np.ndarray:
        """Points in the facets' relative interiors in float64, shape (edges, k); see `witness`.

        Rounded: a float64 point rarely lies exactly on a hyperplane.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> omega.edges.witnesses.shape
        (4, 2)
        """
        return self._float(0, len(self))[1]

    def iter_geometry(self, chunk: int = 65536) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """`normals` and `witnesses` in chunks of edges, in order.

        Examples
        --------
        >>> import exactspline as es
        >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)))  # the four quadrants
        >>> for normals, witnesses in omega.edges.iter_geometry(chunk=3):
        ...     print(normals.shape, witnesses.shape)
        (3, 2) (3, 2)
        (1, 2) (1, 2)
        """
        for start in range(0, len(self), chunk):
            yield self._float(start, min(start + chunk, len(self)))

    def _float(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Normals and witnesses of some edges."""
        partition = self._partition
        k = partition.domain.chart.dim
        if start == stop:
            return np.zeros((0, k)), np.zeros((0, k))
        layer = np.searchsorted(self._form_at, self._form[start:stop], side="right") - 1
        form = self._form[start:stop] - self._form_at[layer]
        rows = facet_rows(partition, self.source[start:stop], layer, form)
        rows *= self.sign[start:stop, None]
        points = partition._points[self.source[start:stop]]
        beyond = points.copy()
        beyond[:, self._searched] = self._beyond[start:stop]
        rational = {e for e in self._exact if start <= e < stop}
        crossed = _cross(rows, points, beyond)
        rational.update((start + np.flatnonzero(~crossed)).tolist())
        if partition.exact_witnesses:  # their float64 points need not lie in the region
            unsafe = np.isin(self.source[start:stop], list(partition.exact_witnesses))
            rational.update((start + np.flatnonzero(unsafe)).tolist())
        normals = -rows[:, 1:].reshape(-1, k)
        for i in np.flatnonzero(~np.isfinite(rows).all(axis=1)).tolist():
            normals[i] = [nearest_float(v) for v in self.normal(start + i)]
        for e in sorted(rational):
            points[e - start] = [nearest_float(v) for v in self.witness(e)]
        return normals, points


def _cross(rows: np.ndarray, points: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Move points, in place, to where the segments to others cross hyperplanes.

    Returns
    -------
    bool array
        False where float64 does not tell: a value at an end has the wrong sign, is little more
        than its own rounding, or underflow may have spoilt it.
    """
    with np.errstate(all="ignore"):
        # a power of two a row: coefficients of size 1 lose nothing that counts
        scale = np.abs(rows[:, 1:]).max(axis=1, initial=0.0)
        rows = np.ldexp(rows, -np.frexp(scale)[1][:, None])
        ends = []
        good = np.isfinite(rows).all(axis=1)
        for at, sign in ((points, 1.0), (beyond, -1.0)):
            value = rows[:, 0] + np.einsum("ij,ij->i", rows[:, 1:], at)
            size = np.abs(rows[:, 0]) + np.einsum("ij,ij->i", np.abs(rows[:, 1:]), np.abs(at))
            good &= sign * value > np.maximum(_DIGITS * size, _LEAST)
            ends.append(value)
        here, there = ends
        points += (here / (here - there))[:, None] * (beyond - points)
        good &= np.isfinite(points).all(axis=1)
    return good


@np.errstate(all="ignore")  # callers ask whether all is finite
def facet_rows(
    partition: RegionTable, regions: np.ndarray, layers: np.ndarray, forms: np.ndarray
) -> np.ndarray:
    """Condition forms of regions over the domain's coordinates, in float64, constant first.

    Parameters
    ----------
    partition : Partition
    regions, layers, forms : int arrays, shape (n,)
        Regions in increasing order.

    Returns
    -------
    float64 array, shape (n, k + 1)
        NaN in rows of which float64 cannot hold what is needed on the way.
    """
    from ..pieces.vanishing import Vanishing
    from ..pieces.walk import Walker

    program, chart = partition.network.program, partition.domain.chart
    out = np.zeros((len(regions), chart.dim + 1))
    distinct, place = np.unique(regions, return_inverse=True)
    place = place.reshape(-1)
    of_layer = [np.flatnonzero(layers == level) for level in range(len(program.layers))]
    vanishing = Vanishing(program, chart.point, forms=True)
    walk = vanishing.blocks(Walker(program, chart.point), partition._codes.take(distinct))
    with np.errstate(all="ignore"):  # NaN says it
        for block, paths in walk:
            if block.level == len(of_layer):
                continue
            mine = of_layer[block.level]
            a, b = np.searchsorted(place[mine], [block.starts[0], block.stop])
            mine = mine[a:b]
            if len(mine) == 0:
                continue
            units = program.layers[block.level].units
            which, at = forms[mine], block.index(place[mine])
            plus, minus, piece = units.form_columns(which)
            first, second = _chosen(block.members, plus, at), _chosen(block.members, minus, at)
            rows = first - second
            # no facet's normal vanishes: where members nearly agree, digits are gone
            size = np.maximum(np.abs(first), np.abs(second))[:, 1:].max(axis=1, initial=0.0)
            gone = np.abs(rows[:, 1:]).max(axis=1, initial=0.0) <= _DIGITS * size
            shift, error = as_float(units.piece_shift)
            if error is not None:
                shift = np.where(np.isfinite(error), shift, np.nan)  # beyond float64
            single = minus < 0
            rows[single, 0] += shift[piece[single]]
            if paths is not None:
                there = _chosen(paths.members, plus, at) + _chosen(paths.members, minus, at)
                there[single, 0] += units.piece_shift.astype(bool)[piece[single]]
                gone |= vanishing.spoilt(block.level, rows, there).any(axis=1)
            rows[gone] = np.nan
            out[mine] = rows
    return out


def _chosen(members: np.ndarray, which: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows of some members, (n, width); zeros where the member is -1."""
    return np.where((which >= 0)[:, None], members[which, at], 0.0)


@guarded
class Borders(Framed):
    """The facets of regions in the domain's border, sorted by region and side.

    Attributes
    ----------
    region : int64 array, shape (facets,)
    side : int32 array, shape (facets,)
        Which inequality of the domain: `Partition.side` describes it.

    Examples
    --------
    >>> import exactspline as es
    >>> box = es.Box(-1, 1, dim=2)
    >>> omega = es.enumerate_regions(es.Network([es.ReLU()], (2,)), box)  # four squares
    >>> omega.borders.region.tolist()
    [0, 0, 1, 1, 2, 2, 3, 3]
    >>> [omega.side(side) for side in omega.borders.side[:2]]
    ['x[0] >= -1', 'x[1] >= -1']
    """

    def __init__(self, region: np.ndarray, side: np.ndarray) -> None:
        self.region, self.side = region, side

    def __len__(self) -> int:
        return len(self.region)

    def _frame(self) -> dict[str, Any]:  # type: ignore[override]
        return {"region": self.region, "side": self.side}
