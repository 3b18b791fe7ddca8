"""Which two sides are one: the half-edges of an interior edge, found by hashes and proved.

*Face to face.* Every side of a region that is not in the domain's border is a whole side of one
other region: the closures of regions form a complex (`partition.faces.faces` has the proof), so no
corner of a region lies inside a side of another one.

*Which region.* The code across a side was found exactly by who made the sides; its hash is what
is left of it. The partition is complete, so it is the code of some region. If all regions' hashes
differ, that is the only one with this hash: the hash then decides. Where hashes of regions agree,
the code across is computed again, in rationals, and compared. Two convex sets have at most one
side in common, so the pair of regions tells the pair of half-edges.

What is left of the codes (the first unit that changes, and its piece across) is compared with
the codes of every pair, both ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from ...cells.facets import beyond
from ...errors import UndecidedError
from ...search.polygons import PlaneFaces

if TYPE_CHECKING:
    from ..columns.packed import PackedCodes
    from .exact import ExactSides

__all__ = ["check_codes", "matched", "refuse"]


def refuse(what: str) -> NoReturn:
    """Refuse polygons that do not fit together."""
    raise UndecidedError(
        f"complex: {what}; this is a defect of exactspline, please report it with the network"
    )


def matched(
    faces: PlaneFaces, face: np.ndarray, codes: PackedCodes, sides: ExactSides
) -> np.ndarray:
    """The other half-edge of every interior edge; -1 in the border and at infinity.

    Parameters
    ----------
    faces : PlaneFaces
    face : int32 array, shape (half-edges,)
        Whose half-edges they are.
    codes : PackedCodes
        Of the regions.
    sides : ExactSides

    Raises
    ------
    UndecidedError
        If they do not fit together.
    """
    inner = np.flatnonzero(faces.unit >= 0).astype(np.int32)
    own, target = faces.hashes[face[inner]], faces.target[inner]
    key = _mixed(faces.hashes)[face[inner]] + _mixed(target)  # the same for both halves of an edge
    order = np.argsort(key)
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    sizes = np.diff(np.append(first, len(key)))
    twin = np.full(len(faces.unit), -1, dtype=np.int32)
    pairs = first[sizes == 2]
    a, b = order[pairs], order[pairs + 1]
    swapped = (own[a] == target[b]) & (own[b] == target[a])
    a, b = inner[a[swapped]], inner[b[swapped]]
    twin[a], twin[b] = b, a
    ordered = np.sort(faces.hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    unsure = twin[inner] < 0
    if len(repeated):
        unsure |= np.isin(target, repeated) | np.isin(own, repeated)
    if np.any(unsure):
        _match_by_codes(faces, face, codes, sides, twin, inner[unsure])
    if np.any(twin[inner] < 0):
        refuse("a side of a region is no side of the region across")
    return twin


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """Hashes stirred: neighbours' ones differ by an exclusive or, which sums would partly lose."""
    out = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return out ^ (out >> np.uint64(29))


def check_codes(faces: PlaneFaces, face: np.ndarray, codes: PackedCodes, twin: np.ndarray) -> None:
    """Refuse edges whose two regions do not differ first as they say, both ways."""
    a = np.flatnonzero(twin > np.arange(len(twin), dtype=np.int32)).astype(np.int32)
    b = twin[a]
    unit, piece, other = codes.first_differences(face[a], face[b])
    good = (faces.unit[a] == unit) & (faces.unit[b] == unit)
    good &= (faces.piece[b] == piece) & (faces.piece[a] == other)
    if not np.all(good):
        refuse("the codes of two regions do not differ as a side between them says")


def _match_by_codes(
    faces: PlaneFaces, face: np.ndarray, codes: PackedCodes, sides: ExactSides,
    twin: np.ndarray, unsure: np.ndarray,
) -> None:  # fmt: skip
    """Match half-edges of regions whose hashes are not their own, by the exact code across."""
    regions: dict[int, list[int]] = {}
    for region, value in enumerate(faces.hashes.tolist()):
        regions.setdefault(value, []).append(region)
    known: dict[tuple[int, int], int] = {}
    for h in unsure.tolist():
        region = int(face[h])
        code = codes.take(np.array([region]))[0].astype(np.int64)
        point, outwards = sides.middle(h)
        across = code.copy()
        for unit, piece in beyond(sides.forms, code, point, outwards):
            across[unit] = piece
        there = [
            other
            for other in regions.get(int(faces.target[h]), [])
            if np.array_equal(codes.take(np.array([other]))[0], across)
        ]
        if len(there) != 1 or (region, there[0]) in known:
            refuse("a side leads to a code that no region has")
        known[region, there[0]] = h
    for (region, other), h in known.items():
        twin[h] = known.get((other, region), -1)
