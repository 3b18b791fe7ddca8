"""A segment's crossings in order, and the affine maps between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells.space import whole_space
from ..clock import Clock, check
from ..domain import Box, Slice, WholeSpace
from ..domain.rows import dense_fractions
from ..driver.partitions import enumerated
from ..driver.request import Request
from ..driver.watching import Watch
from ..errors import LimitError, UndecidedError
from ..mode import guarded
from ..partition.pieces.equality import Equality
from ..partition.points.signs import FloatForms
from ..partition.regions.fan import Around, regions_around
from ..partition.regions.maps import exact_forms, program_map
from ..polyhedra.linear import rank_of
from ..rationals import fraction, nearest_float, nearest_floats, rounded, to_fraction
from .doubts import Doubts
from .event import SegmentEvent

if TYPE_CHECKING:
    from ..network.network import Network
    from ..partition.partition import Partition

__all__ = ["SegmentPath"]

_MOST_AROUND = 10_000  # regions that meet along a wall


@guarded
class SegmentPath(Sequence[SegmentEvent]):
    """What a segment goes through; made by `segment_path`.

    A sequence of events from a (t = 0) to b (t = 1). Piece i lies between the events i - 1 and i,
    so there is one piece more than events.

    Attributes
    ----------
    network : Network
    pieces : int
    witnesses : float64 array, shape (pieces,)
        A t inside every piece, increasing.

    Examples
    --------
    >>> import exactspline as es
    >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
    >>> path = es.segment_path(net, [-1], [3])
    >>> path
    <SegmentPath: 2 events, 3 pieces>
    >>> path.t.tolist(), path.codes.tolist()
    ([0.25, 0.5], [[0, 0], [1, 0], [1, 1]])
    """

    def __init__(self, partition: Partition, start: list[Fraction], step: list[Fraction]) -> None:
        self.network: Network = partition.network
        self.pieces = len(partition)
        self._partition, self._start, self._step = partition, start, step
        near = partition.witnesses[:, 0]
        self._order = np.argsort(near, kind="stable")
        if partition.exact_witnesses:  # two of them may be rounded to one number
            exact = [partition.witness(i)[0] for i in range(self.pieces)]
            self._order = np.array(sorted(range(self.pieces), key=exact.__getitem__))
        self.witnesses = near[self._order]
        self._maps: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # of the last two pieces
        self._codes = partition.codes[self._order]

    @classmethod
    def _between(
        cls, network: Network, a: list[Fraction], b: list[Fraction], progress: Watch = None
    ) -> SegmentPath:
        """The path between two different points."""
        steps = [q - p for p, q in zip(a, b, strict=True)]
        line = Slice(np.array(a, dtype=object), np.array([steps], dtype=object), Box([0], [1]))
        found = enumerated(Request(network, line, None), Clock(), progress)
        if not found.complete:  # an interrupt
            raise UndecidedError("segment_path: the search was stopped; ask again")
        return cls(found, a, steps)

    def __len__(self) -> int:
        return self.pieces - 1

    def __repr__(self) -> str:
        return f"<SegmentPath: {len(self):,} events, {self.pieces:,} pieces>"

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"event {index} of {len(self):,}")
        return SegmentEvent(self, int(place))

    def point(self, t: Any) -> tuple[Fraction, ...]:
        """The input a + t (b - a), exactly.

        Examples
        --------
        >>> import exactspline as es
        >>> path = es.segment_path(es.Network([es.ReLU()], (2,)), [-1, 0], [1, 2])
        >>> [str(v) for v in path.point("1/2")]
        ['0', '1']
        """
        at = to_fraction(t, "point: t")
        return tuple(a + at * d for a, d in zip(self._start, self._step, strict=True))

    # --- Where it crosses ---------------------------------------------------------------------

    @cached_property
    def exact_t(self) -> tuple[Fraction, ...]:
        """Every t at which the segment crosses something, exactly; increasing.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3]], [-1]), es.ReLU()], (1,))
        >>> es.segment_path(net, [0], [1]).exact_t
        (Fraction(1, 3),)
        """
        program, forms = self.network.program, self._partition._exact_forms
        found: list[Fraction] = [Fraction(0)] * len(self)
        starts = program.unit_start
        # in the order of codes, so that rows of early layers are made once
        for i in np.argsort(self._order[:-1], kind="stable").tolist():
            check()
            unit = int(self._first_changes[i])
            index = int(np.searchsorted(starts, unit, side="right")) - 1
            units, k = program.layers[index].units, unit - int(starts[index])
            low, high = sorted((int(self._codes[i, unit]), int(self._codes[i + 1, unit])))
            number = (int(units.piece_start[k]) + low) * units.stride
            number += (high - low) if units.lead[k] else 0
            row = forms.form(index, number, self._codes[i].astype(np.int64))
            found[i] = fraction(-row[0] / row[1])
        return tuple(found)

    @cached_property
    def t(self) -> np.ndarray:
        """The same in float64, shape (events,), each rounded once.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[3]], [-1]), es.ReLU()], (1,))
        >>> es.segment_path(net, [0], [1]).t.round(4).tolist()
        [0.3333]
        """
        return np.array([nearest_float(v) for v in self.exact_t], dtype=np.float64)

    @cached_property
    def _changed(self) -> np.ndarray:
        """Which units of the segment's own codes change, shape (events, units)."""
        return np.asarray(self._codes[1:] != self._codes[:-1])

    @cached_property
    def _first_changes(self) -> np.ndarray:
        return self._changed.argmax(axis=1)

    # --- Walls --------------------------------------------------------------------------------

    @cached_property
    def _space(self) -> tuple[Any, Any]:
        """Exact rows over all of R^D, and its chart."""
        everywhere = WholeSpace(self.network.input_dim)
        return exact_forms(self.network, everywhere), everywhere.chart

    @cached_property
    def _doubts(self) -> Doubts:
        return Doubts(self.network.program)

    @cached_property
    def _inputs(self) -> FloatForms:
        return FloatForms(self._partition.domain.chart.point)

    def _around(self, t: Fraction) -> Iterator[Around]:
        """The regions of R^D whose closures hold a point of the segment."""
        forms, chart = self._space
        return regions_around(forms, chart, self.point(t))

    def _inside(self, piece: int) -> Fraction:
        """A t inside a piece, exactly."""
        return self._partition.witness(int(self._order[piece]))[0]

    @cached_property
    def _walls(self) -> dict[int, list[np.ndarray]]:
        """Of the pieces that several regions hold in their closures: these regions' codes."""
        inside = self.witnesses[:, None]
        unsure = np.zeros(self.pieces, dtype=bool)
        if not self._varies_first:
            values, errors = self._inputs(inside, np.zeros_like(inside))
            unsure = self._doubts(values, errors) > 0
        elif len(self.network.program.layers) > 1:
            values, errors = self._inputs(inside, np.zeros_like(inside))
            unsure = self._doubts(values, errors, first=1) > 0
        unsure[np.isin(self._order, list(self._partition.exact_witnesses))] = True
        out = {}
        for i in np.flatnonzero(unsure).tolist():
            check()
            found = [a.code for a in islice(self._around(self._inside(i)), _MOST_AROUND + 1)]
            if len(found) > _MOST_AROUND:
                raise LimitError(
                    f"segment_path: piece {i} lies where more than {_MOST_AROUND:,} regions meet; "
                    "move an end a little"
                )
            if len(found) > 1:
                out[i] = found
        return out

    @cached_property
    def _varies_first(self) -> bool:
        """Whether no condition of the first layer can vanish along a piece.

        So it is if all its units are splines of members that vary along the segment.
        """
        layers = self.network.program.layers
        if not layers:
            return True
        first = whole_space(self.network.program, self._partition.domain.chart).first
        varies = np.zeros(len(first), dtype=bool)
        rows = np.repeat(np.arange(len(first)), np.diff(first.indptr))
        varies[rows[np.array([v != 0 for v in first.data.tolist()], dtype=bool)]] = True
        return not layers[0].units.compares and bool(varies.all())

    @cached_property
    def inside_wall(self) -> np.ndarray:
        """Whether a piece runs inside of a wall between regions; bool, shape (pieces,).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
        >>> es.segment_path(net, [0, -1], [0, 1]).inside_wall.tolist()  # along x0 = 0
        [True, True]
        """
        out = np.zeros(self.pieces, dtype=bool)
        out[list(self._walls)] = True
        return out

    def regions(self, piece: int) -> list[np.ndarray]:
        """The codes of all regions whose closures hold a piece; one, off walls.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
        >>> [code.tolist() for code in es.segment_path(net, [0, -1], [0, 1]).regions(0)]
        [[0, 0], [1, 0]]
        """
        place = self._checked(piece)
        return [code.copy() for code in self._walls.get(place, [self._codes[place]])]

    @cached_property
    def codes(self) -> np.ndarray:
        """Codes of the pieces, shape (pieces, units): each is that of a region of R^D.

        Inside of a wall it is the lowest of the codes on its sides.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [-1]]), es.ReLU()], (1,))
        >>> es.segment_path(net, [-1], [1]).codes.tolist()
        [[0, 1], [1, 0]]
        """
        out = self._codes.copy()
        for i, codes in self._walls.items():
            out[i] = codes[0]
        return out

    # --- Maps ---------------------------------------------------------------------------------

    def affine(self, piece: int, *, exact: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The network's map on a piece, f(x) = A x + b: arrays of shape (C, D) and (C,).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[2]], [1]), es.ReLU()], (1,))
        >>> A, b = es.segment_path(net, [-1], [1]).affine(1)
        >>> A.tolist(), b.tolist()
        ([[2.0]], [1.0])
        """
        place = self._checked(piece)
        if place not in self._maps:
            while len(self._maps) > 1:  # an event asks for two
                self._maps.pop(next(iter(self._maps)))
            code = self.codes[place].astype(np.int64)
            self._maps[place] = dense_fractions(program_map(self.network.program, code))
        A, b = self._maps[place]
        return (A.copy(), b.copy()) if exact else (nearest_floats(A), nearest_floats(b))

    def templates(self, piece: int, *, exact: bool = False) -> np.ndarray:
        """The templates on a piece, shape (C, *input_shape): the rows of A.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Flatten(), es.Dense([[1, 2, 3, 4]]), es.ReLU()], (1, 2, 2))
        >>> path = es.segment_path(net, [[[0, 0], [0, -1]]], [[[0, 0], [0, 1]]])
        >>> path.templates(1).tolist()
        [[[[1.0, 2.0], [3.0, 4.0]]]]
        """
        A, _ = self.affine(piece, exact=exact)
        return A.reshape(len(A), *self.network.input_shape)

    @cached_property
    def ranks(self) -> np.ndarray:
        """The exact rank of every event's change of A; int64, shape (events,).

        Notes
        -----
        Where one unit changes, A changes by v n^T with n the gradient of the condition that it
        crosses. The segment crosses it, so <n, b - a> is not zero, and the change is zero exactly
        if the outputs' derivatives along the segment are the same on both sides: residues modulo
        primes tell. Everywhere else it is the rank of a matrix of rationals.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
        >>> es.segment_path(net, [-1, -1], [1, 1]).ranks.tolist()  # through the corner
        [2]
        """
        out = np.zeros(len(self), dtype=np.int64)
        single = self._changed.sum(axis=1) == 1
        single &= ~(self.inside_wall[1:] | self.inside_wall[:-1])
        alone = np.flatnonzero(single)
        if len(alone):
            same = Equality(self._partition)(self._order[alone], self._order[alone + 1])
            out[alone] = ~same
        for i in np.flatnonzero(~single).tolist():
            check()
            out[i] = rank_of(self[i].change(exact=True).reshape(self.network.output_dim, -1))
        return out

    @cached_property
    def kinds(self) -> np.ndarray:
        """What every event crosses: "facet", "lower face" or "wall"; shape (events,).

        A facet lies between two regions. At a lower face more of them meet. "wall": the segment
        runs inside of a wall before the event or after it.

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1, 0], [0, 1]]), es.ReLU()], (2,))
        >>> es.segment_path(net, [-1, -1], [1, 1]).kinds.tolist()
        ['lower face']
        >>> es.segment_path(net, [-1, -2], [1, 1]).kinds.tolist()
        ['facet', 'facet']
        """
        pairs = [rounded(v) for v in self.exact_t]
        near = np.array(pairs, dtype=np.float64).reshape(-1, 2)
        values, errors = self._inputs(near[:, :1], near[:, 1:])
        single = self._doubts(values, errors) == 1  # no other condition vanishes there
        out = np.where(single, "facet", "lower face")
        for i in np.flatnonzero(~single).tolist():
            check()
            if len(list(islice(self._around(self.exact_t[i]), 3))) == 2:
                out[i] = "facet"
        out[self.inside_wall[1:] | self.inside_wall[:-1]] = "wall"
        return out

    def _checked(self, piece: int) -> int:
        place = piece + self.pieces if piece < 0 else piece
        if not 0 <= place < self.pieces:
            raise IndexError(f"piece {piece} of {self.pieces:,}")
        return int(place)

    def lengths(self) -> np.ndarray:
        """The share of the segment that every piece takes, float64, shape (pieces,).

        Examples
        --------
        >>> import exactspline as es
        >>> net = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU()], (1,))
        >>> es.segment_path(net, [-1], [3]).lengths().tolist()
        [0.25, 0.25, 0.5]
        """
        ends = [Fraction(0), *self.exact_t, Fraction(1)]
        return np.array([nearest_float(q - p) for p, q in pairwise(ends)], dtype=np.float64)
