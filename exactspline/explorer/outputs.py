"""What a network is on every face, in float64: for colours, and to see where classes may tie."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..partition.pieces.walk import Walker
from ..rationals import as_float
from ..search.facet_columns import code_hashes, hash_table

if TYPE_CHECKING:
    from ..cells.space import SearchSpace
    from ..compile.forms import Forms
    from ..compile.program import Program
    from ..partition.partition import Partition
    from .window import Polygons

__all__ = ["FaceColumns", "areas_and_centroids", "face_columns"]

_CODES = 1 << 24  # bytes of codes that are unpacked at once
_MOST_OUTPUTS = 12  # that have a colour each
_ROUNDING = 2.0**-52  # twice that of one operation


class FaceColumns:
    """One number a face.

    Attributes
    ----------
    columns : dict of str to array, shape (faces,)
        ``hash`` (of the code), ``active``, ``slope``, ``class``, ``output 0``, ...
    open : bool array, shape (faces,)
        Faces of which no bound proves that one class wins all over them.
    """

    def __init__(self, faces: int, outputs: int) -> None:
        self.columns: dict[str, np.ndarray] = {
            "hash": np.zeros(faces, dtype=np.uint16),
            "active": np.zeros(faces, dtype=np.uint16),
            "slope": np.zeros(faces, dtype=np.float32),
            "class": np.zeros(faces, dtype=np.uint16),
        }
        for c in range(min(outputs, _MOST_OUTPUTS)):
            self.columns[f"output {c}"] = np.zeros(faces, dtype=np.float32)
        self.open = np.ones(faces, dtype=bool)


def face_columns(
    partition: Partition, space: SearchSpace, polygons: Polygons, centroids: np.ndarray,
    *, ties: bool = True,
) -> FaceColumns:  # fmt: skip
    """Colours by code and by map, and (with ``ties``) which faces classes may tie on.

    Parameters
    ----------
    partition : Partition
    space : SearchSpace
        Whose coordinates the polygons have.
    polygons : Polygons
    centroids : float64 array, shape (faces, 2)
    """
    program = partition.network.program
    out = FaceColumns(len(partition), len(program.output))
    columns, table = out.columns, hash_table(program)
    maps = Walker(program, space.inputs)
    bounds = None
    if ties and _tame(program):
        bounds = Walker(_absolute(program), _absolute_forms(space.inputs))
    share = _ROUNDING * _terms(program, space.inputs)
    step = max(1, min(_CODES // max(1, program.n_units), 1 << 14))
    at = 0
    for codes in partition.iter_codes(step):
        here = slice(at, at + len(codes))
        at += len(codes)
        columns["hash"][here] = code_hashes(program, table, codes.astype(np.int64)) >> np.uint64(48)
        columns["active"][here] = np.minimum((codes > 0).sum(axis=1), 65535)
        rows = _rows(maps, codes)
        sums = None if bounds is None else _rows(bounds, codes)
        _colours(columns, here, rows, centroids[here])
        if sums is not None:
            out.open[here] = _may_tie(rows, share * sums, polygons, here)
    return out


def _colours(
    columns: dict[str, np.ndarray], here: slice, rows: np.ndarray, centroids: np.ndarray
) -> None:
    with np.errstate(all="ignore"):
        values = rows[:, :, 0] + np.einsum("nck,nk->nc", rows[:, :, 1:], centroids)
        a, b, c = (
            (rows[:, :, 1] ** 2).sum(axis=1),
            (rows[:, :, 1] * rows[:, :, 2]).sum(axis=1),
            (rows[:, :, 2] ** 2).sum(axis=1),
        )
        # the largest singular value of a matrix of two columns
        columns["slope"][here] = np.sqrt((a + c) / 2 + np.hypot((a - c) / 2, b))
        for i in range(values.shape[1]):
            if f"output {i}" in columns:
                columns[f"output {i}"][here] = values[:, i]
    if values.shape[1] == 1:
        columns["class"][here] = values[:, 0] > 0
    else:
        columns["class"][here] = np.minimum(values.argmax(axis=1), 65535)


def _may_tie(rows: np.ndarray, bounds: np.ndarray, polygons: Polygons, here: slice) -> np.ndarray:
    """Faces on which no bound proves that one class is the greatest, at all of their corners.

    Maps are affine and faces are convex, so that what wins at all corners wins on the face.
    """
    n = len(rows)
    if rows.shape[1] == 1:  # the greater of 0 and f
        rows, bounds = (np.concatenate([np.zeros_like(v), v], axis=1) for v in (rows, bounds))
    start = polygons.start[here.start : here.start + n + 1]
    counts = np.diff(start)
    sides = slice(int(start[0]), int(start[-1]))
    face = np.repeat(np.arange(n), counts)
    points, error = (v[polygons.origin[sides]] for v in (polygons.xy, polygons.error))
    size = np.abs(points) + error[:, None]
    values, off = (np.empty((len(face), rows.shape[1])) for _ in range(2))
    with np.errstate(all="ignore"):
        for c in range(rows.shape[1]):
            own, room = rows[face, c], bounds[face, c]
            values[:, c] = own[:, 0] + own[:, 1] * points[:, 0] + own[:, 2] * points[:, 1]
            off[:, c] = (
                room[:, 0] + room[:, 1] * size[:, 0] + room[:, 2] * size[:, 1]
                + (np.abs(own[:, 1]) + np.abs(own[:, 2])) * error
            )  # fmt: skip
        first = np.minimum(start[:-1] - start[0], max(0, len(face) - 1))
        winner = values[first].argmax(axis=1)[face] if len(face) else face
        at = np.arange(len(face))
        best = values[at, winner] - off[at, winner]
        others = values + off
        others[at, winner] = -np.inf
        sure = best > others.max(axis=1, initial=-np.inf)
    return np.asarray(np.bincount(face, weights=~sure, minlength=n) > 0) | (counts == 0)


def _rows(walker: Walker, codes: np.ndarray) -> np.ndarray:
    """The outputs as rows over (1, s, t), shape (codes, outputs, 3)."""
    last = len(walker.program.layers)
    out = np.empty((len(codes), len(walker.program.output), 3))
    with np.errstate(all="ignore"):
        for block in walker.blocks(codes):
            if block.level == last:
                out[block.starts[0] : block.stop] = block.members.transpose(1, 0, 2)
    return out


def _absolute_forms(forms: Forms) -> Forms:
    return replace(forms, data=np.abs(forms.data), const=np.abs(forms.const))


def _absolute(program: Program) -> Program:
    """The program with absolute values for parameters: its maps are sums of absolute products.

    What rounding can spoil of a coefficient is a share of that sum.
    """
    layers = []
    for layer in program.layers:
        units = replace(
            layer.units,
            piece_slope=np.abs(layer.units.piece_slope),
            piece_offset=np.abs(layer.units.piece_offset),
        )
        layers.append(replace(layer, members=_absolute_forms(layer.members), units=units))
    return replace(program, layers=tuple(layers), output=_absolute_forms(program.output))


def _terms(program: Program, inputs: Forms) -> int:
    """So many roundings lie on the way to an output, at most."""
    levels = [inputs, *(layer.members for layer in program.layers), program.output]
    return sum(int(np.diff(forms.indptr).max(initial=0)) + 4 for forms in levels)


def _tame(program: Program) -> bool:
    """Whether no product along the network can leave the range of float64."""
    room = 900.0 / (2 * len(program.layers) + 2)
    for array in _parameters(program):
        values, error = as_float(array)
        size = np.abs(values[values != 0])
        if not np.isfinite(values).all() or (error is not None and not np.isfinite(error).all()):
            return False
        if len(size) and max(-math.log2(float(size.min())), math.log2(float(size.max()))) > room:
            return False
        if error is not None and np.any((values == 0) & (error > 0)):
            return False
    return True


def _parameters(program: Program) -> Iterator[Any]:
    yield from (program.output.data, program.output.const)
    for layer in program.layers:
        yield from (layer.members.data, layer.members.const)
        yield from (layer.units.piece_slope, layer.units.piece_offset)


def areas_and_centroids(polygons: Polygons) -> tuple[np.ndarray, np.ndarray]:
    """Of all polygons, from rounded corners; the mean of the corners where the area is lost."""
    start, counts = polygons.start, np.diff(polygons.start)
    n, there = len(counts), counts > 0
    first = np.repeat(start[:-1], counts)
    base = polygons.xy[polygons.origin[first]] if len(first) else np.zeros((0, 2))
    xy = polygons.xy[polygons.origin] - base  # small numbers: less is lost
    following = np.arange(1, len(xy) + 1)
    following[start[1:][there] - 1] = start[:-1][there]
    behind = xy[following] if len(xy) else xy
    face = np.repeat(np.arange(n), counts)
    turns = xy[:, 0] * behind[:, 1] - xy[:, 1] * behind[:, 0]
    areas = np.bincount(face, weights=turns, minlength=n) / 2
    centroids = np.zeros((n, 2))
    corner = np.zeros((n, 2))
    corner[there] = polygons.xy[polygons.origin[start[:-1][there]]]
    with np.errstate(all="ignore"):
        for k in range(2):
            moment = np.bincount(face, weights=turns * (xy[:, k] + behind[:, k]), minlength=n)
            centre = moment / (6 * areas)
            mean = np.bincount(face, weights=xy[:, k], minlength=n) / np.maximum(counts, 1)
            reach = np.zeros(n)
            np.maximum.at(reach, face, np.abs(xy[:, k]))
            lost = ~(np.abs(centre) <= reach)
            centroids[:, k] = corner[:, k] + np.where(lost, mean, centre)
    return areas, centroids
