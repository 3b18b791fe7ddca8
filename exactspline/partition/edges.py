"""The adjacency of regions in columns: one row an edge, and the facets on the domain's border."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from ..exact.facets import Facet
from ..exact.lp import Row, q, value_at

if TYPE_CHECKING:
    from .partition import Partition

__all__ = ["Borders", "Edges"]


class Edges:
    """The facets between regions, each once, sorted by ``source`` and then ``target``.

    Attributes
    ----------
    source, target : int64 arrays, shape (edges,)
        Ids of the two regions, ``source < target``.
    unit : int32 array, shape (edges,)
        The first unit whose piece differs; `flips` names all of them (several where
        hyperplanes coincide).
    layer, form : int32 arrays, shape (edges,)
        The facet's hyperplane: where condition form ``form`` of that layer of the program
        vanishes, for the code of ``source``.
    sign : int8 array, shape (edges,)
        ``sign`` times the form is positive in ``source``.
    """

    def __init__(
        self, partition: Partition, source: np.ndarray, target: np.ndarray, unit: np.ndarray,
        layer: np.ndarray, form: np.ndarray, sign: np.ndarray, beyond: np.ndarray,
        flip_start: np.ndarray, flip_unit: np.ndarray, flip_piece: np.ndarray,
        exact: dict[int, tuple[Fraction, ...]],
    ) -> None:  # fmt: skip
        self._partition = partition
        self.source, self.target, self.unit = source, target, unit
        self.layer, self.form, self.sign = layer, form, sign
        self._beyond = beyond
        self._flip_start, self._flip_unit, self._flip_piece = flip_start, flip_unit, flip_piece
        self._exact = exact

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"<Edges: {len(self):,} between {len(self._partition):,} regions>"

    def flips(self, edge: int) -> tuple[tuple[int, int], ...]:
        """The units whose piece differs across an edge, with the piece in ``target``."""
        at = slice(int(self._flip_start[edge]), int(self._flip_start[edge + 1]))
        return tuple(
            zip(self._flip_unit[at].tolist(), self._flip_piece[at].tolist(), strict=True)
        )

    def row(self, edge: int) -> Row:
        """The facet's form over the domain's coordinates, constant first; > 0 in ``source``."""
        forms = self._partition._exact_forms
        code = self._partition.code(int(self.source[edge]))
        row = forms.form(int(self.layer[edge]), int(self.form[edge]), code)
        return row if self.sign[edge] > 0 else [-v for v in row]

    def normal(self, edge: int) -> tuple[Fraction, ...]:
        """The facet's normal in the domain's coordinates, exactly; it points into ``target``."""
        return tuple(Fraction(-int(v.p), int(v.q)) for v in self.row(edge)[1:])

    def witness(self, edge: int) -> tuple[Fraction, ...]:
        """A point in the facet's relative interior, exactly, in the domain's coordinates.

        It is where the segment from the witness of ``source`` to a point proved beyond this
        facet, and beyond no other one of the region, meets the hyperplane.
        """
        if edge in self._exact:
            return self._exact[edge]
        row = self.row(edge)
        inside = [q(v) for v in self._partition.witness(int(self.source[edge]))]
        outside = [q(float(v)) for v in self._beyond[edge]]
        here, there = value_at(row, inside), value_at(row, outside)
        share = here / (here - there)
        point = [a + share * (b - a) for a, b in zip(inside, outside, strict=True)]
        return tuple(Fraction(int(v.p), int(v.q)) for v in point)


class Borders:
    """The facets of regions in the domain's border, sorted by region and side.

    Attributes
    ----------
    region : int64 array, shape (facets,)
    side : int32 array, shape (facets,)
        Which inequality of the domain: `Partition.side` describes it.
    """

    def __init__(self, region: np.ndarray, side: np.ndarray) -> None:
        self.region, self.side = region, side

    def __len__(self) -> int:
        return len(self.region)


def exact_edges(partition: Partition) -> tuple[Edges, Borders]:
    """Both, by rational arithmetic alone: slow, and the reference of everything faster."""
    from ..exact.facets import facets_of_region

    forms = partition._exact_forms
    ids = {code.tobytes(): i for i, code in enumerate(partition.codes)}
    found: list[tuple[int, int, tuple[tuple[int, int], ...], Facet]] = []
    borders: list[tuple[int, int]] = []
    for i, code in enumerate(partition.codes):
        for facet in facets_of_region(forms, code, [q(v) for v in partition.witness(i)]):
            if facet.condition.side >= 0:
                borders.append((i, facet.condition.side))
                continue
            other = code.copy()
            for unit, piece in facet.flips:
                other[unit] = piece
            j = ids.get(other.tobytes())
            if j is not None and i < j:
                found.append((i, j, facet.flips, facet))
    found.sort(key=lambda e: e[:2])
    counts = [len(e[2]) for e in found]
    facets: list[Facet] = [e[3] for e in found]
    edges = Edges(
        partition,
        np.array([e[0] for e in found], dtype=np.int64),
        np.array([e[1] for e in found], dtype=np.int64),
        np.array([e[2][0][0] for e in found], dtype=np.int32),
        np.array([f.condition.layer for f in facets], dtype=np.int32),
        np.array([f.condition.form for f in facets], dtype=np.int32),
        np.array([f.condition.sign for f in facets], dtype=np.int8),
        np.zeros((len(found), partition.domain.chart.dim)),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([u for e in found for u, _ in e[2]], dtype=np.int32),
        np.array([p for e in found for _, p in e[2]], dtype=np.int32),
        {
            i: tuple(Fraction(int(v.p), int(v.q)) for v in f.point)
            for i, f in enumerate(facets)
        },
    )
    region, side = np.array(borders, dtype=np.int64).reshape(-1, 2).T
    return edges, Borders(region.copy(), side.astype(np.int32))
