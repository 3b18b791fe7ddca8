"""The decision boundary of a classifier: where several outputs are the greatest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DomainError, LimitError
from ...later import in_later_room
from ...mode import guarded
from ...polyhedra.lp import Row
from ...rationals import fractions, nearest_float
from ..regions.inequalities import Inequality
from ..regions.outputs import OutputRows
from .ties import Piece, RegionRows, find_pieces, region_rows

if TYPE_CHECKING:
    from ...formats.files import PathLike
    from ...polyhedra.vertices import Generators
    from ..graph.adjacent import AdjacentRegions

__all__ = ["DecisionBoundary", "decision_boundary"]

_MOST_DIMENSIONS = 60

Vector = tuple[Fraction, ...]


@guarded
class DecisionBoundary:
    """The set {f_i = f_j = max f} of a partition, in pieces: one polyhedron a row.

    Made by `Partition.decision_boundary`. A network with one output f has two classes: 0 where
    f < 0, and 1 where f > 0; it counts as the two outputs (0, f).

    Attributes
    ----------
    partition : Partition
    region : int32 array, shape (pieces,)
        The region whose closure holds the piece; increasing.
    other : int32 array, shape (pieces,)
        The second region whose closure holds it, where it lies in a facet between two (the
        one with the larger id); else -1.
    side : int32 array, shape (pieces,)
        The domain's side that it lies in (see `Partition.borders`), else -1.
    i, j : int32 arrays, shape (pieces,)
        Two classes that tie, i < j. If the piece has dimension k - 1, one of them wins on the
        region's side and the other one does not, so that f_i - f_j is not zero there.
    dim : int16 array, shape (pieces,)
        k - 1; or k for a piece with interior, on which outputs are equal as functions.
    changes : bool array, shape (pieces,)
        Whether the winners are other ones on either side. False for pieces with interior, in
        the domain's border, and where a tie is only touched.
    complete : bool
        Whether these are all pieces. After a stopped search they are those of its regions.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
    >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
    >>> len(boundary), boundary.region.tolist(), boundary.classes(0)
    (2, [0, 3], (0, 1))
    """

    def __init__(self, partition: AdjacentRegions, pieces: list[Piece]) -> None:
        self.partition = partition
        self.complete = partition.complete
        k = partition.domain.chart.dim
        self.region = np.array([p.region for p in pieces], dtype=np.int32)
        self.other = np.array([p.other for p in pieces], dtype=np.int32)
        self.side = np.array([p.side for p in pieces], dtype=np.int32)
        self.i = np.array([p.pair[0] for p in pieces], dtype=np.int32)
        self.j = np.array([p.pair[1] for p in pieces], dtype=np.int32)
        self.dim = np.array([k if p.full else k - 1 for p in pieces], dtype=np.int16)
        self.changes = np.array([p.side < 0 and p.near != p.far for p in pieces], dtype=bool)
        self._pieces = pieces

    def __len__(self) -> int:
        return len(self._pieces)

    def __repr__(self) -> str:
        full = int(np.count_nonzero(self.dim == self.partition.domain.chart.dim))
        with_interior = f", {full:,} with interior" if full else ""
        stopped = "" if self.complete else ", of a stopped search"
        return f"<DecisionBoundary of {len(self):,} pieces{with_interior}{stopped}>"

    def classes(self, piece: int) -> tuple[int, ...]:
        """All classes that tie on the piece: two, or more where hyperplanes coincide.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> boundary.classes(0)
        (0, 1)
        """
        return self._pieces[piece].classes

    def winners(self, piece: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The classes that win on either side of a piece.

        Returns
        -------
        near, far : tuples of int
            For a piece in a facet ``near`` is the region's side; inside a region it is that
            where f_i - f_j is positive for ``i`` in ``near``. Several classes where outputs are
            equal as functions. ``far`` is empty in the domain's border.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> boundary.winners(len(boundary) - 1)
        ((0,), (1,))
        """
        return self._pieces[piece].near, self._pieces[piece].far

    def row(self, piece: int) -> Vector:
        """f_i - f_j on the region, exactly: constant first, over the domain's coordinates.

        The piece lies in the hyperplane where it is zero; all zeros for one with interior.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> [int(v) for v in boundary.row(len(boundary) - 1)]  # x[0] - x[1] where both are positive
        [0, 1, -1]
        """
        return fractions(self._pieces[piece].row)

    def witness(self, piece: int) -> Vector:
        """A point in the piece's relative interior, exactly, in the domain's coordinates.

        The classes that tie there are `classes`, and no more.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> x, y = boundary.witness(len(boundary) - 1)
        >>> x == y > 0
        True
        """
        return fractions(self._pieces[piece].point)

    def inequalities(self, piece: int) -> list[Inequality]:
        """The inequalities of a piece: its region's facets, and f_i >= f_l for all classes l.

        The piece is where they hold and `row` is zero. Some may be implied by others.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> for inequality in boundary.inequalities(len(boundary) - 1):
        ...     print(inequality)
        x[0] <= 1   (side 1 of the domain)
        x[1] <= 1   (side 3 of the domain)
        x[0] >= 0   (the facet shared with region 1)
        x[1] >= 0   (the facet shared with region 2)
        """
        found = self._rows_of(piece)
        region = self.partition[int(self.region[piece])]
        letter = "x" if region._coordinates.full else "t"
        out = []
        for wall in found.walls:
            constant, *coefficients = fractions(wall.row)
            source = (
                f"side {wall.side} of the domain" if wall.side >= 0
                else "a facet of the region" if wall.other < 0
                else f"the facet shared with region {wall.other}"
            )  # fmt: skip
            side = wall.side if wall.side >= 0 else None
            out.append(Inequality(tuple(coefficients), constant, None, None, side, source, letter))
        i = int(self.i[piece])
        for c, row in _above(found, self.classes(piece), i):
            constant, *coefficients = fractions(row)
            source = f"output {i} at least output {c}"
            if len(self.partition.network.program.output) == 1:
                source = "the sign of the output"
            out.append(Inequality(tuple(coefficients), constant, None, None, None, source, letter))
        return out

    def vertices(self, piece: int) -> np.ndarray:
        """The vertices of a piece, exactly, in the domain's coordinates.

        Returns
        -------
        numpy.ndarray of Fraction, shape (n, k)
            Sorted. An unbounded piece is their convex hull plus the cone of `rays`.

        Raises
        ------
        DomainError
            If the piece holds a whole line: it has no vertex then.
        LimitError
            If it has too many.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> boundary.vertices(len(boundary) - 1).astype(int).tolist()
        [[0, 0], [1, 1]]
        """
        return _array(sorted(self._generators(piece).vertices), self._width)

    def rays(self, piece: int) -> np.ndarray:
        """Directions of a piece's extreme rays, as integers without common factor, sorted.

        Raises
        ------
        DomainError, LimitError
            As for `vertices`.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net).decision_boundary()
        >>> boundary.rays(len(boundary) - 1).tolist()
        [[Fraction(1, 1), Fraction(1, 1)]]
        """
        rays = [tuple(Fraction(v) for v in ray) for ray in sorted(self._generators(piece).rays)]
        return _array(rays, self._width)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The columns, with numbers in float64.

        Returns
        -------
        dict of arrays
            ``region``, ``other``, ``side``, ``i``, ``j``, ``dim``, ``changes``; ``rows``
            (pieces, k + 1) and ``witnesses`` (pieces, k), each number rounded once (a float64
            point rarely lies on a hyperplane); ``class_start`` (pieces + 1,) and ``class``: the
            classes that tie on piece n are ``class[class_start[n]:class_start[n + 1]]``.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> sorted(boundary.to_arrays())[:4]
        ['changes', 'class', 'class_start', 'dim']
        """
        out = {name: getattr(self, name).copy() for name in _COLUMNS}
        counts = [len(p.classes) for p in self._pieces]
        out["class_start"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        out["class"] = np.array([c for p in self._pieces for c in p.classes], dtype=np.int32)
        out["rows"] = _floats([p.row for p in self._pieces], self._width + 1)
        out["witnesses"] = _floats([p.point for p in self._pieces], self._width)
        return out

    def to_dict(self) -> dict[str, Any]:
        """All that is known, exactly, as ``json.dumps`` takes it: rationals are "p/q".

        Returns
        -------
        dict
            What files of partitions say first (docs/exports.md), and ``pieces``: a list of
            objects with ``region``, ``other`` and ``side`` (None for none), ``i``, ``j``,
            ``classes``, ``near``, ``far``, ``dim``, ``changes``, ``row``, ``witness``.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> sorted(boundary.to_dict())[:4]
        ['chart', 'complete', 'count', 'decisions']
        """
        out: dict[str, Any] = in_later_room("DecisionBoundary.to_dict", self)
        return out

    def save(self, path: PathLike) -> None:
        """Write the pieces to a file; its extension says how.

        Parameters
        ----------
        path : path-like
            Ends in ``.json`` (`to_dict`, exact) or ``.npz`` (`to_arrays`, rounded, and a
            ``header``). An existing file is replaced.

        Raises
        ------
        FormatError
            If the extension is not known, or the file cannot be written.

        Examples
        --------
        >>> import os, tempfile
        >>> import exactspline as es
        >>> net = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 1]])], (2,))
        >>> boundary = es.enumerate_regions(net, es.Box(-1, 1, dim=2)).decision_boundary()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     boundary.save(os.path.join(folder, "boundary.json"))
        ...     os.listdir(folder)
        ['boundary.json']
        """
        in_later_room("DecisionBoundary.save", self, path)

    # --- What is computed again when asked for -----------------------------------------------

    @property
    def _width(self) -> int:
        return self.partition.domain.chart.dim

    @cached_property
    def _outputs(self) -> OutputRows:
        return OutputRows(self.partition.network, self.partition.domain)

    def _rows_of(self, piece: int) -> RegionRows:
        region = int(self.region[piece])
        return next(iter(self._regions([region])))

    def _regions(self, regions: list[int]) -> Iterator[RegionRows]:
        return region_rows(self.partition, self._outputs, regions)

    def _generators(self, piece: int) -> Generators:
        from ...polyhedra.vertices import generators

        found = self._rows_of(piece)
        own = self._pieces[piece]
        rows = [wall.row for wall in found.walls]
        rows += [row for _, row in _above(found, own.classes, own.pair[0])]
        if any(own.row[1:]):  # first, so that what follows is in few dimensions
            rows = [own.row, [-v for v in own.row], *rows]
        out = generators(rows, self._width)
        if out.lines:
            raise DomainError(
                f"vertices: piece {piece} holds lines ({len(out.lines)} independent ones, such "
                f"as along {list(out.lines[0])}) and has no vertex; bound the domain, or cut it "
                "by a slice across them"
            )
        return out


_COLUMNS = ("region", "other", "side", "i", "j", "dim", "changes")


def _above(found: RegionRows, tied: tuple[int, ...], i: int) -> Iterator[tuple[int, Row]]:
    """f_i - f_l for all classes l that do not tie, if it is not constant."""
    for c, output in enumerate(found.outputs):
        if c not in tied:
            row = [a - b for a, b in zip(found.outputs[i], output, strict=True)]
            if any(row[1:]):
                yield c, row


def decision_boundary(
    partition: AdjacentRegions, regions: Sequence[int] | None = None
) -> DecisionBoundary:
    """The decision boundary of a partition's network; see `Partition.decision_boundary`.

    Of some ``regions``, increasing, if classes tie in the closures of no other ones.
    """
    k = partition.domain.chart.dim
    if k > _MOST_DIMENSIONS:
        raise LimitError(
            f"decision_boundary: exact linear programs in {k} dimensions take too long; take a "
            f"slice of up to {_MOST_DIMENSIONS} dimensions"
        )
    return DecisionBoundary(partition, list(find_pieces(partition, regions)))


def _floats(rows: list[Row], width: int) -> np.ndarray:
    out = np.empty((len(rows), width))
    for i, row in enumerate(rows):
        out[i] = [nearest_float(v) for v in fractions(row)]
    return out


def _array(rows: list[Vector], width: int) -> np.ndarray:
    out = np.empty((len(rows), width), dtype=object)
    for i, row in enumerate(rows):
        out[i] = row
    return out
