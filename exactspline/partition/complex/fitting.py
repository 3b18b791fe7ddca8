"""What `matching.check_codes` and `border.check_border` ask, compiled: whether all is well.

Where it is not, the plain functions are asked, which tell what is wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...kernels import compiled, stamp
from ...search.polygons import IDEAL, SIDE
from .border import ROUNDING, TINY

__all__ = ["fits"]

_IDEAL, _SIDE, _ROUNDING, _TINY = IDEAL, SIDE, ROUNDING, TINY


def _fits(start, after, links, right, unit, piece, form, corner, error, packed, bits, rows):
    """Whether codes differ as edges say, and the border is the domain's.

    Parameters
    ----------
    start, unit, piece, form, corner, error : arrays
        As in `PlaneFaces`.
    after : int32 array, shape (half-edges,)
        The next half-edge of the face.
    links : int32 array, shape (3, half-edges)
        Origin, twin, edge, as in `joining.Columns`.
    right : int32 array, shape (edges,)
        As in `joining.Columns`.
    packed : uint8 array, shape (faces, bytes)
        Codes as bits.
    bits : int64 array, shape (3, bits)
        Whose unit's bit each is, the first bit of that unit, and the one behind its last.
    rows : float64 array, shape (sides, 4)
        The domain's sides as (constant, slopes), in float64; NaN where that says nothing. Then 0,
        for how often a side begins.
    """
    twin, edge = links[1], links[2]
    first, border = -1, 0
    for f in range(len(start) - 1):
        for h in range(start[f], start[f + 1]):
            t = twin[h]
            if t > h:
                g, at = right[edge[h]], np.int64(0)
                while at < packed.shape[1] and packed[f, at] == packed[g, at]:
                    at += 1
                if at == packed.shape[1]:
                    return False
                apart, bit = np.int64(packed[f, at]) ^ np.int64(packed[g, at]), 8 * at
                while apart < 128:
                    apart = (apart << 1) & 255
                    bit += 1
                own = other = np.int64(0)
                for b in range(bits[2, bit] - bits[1, bit]):
                    at = bits[1, bit] + b
                    own |= ((np.int64(packed[f, at >> 3]) >> (7 - (at & 7))) & 1) << b
                    other |= ((np.int64(packed[g, at >> 3]) >> (7 - (at & 7))) & 1) << b
                if unit[h] != bits[0, bit] or unit[t] != bits[0, bit]:
                    return False
                if piece[t] != own or piece[h] != other:
                    return False
            elif t < 0:
                border += 1
                if first < 0:
                    first = h
    if border == 0:
        return len(twin) == 0
    here, last, begin, seen = np.int64(first), np.int64(-2), np.int64(-2), 0
    while True:  # once around the domain
        side = np.int64(-1)
        if unit[here] == _SIDE:
            side = form[here]
            if side < 0 or side >= len(rows):
                return False
            row = rows[side]
            for n in range(2):
                end = here if n == 0 else np.int64(after[here])
                w, x, y = corner[end, 2], corner[end, 0], corner[end, 1]
                size = abs(row[0] * w) + abs(row[1] * x) + abs(row[2] * y)
                off = abs(row[0] * w + row[1] * x + row[2] * y)
                room = _ROUNDING * size + (abs(row[1]) + abs(row[2])) * error[end]
                room += _TINY * (1.0 + abs(x) + abs(y))
                if w > 0.0 and size < np.inf and off > room:
                    return False
        elif unit[here] != _IDEAL:
            return False
        if side != last and seen > 0 and side >= 0:
            rows[side, 3] += 1.0
        if seen == 0:
            begin = side
        last, seen = side, seen + 1
        here = np.int64(after[here])
        while twin[here] >= 0:  # around the corner, to the border again
            here = np.int64(after[twin[here]])
        if here == first or seen > border:
            break
    if begin >= 0 and begin != last:
        rows[begin, 3] += 1.0
    for n in range(len(rows)):
        if rows[n, 3] > 1.0:
            return False
    return seen == border


fits = compiled(
    _fits, stamp(Path(__file__).parent, ("fitting", "border")),
    {"error_model": "numpy", "nogil": True, "_nrt": False}, bare=True,
)  # fmt: skip
