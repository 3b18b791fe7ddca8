"""The polygons of regions from their facets: the way without a search of the plane."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import exactspline as es
from exactspline.cells.forms import ExactForms
from exactspline.cells.space import SearchSpace
from exactspline.polyhedra.lp import Row, float_of
from exactspline.polyhedra.planar import AT_INFINITY, cyclic, meet
from exactspline.search.facet_columns import code_hashes, hash_table
from exactspline.search.polygons import IDEAL, SIDE, PlaneFaces

Side = tuple[Row, int, int, int, int, int]  # row, unit, piece, form, sign, target


def faces_from_facets(partition: es.Partition, space: SearchSpace) -> PlaneFaces:
    """The polygons of all regions by their edges and borders; exact and slow."""
    program, edges, borders = partition.network.program, partition.edges, partition.borders
    forms, codes = ExactForms(program, space), partition.codes.astype(np.int64)
    hashes = code_hashes(program, hash_table(program), codes)
    sides: list[list[Side]] = [[] for _ in range(len(partition))]
    for region, side in zip(borders.region.tolist(), borders.side.tolist(), strict=True):
        sides[region].append((forms.domain_rows[side], SIDE, 0, side, 1, 0))
    for e in range(len(edges)):
        source, target, unit = int(edges.source[e]), int(edges.target[e]), int(edges.unit[e])
        layer, form = edges.form_of(e)
        row, sign = forms.form(layer, form, codes[source]), int(edges.sign[e])
        form += int(program.form_start[layer])
        row = row if sign > 0 else [-v for v in row]
        sides[source].append((row, unit, int(codes[target, unit]), form, sign, int(hashes[target])))
        sides[target].append(
            ([-v for v in row], unit, int(codes[source, unit]), form, -sign, int(hashes[source]))
        )
    return polygons(sides, hashes)


def polygons(sides: list[list[Side]], hashes: np.ndarray) -> PlaneFaces:
    """Polygons of faces whose sides are given, in any order."""
    rows, start = [], [0]
    for own in sides:
        order = cyclic([side[0] for side in own]) if own else []
        rows += [(AT_INFINITY, IDEAL, 0, 0, 0, 0) if i < 0 else own[i] for i in order]
        start.append(len(rows))
    corner = np.zeros((len(rows), 3))
    for first, last in pairwise(start):
        for i in range(first, last):
            w, x, y = meet(rows[i - 1 if i > first else last - 1][0], rows[i][0])
            size = w if w != 0 else max(abs(x), abs(y))
            corner[i] = float_of(x / size), float_of(y / size), float(w != 0)
    return PlaneFaces(
        np.array(start, dtype=np.int64), corner, np.full(len(rows), np.inf),
        np.array([row[1] for row in rows], dtype=np.int32),
        np.array([row[2] for row in rows], dtype=np.int32),
        np.array([row[3] for row in rows], dtype=np.int64),
        np.array([row[4] for row in rows], dtype=np.int8),
        hashes, np.array([row[5] for row in rows], dtype=np.uint64),
    )  # fmt: skip
