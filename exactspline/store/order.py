"""What has been found and what remains, in the order of codes: nothing stands in two places.

A *stretch* is a set of consecutive codes: those from the first to the last region of a chunk, or
those of a part that remains. Codes are compared as bytes (`code_key`), which are ordered as codes.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from ..compile.program import Program
from ..search.packing import code_type
from ..search.part import Part
from ..tasks.chunk import code_key

__all__ = ["Stretch", "are_apart", "are_within", "of_part"]


class Stretch(NamedTuple):
    """Consecutive codes: not before ``begin``, and not after ``end`` or beginning with it."""

    begin: bytes
    end: bytes


def of_part(part: Part, program: Program) -> Stretch:
    """The codes of a part."""
    begin = code_key(part.begin, program)
    return Stretch(begin, begin[: part.depth * code_type(program.pieces).itemsize])


def are_apart(stretches: Iterable[Stretch]) -> bool:
    """Whether stretches that are sorted by their beginnings have no code in common.

    A stretch that begins behind another one's end, not with it, has nothing of it; and where that
    holds for neighbours, it holds for all.
    """
    return all(b.begin[: len(a.end)] > a.end for a, b in pairwise(stretches))


def are_within(stretches: Iterable[Stretch], whole: Stretch) -> bool:
    """Whether all codes of stretches are codes of another one."""
    size = len(whole.end)
    return all(
        s.begin >= whole.begin and s.begin[:size] == whole.end == s.end[:size] for s in stretches
    )
