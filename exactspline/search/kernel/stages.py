"""The stages of a kernel search, and what leads from one to the next: the table of the driver.

A search is at one stage at a time. What the kernel returns, or what the search in rationals
comes to, is an *event*; `NEXT` lists every pair that may occur with the stages it may lead to.
Whatever is not listed is a defect and ends the search with an error instead of a count.

| stage | event | what is done | next |
|---|---|---|---|
| NEW | ROOT | the domain's dictionary and point stand | DESCENT (to a part), TREE |
| NEW | NO_ROOT | no float64 point is proved inside: all in rationals | CELL |
| DESCENT | PAUSE | a look at the node: what lies before the part is left, what lies behind it is dropped | DESCENT, TREE |
| DESCENT | QUERY | answered in rationals; the node stays | DESCENT |
| DESCENT | SUBTREE | a cell without a proved float64 point | CELL, DESCENT (it is empty) |
| DESCENT | DONE | nothing of the part is left | END |
| TREE | PAUSE, BUFFER | regions are handed over | TREE |
| TREE | QUERY | answered in rationals | TREE |
| TREE | SUBTREE | as above | CELL, TREE |
| DESCENT, TREE | CANDIDATE | the node's point is handed over | as before |
| TREE | LIMIT | the next leaf is not counted | FULL |
| TREE | DONE | | END |
| DESCENT, TREE | GROW, AUDITED | more room; a look for tests | as before |
| DESCENT, TREE | NEEDS_TIER | a kernel is compiled or loaded; the first open decisions are answered in rationals instead of the double-double tier | as before |
| CELL | REGION | one region, if it is of the part | CELL |
| CELL | FULL_CELL | its next region is not counted | FULL |
| CELL | EMPTIED | its last region was found | where it came from |

While a search descends, the kernel takes one step at a time (a budget of one), an answered
question included, so that between two looks at most one sibling is put aside and no leaf is
reached: a leaf is inside of the part or out of it, which the look before it has told.
"""  # noqa: E501

from __future__ import annotations

from enum import IntEnum

from . import control as c

__all__ = ["EMPTIED", "FULL_CELL", "NEXT", "NO_ROOT", "REGION", "ROOT", "Stage"]


class Stage(IntEnum):
    """Where a search is."""

    NEW, DESCENT, TREE, CELL, END, FULL = range(6)


# events besides what the kernel returns
ROOT, NO_ROOT, REGION, FULL_CELL, EMPTIED = range(100, 105)

_NEW, _DESCENT, _TREE, _CELL = Stage.NEW, Stage.DESCENT, Stage.TREE, Stage.CELL
NEXT: dict[tuple[Stage, int], frozenset[Stage]] = {
    (_NEW, ROOT): frozenset({_DESCENT, _TREE}),
    (_NEW, NO_ROOT): frozenset({_CELL}),
    (_DESCENT, c.PAUSE): frozenset({_DESCENT, _TREE}),
    (_DESCENT, c.QUERY): frozenset({_DESCENT}),
    (_DESCENT, c.GROW): frozenset({_DESCENT}),
    (_DESCENT, c.NEEDS_TIER): frozenset({_DESCENT}),
    (_DESCENT, c.AUDITED): frozenset({_DESCENT}),
    (_DESCENT, c.CANDIDATE): frozenset({_DESCENT}),
    (_DESCENT, c.SUBTREE): frozenset({_CELL, _DESCENT}),
    (_DESCENT, c.DONE): frozenset({Stage.END}),
    (_TREE, c.PAUSE): frozenset({_TREE}),
    (_TREE, c.BUFFER): frozenset({_TREE}),
    (_TREE, c.QUERY): frozenset({_TREE}),
    (_TREE, c.GROW): frozenset({_TREE}),
    (_TREE, c.NEEDS_TIER): frozenset({_TREE}),
    (_TREE, c.AUDITED): frozenset({_TREE}),
    (_TREE, c.CANDIDATE): frozenset({_TREE}),
    (_TREE, c.SUBTREE): frozenset({_CELL, _TREE}),
    (_TREE, c.LIMIT): frozenset({Stage.FULL}),
    (_TREE, c.DONE): frozenset({Stage.END}),
    (_CELL, REGION): frozenset({_CELL}),
    (_CELL, FULL_CELL): frozenset({Stage.FULL}),
    (_CELL, EMPTIED): frozenset({_DESCENT, _TREE}),
}
