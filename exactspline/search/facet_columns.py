"""Facets as engines hand them over, in columns; and the hash that leads from code to region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from ..cells.facets import Facet
from ..compile.program import Program
from ..rationals import fractions

__all__ = ["FoundFacets", "code_hashes", "exact_facets", "first_pieces", "hash_table"]

Point = tuple[Fraction, ...]


@dataclass
class FoundFacets:
    """Facets of the regions of one batch.

    A facet between two regions is written once, by the region that comes first; the other one
    only counts it in ``down``. Regions are numbered from the start of the run.

    Attributes
    ----------
    hashes : uint64 array, shape (regions,)
        Of the codes of the batch's regions.
    down : int array, shape (regions,)
        Facets to earlier regions.
    region, target, unit, piece, form, sign : arrays, shape (edges,)
        ``target`` is the hash of the code across; ``unit`` the first unit that changes and
        ``piece`` its piece across; ``form`` the facet's form, numbered through all layers.
    point : float64 array, shape (edges, d)
        Beyond this facet of the region and no other one.
    exact : dict
        For edges without such a point: a rational one in the facet's relative interior.
    flip_edge, flip_unit, flip_piece : arrays
        Further units that change, by increasing edge and unit.
    border_region, border_side : arrays
    """

    hashes: np.ndarray
    down: np.ndarray
    region: np.ndarray
    target: np.ndarray
    unit: np.ndarray
    piece: np.ndarray
    form: np.ndarray
    sign: np.ndarray
    point: np.ndarray
    flip_edge: np.ndarray
    flip_unit: np.ndarray
    flip_piece: np.ndarray
    border_region: np.ndarray
    border_side: np.ndarray
    exact: dict[int, Point] = field(default_factory=dict)


def hash_table(program: Program) -> np.ndarray:
    """One random number a piece of every unit, layer by layer; one more begins every hash.

    The same array at every call: it is not to be written to.
    """

    def make() -> np.ndarray:
        pieces = sum(int(layer.units.piece_start[-1]) for layer in program.layers)
        return np.random.default_rng(20).integers(1, 2**64, size=pieces + 1, dtype=np.uint64)

    return program.kept.of("hash table", make)


def first_pieces(program: Program) -> np.ndarray:
    """Per unit the number of its piece 0 in the table."""
    starts, before = [], 0
    for layer in program.layers:
        starts.append(layer.units.piece_start[:-1] + before)
        before += int(layer.units.piece_start[-1])
    return np.concatenate(starts) if starts else np.zeros(0, dtype=np.int64)


def code_hashes(program: Program, table: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Hashes of codes, shape (n, units): the exclusive or of their pieces' numbers."""
    numbers = table[first_pieces(program) + codes]
    return np.bitwise_xor.reduce(numbers, axis=1) ^ table[-1]


def exact_facets(
    program: Program, table: np.ndarray, number: int, code: np.ndarray, facets: Sequence[Facet]
) -> FoundFacets:
    """The facets of one region that were found in rational arithmetic."""
    form_at = program.form_start
    upper = [f for f in facets if f.flips and f.flips[0][1] > code[f.flips[0][0]]]
    borders = [f.condition.side for f in facets if not f.flips]
    others = np.repeat(code[None], len(upper), axis=0).astype(np.int64)
    extra: list[tuple[int, int, int]] = []
    for e, facet in enumerate(upper):
        for i, (unit, piece) in enumerate(facet.flips):
            others[e, unit] = piece
            if i:
                extra.append((e, unit, piece))
    dim = len(facets[0].point) if facets else 0
    flips = np.array(extra, dtype=np.int64).reshape(-1, 3)
    return FoundFacets(
        code_hashes(program, table, code[None]),
        np.array([len(facets) - len(upper) - len(borders)], dtype=np.int64),
        np.full(len(upper), number, dtype=np.int64),
        code_hashes(program, table, others),
        np.array([f.flips[0][0] for f in upper], dtype=np.int32),
        np.array([f.flips[0][1] for f in upper], dtype=np.int32),
        np.array([form_at[f.condition.layer] + f.condition.form for f in upper], dtype=np.int64),
        np.array([f.condition.sign for f in upper], dtype=np.int8),
        np.zeros((len(upper), dim)),
        flips[:, 0], flips[:, 1], flips[:, 2],
        np.full(len(borders), number, dtype=np.int64),
        np.array(borders, dtype=np.int32),
        {e: fractions(f.point) for e, f in enumerate(upper)},
    )  # fmt: skip
