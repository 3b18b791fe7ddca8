"""What `matching` and `joining` do, compiled: one pass over half-edges instead of some thirty.

Only where no two regions share a hash and every side has one other half: what is less plain is
left to the plain functions, which tell what is wrong as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...kernels import compiled, stamp

__all__ = ["CORNERS", "EDGES", "IDEALS", "gather", "join"]

_IDEAL = -2  # of `PlaneFaces.unit`
CORNERS, IDEALS, EDGES = 0, 1, 2  # what is counted
_A, _B = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


def _join(start, unit, corner, error, hashes, target, table, known, links, room, counts):  # type: ignore[no-untyped-def]
    """Match half-edges, join corners, number corners and edges; see `joining.Columns`.

    Parameters
    ----------
    start, unit, corner, error, hashes, target : arrays
        As in `PlaneFaces`.
    table : int32 array
        All -1, a power of two, at least twice as many as half-edges.
    known : int32 array
        The same for the faces.
    links : int32 array, shape (3, half-edges)
        For origin, twin, edge.
    room : int32 array, shape (6, half-edges)
        For face and next; half and right; corners' and ideal corners' half-edges.
    counts : int64 array, shape (3,)

    Returns
    -------
    bool
        False where plain functions must do it.
    """
    faces, n = len(start) - 1, len(unit)
    origin, twin, edge = links[0], links[1], links[2]
    face, after, half, right, near, far = room[0], room[1], room[2], room[3], room[4], room[5]
    mask = np.uint64(len(known) - 1)
    for f in range(faces):
        value = hashes[f]
        slot = ((value ^ (value >> _B)) * _A >> _B) & mask
        while known[slot] >= 0:
            if hashes[known[slot]] == value:
                return False
            slot = (slot + np.uint64(1)) & mask
        known[slot] = f
        for h in range(start[f], start[f + 1]):
            face[h], after[h], twin[h], edge[h], origin[h] = f, h + 1, -1, -1, n
        if start[f + 1] > start[f]:
            after[start[f + 1] - 1] = start[f]
    mask, open_ = np.uint64(len(table) - 1), 0
    for h in range(n):
        if unit[h] < 0:
            continue
        own, other = hashes[face[h]], target[h]
        # the same of both halves
        key = (own ^ (own >> _B)) * _A + (other ^ (other >> _B)) * _A
        slot = ((key ^ (key >> _B)) * _A >> _B) & mask
        open_ += 1
        while table[slot] >= 0:
            g = table[slot]
            if target[g] == own and hashes[face[g]] == other:
                if twin[g] >= 0:
                    return False
                twin[g], twin[h] = h, g
                open_ -= 2
                break
            slot = (slot + np.uint64(1)) & mask
        if twin[h] < 0:
            table[slot] = h
    if open_:
        return False
    n_corners = n_ideal = n_edges = 0
    for h in range(n):
        if origin[h] == n:  # a new corner: go around it one way, then the other
            ideal = corner[h, 2] == 0.0
            number, best, g = (-1 - n_ideal if ideal else n_corners), h, h
            while g >= 0 and origin[g] == n:
                if (corner[g, 2] == 0.0) != ideal:
                    return False
                origin[g] = number
                if error[g] < error[best] or (error[g] == error[best] and g < best):
                    best = g
                g = after[twin[g]] if twin[g] >= 0 else -1
            g = h
            while True:
                before = g - 1 if g > start[face[g]] else start[face[g] + 1] - 1
                g = twin[before]
                if g < 0 or origin[g] != n:
                    break
                if (corner[g, 2] == 0.0) != ideal:
                    return False
                origin[g] = number
                if error[g] < error[best] or (error[g] == error[best] and g < best):
                    best = g
            if ideal:
                far[n_ideal] = h
                n_ideal += 1
            else:
                near[n_corners], table[n_corners] = best, h
                n_corners += 1
        if unit[h] != _IDEAL and (twin[h] < 0 or twin[h] > h):
            edge[h], half[n_edges] = n_edges, h
            right[n_edges] = -1
            if twin[h] >= 0:
                edge[twin[h]], right[n_edges] = n_edges, face[twin[h]]
            n_edges += 1
    counts[CORNERS], counts[IDEALS], counts[EDGES] = n_corners, n_ideal, n_edges
    return True


def _gather(corner, error, unit, form, sign, half, near, units, forms, signs, xy, errors):  # type: ignore[no-untyped-def]
    """Take what edges and corners have out of the columns of their half-edges.

    Parameters
    ----------
    corner, error, unit, form, sign : arrays
        As in `PlaneFaces`.
    half, near : int32 arrays
        The half-edges that edges and corners take it from.
    units, forms, signs, xy, errors : arrays
        What is taken.
    """
    for e in range(len(half)):
        h = half[e]
        units[e], forms[e], signs[e] = unit[h], form[h], sign[h]
    for i in range(len(near)):
        h = near[i]
        xy[i, 0], xy[i, 1] = corner[h, 0] / corner[h, 2], corner[h, 1] / corner[h, 2]
        errors[i] = error[h]


_OPTIONS = {"error_model": "numpy", "nogil": True, "_nrt": False}
_fresh = stamp(Path(__file__).parent, ("kernel",))
join = compiled(_join, _fresh, _OPTIONS, bare=True)
gather = compiled(_gather, _fresh, _OPTIONS, bare=True)
