"""The phases of the search kernel, and what leads from one to the next: the table of `dfs.advance`.

A search is in one phase at a time, ``ctl[PHASE]``. Each has a step, one function, that makes
changes and either goes on in another phase or returns a *status* to Python; the search is called
again in the phase that it has left then. What stands in no row of `STEPS` does not occur (a test
runs the steps one by one and looks).

| phase | step | goes on in | returns (in which phase it goes on) |
|---|---|---|---|
| POP | the last pending sibling becomes the node | NODE | DONE (POP); SUBTREE, it has no proved point (POP) |
| NODE | counts a step; emits a leaf, or enters the next layer | POP, FACETS, NODE, FILTER, LOOK, UNIT | PAUSE, LIMIT, BUFFER, AUDITED (NODE); AUDITED (LOOK) |
| LOOK | closes the cell where what is sought holds nowhere on it; before the first, halves the domain's box | NODE, POP | CANDIDATE, NEEDS_TIER (LOOK); CANDIDATE (POP), after many |
| FILTER | a box of the cell settles open units | NODE, UNIT | NEEDS_TIER (FILTER); AUDITED (NODE) |
| UNIT | chooses the condition that is asked | FORM, NODE (a piece is whole), POP (no piece holds) | GROW (NODE); NEEDS_TIER (UNIT) |
| FORM | computes its form; takes up an answer | TEST, OUTCOME | |
| TEST | a linear program guesses | PROVE, WITNESS, MIDDLE (no sign at the point) | NEEDS_TIER (TEST) |
| PROVE | one sign, in float64 | OUTCOME, PROVE_NARROW, PROVE_IDENTITY | AUDITED (NODE) |
| PROVE_NARROW | the same in a narrow layer | OUTCOME, PROVE_IDENTITY | NEEDS_TIER (PROVE_NARROW); AUDITED (NODE) |
| PROVE_IDENTITY | the same in integers | OUTCOME, MIDDLE | AUDITED (NODE); NEEDS_TIER (PROVE_IDENTITY) |
| WITNESS | both signs: points | OUTCOME, MIDDLE | AUDITED (NODE) |
| MIDDLE | what is still open, in double-double | OUTCOME | QUERY, AUDITED (NODE); NEEDS_TIER (MIDDLE) |
| OUTCOME | settles the unit, branches, or goes on with the piece | NODE, POP | GROW (OUTCOME); SUBTREE (POP) |
| FACETS | of the leaf | POP, FACETS_NARROW | F_QUERY, F_FULL, NEEDS_TIER (FACETS) |
| FACETS_NARROW | one of them, in a narrow layer | FACETS | F_QUERY (FACETS); NEEDS_TIER (FACETS_NARROW) |

A question (QUERY) is answered in ``ctl[ANSWER]``; the node is looked at again, which counts as a
step, and its form finds the answer. A kernel that is missing (NEEDS_TIER, `tiers.py`) is brought
in, and the step is made again: it has changed nothing before.
"""  # noqa: E501

from __future__ import annotations

from typing import NamedTuple

from . import control as c

__all__ = ["STEPS", "Step"]


class Step(NamedTuple):
    """A row of the table."""

    name: str  # of the function in `dfs`
    phases: frozenset[int]
    statuses: frozenset[tuple[int, int]]  # with the phase that is left


def _step(name: str, phases: set[int], statuses: set[tuple[int, int]]) -> Step:
    return Step(name, frozenset(phases), frozenset(statuses))


_NODE = c.NODE
STEPS: dict[int, Step] = {
    c.POP: _step("pop_node", {c.NODE}, {(c.DONE, c.POP), (c.SUBTREE, c.POP)}),
    c.NODE: _step(
        "look_at_node", {c.POP, c.FACETS, c.NODE, c.FILTER, c.LOOK, c.UNIT},
        {(c.PAUSE, _NODE), (c.LIMIT, _NODE), (c.BUFFER, _NODE), (c.AUDITED, _NODE),
         (c.AUDITED, c.LOOK)},
    ),
    c.LOOK: _step(
        "look_at_cell", {c.NODE, c.POP},
        {(c.CANDIDATE, c.LOOK), (c.NEEDS_TIER, c.LOOK), (c.CANDIDATE, c.POP)},
    ),
    c.FILTER: _step(
        "filter_node", {c.NODE, c.UNIT}, {(c.NEEDS_TIER, c.FILTER), (c.AUDITED, _NODE)}
    ),
    c.UNIT: _step(
        "choose_condition", {c.FORM, c.NODE, c.POP}, {(c.GROW, _NODE), (c.NEEDS_TIER, c.UNIT)}
    ),
    c.FORM: _step("compute_form", {c.TEST, c.OUTCOME}, set()),
    c.TEST: _step("test_form", {c.PROVE, c.WITNESS, c.MIDDLE}, {(c.NEEDS_TIER, c.TEST)}),
    c.PROVE: _step(
        "prove", {c.OUTCOME, c.PROVE_NARROW, c.PROVE_IDENTITY}, {(c.AUDITED, _NODE)}
    ),
    c.PROVE_NARROW: _step(
        "prove_narrow", {c.OUTCOME, c.PROVE_IDENTITY},
        {(c.NEEDS_TIER, c.PROVE_NARROW), (c.AUDITED, _NODE)},
    ),
    c.PROVE_IDENTITY: _step(
        "prove_identity", {c.OUTCOME, c.MIDDLE},
        {(c.AUDITED, _NODE), (c.NEEDS_TIER, c.PROVE_IDENTITY)},
    ),
    c.WITNESS: _step("find_witness", {c.OUTCOME, c.MIDDLE}, {(c.AUDITED, _NODE)}),
    c.MIDDLE: _step(
        "decide_between", {c.OUTCOME},
        {(c.QUERY, _NODE), (c.AUDITED, _NODE), (c.NEEDS_TIER, c.MIDDLE)},
    ),
    c.OUTCOME: _step(
        "take_outcome", {c.NODE, c.POP}, {(c.GROW, c.OUTCOME), (c.SUBTREE, c.POP)}
    ),
    c.FACETS: _step(
        "find_facets", {c.POP, c.FACETS_NARROW},
        {(c.F_QUERY, c.FACETS), (c.F_FULL, c.FACETS), (c.NEEDS_TIER, c.FACETS)},
    ),
    c.FACETS_NARROW: _step(
        "prove_facet_narrow", {c.FACETS},
        {(c.F_QUERY, c.FACETS), (c.NEEDS_TIER, c.FACETS_NARROW)},
    ),
}  # fmt: skip
