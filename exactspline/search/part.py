"""Parts of a search tree, told by codes alone: any engine anywhere can search them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UndecidedError

__all__ = [
    "INSIDE", "ON_THE_WAY", "OUTSIDE", "WHOLE", "Part", "check_order", "following", "successor",
]  # fmt: skip

OUTSIDE, ON_THE_WAY, INSIDE = -1, 0, 1


@dataclass(frozen=True)
class Part:
    """The regions whose codes begin with ``begin[:depth]`` and are not before ``begin``.

    A code is not before ``begin`` if its first ``len(begin)`` pieces are not, in lexicographic
    order. This says which regions belong to a part without a word on how they are found, so
    that parts of one tree never overlap, whoever searches them.

    Parameters
    ----------
    begin : tuple of int
        Pieces of the first units.
    depth : int
        How many of them are fixed.
    weight : float
        The share of the whole tree that the part is thought to be; for progress only.
    """

    begin: tuple[int, ...] = ()
    depth: int = 0
    weight: float = 1.0

    def place(self, prefix: Sequence[int] | np.ndarray) -> int:
        """Where the codes with these first pieces are: in the part, out of it, or some of each.

        Returns
        -------
        int
            ``INSIDE``, ``OUTSIDE``, or ``ON_THE_WAY`` (to ``begin``: the prefix is one of it).
        """
        begin = self.begin
        n = min(len(prefix), len(begin))
        given = prefix[:n].tolist() if isinstance(prefix, np.ndarray) else list(prefix[:n])
        wanted = list(begin[:n])
        if given == wanted:
            return INSIDE if len(prefix) >= len(begin) else ON_THE_WAY
        at = next(i for i in range(n) if given[i] != wanted[i])
        return INSIDE if at >= self.depth and given[at] > wanted[at] else OUTSIDE


WHOLE = Part()


def check_order(part: Part, before: np.ndarray | None, code: np.ndarray) -> None:
    """Refuse a region out of its place: not of its part, or not behind the one before.

    Parameters
    ----------
    part : Part
    before : array, optional
        The code of the region that came last; None if there was none.
    code : array
    """
    if before is None:
        ordered = part == WHOLE or part.place(code) == INSIDE
    else:
        at = int(np.argmax(before != code))
        ordered = bool(before[at] < code[at])
    if not ordered:
        raise UndecidedError(
            "search: a region came out of its place; this is a defect of exactspline, please "
            "report it with the network (engine='rational' does without this search)"
        )


def successor(code: Sequence[int] | np.ndarray, pieces: Sequence[int]) -> tuple[int, ...] | None:
    """The shortest ``begin`` that leaves out a code and all before it; None after the last.

    Examples
    --------
    >>> successor([0, 1, 1], [2, 2, 2])
    (1,)
    >>> successor([1, 1], [2, 2]) is None
    True
    """
    for unit in range(len(code) - 1, -1, -1):
        if code[unit] + 1 < pieces[unit]:
            return (*(int(v) for v in code[:unit]), int(code[unit]) + 1)
    return None


def following(
    begin: tuple[int, ...],
    last: np.ndarray | None,
    pieces: Sequence[int],
    depth: int,
    weight: float,
) -> list[Part]:
    """The part that fixes ``begin[:depth]`` and goes on after a region; none if it is over.

    Parameters
    ----------
    begin : tuple of int
        Where to go on if there was no region yet.
    last : array, optional
        The code of the last region.
    pieces : sequence of int
        Number of pieces of every unit.
    depth : int
    weight : float
    """
    start = begin if last is None else successor(last, pieces)
    if start is None or start[:depth] != begin[:depth]:
        return []
    return [Part(start, depth, weight)]
