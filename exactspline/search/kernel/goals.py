"""A goal as the kernel's arrays."""

from __future__ import annotations

import numpy as np

from ...compile.program import Program
from ..goal import KINDS, Goal
from . import control as c
from .layout import Ahead, Problem
from .layout import Goal as GoalArrays

__all__ = ["room_ahead", "seeking"]

_FEW = 4  # coordinates of a domain whose box is halved before the tree
_BOXES = 1 << 14  # that are looked at then, at most, and weights of the network in all of them
_VISITS = 1 << 25


def seeking(problem: Problem, program: Program, goal: Goal) -> Problem:
    """The problem with a goal; the other arrays are shared."""
    mode = problem.mode.copy()
    mode[c.SEEKS] = goal.every
    mode[c.BOX_ABOVE] = 0  # tight boxes pay: bounds of all that follows are taken on them
    units = np.array(goal.units, dtype=np.int64)
    layer = np.searchsorted(program.unit_start, units, side="right").astype(np.int64) - 1
    member = np.zeros(len(units), dtype=np.int64)
    for slot, (at, unit) in enumerate(zip(layer.tolist(), units.tolist(), strict=True)):
        own = program.layers[at].units
        first = own.piece_start[unit - int(program.unit_start[at])]
        member[slot] = own.piece_member[first]
    ctl = np.zeros(c.N_GOAL_CTL, dtype=np.int64)
    ctl[c.LAST_LAYER] = layer.max(initial=0)

    def column(values: list[int]) -> np.ndarray:
        return np.array(values, dtype=np.int64)

    arrays = GoalArrays(
        ctl=ctl, kind=column([KINDS.index(node.kind) for node in goal.nodes]),
        first=column([node.first for node in goal.nodes]),
        second=column([node.second for node in goal.nodes]),
        pauses=column(list(goal.pauses)),
        near=column([node.near for node in goal.nodes]), groups=column(_conjunctions(goal)),
        layer=layer, unit=units, member=member, relus=_relus(problem),
    )  # fmt: skip
    return problem.like(mode=mode, goal=arrays)


def _relus(problem: Problem) -> np.ndarray:
    """Per layer 1 where unit k is ReLU of member k, by the kernel's own numbers, without errors.

    The network's own are others where the problem was scaled.
    """
    layers, units = problem.layers, problem.units
    out = np.zeros(len(layers.n_units), dtype=np.int64)
    for at, (n, first) in enumerate(zip(layers.n_units, layers.piece_at, strict=False)):
        own = slice(int(first), int(first) + 2 * int(n))
        rest = (units.slope_error, units.offset, units.offset_error)
        out[at] = (
            layers.simple[at] == 1
            and bool(np.all(units.slope[own] == np.arange(2 * n) % 2))
            and not any(np.any(column[own]) for column in rest)
        )
    return out


def _conjunctions(goal: Goal) -> list[int]:
    """What `closing.py` asks: a node, how many comparisons it needs at once, and these.

    A comparison of its own is a conjunction of one.
    """
    out: list[int] = []
    operands: list[int] = []  # -1: no comparison
    for i, node in enumerate(goal.nodes):
        if node.kind not in ("all", "any"):
            operands.append(-1 if node.kind == "constant" else i)
            continue
        at = len(operands) - node.first
        own = [k for k in operands[at:] if k >= 0]
        operands[at:] = [-1]
        if node.kind == "any":
            out += [value for k in own for value in (k, 1, k)]
        elif own:
            out += [i, len(own), *own]
    if operands and operands[0] >= 0:
        out += [operands[0], 1, operands[0]]
    return out


def room_ahead(problem: Problem, goal: Goal) -> Ahead:
    """Room to work in."""
    d, layers = int(problem.mode[c.DIM]), problem.layers
    members = max(1, int(layers.n_mem.max(initial=1)))
    entries = 2 * max(1, int(layers.n_in.max(initial=1)), int(layers.n_state.max(initial=1)))
    ctl = np.zeros(c.N_AHEAD_CTL, dtype=np.int64)
    ctl[c.TRY_POINTS] = goal.points
    ctl[c.ANY_ORDER] = goal.any_order
    if goal.any_order and d <= _FEW:
        most = min(_BOXES, _VISITS // max(1, len(problem.weights.weight)))
        ctl[c.HALVES] = most if most >= c.FEW_BOXES else 0
    slots = max(1, len(goal.units))
    return Ahead(
        ctl=ctl, lower=np.zeros(members * (d + 1)), upper=np.zeros(members * (d + 1)),
        off=np.zeros(members), least=np.zeros(members), most=np.zeros(members),
        size=np.zeros(members), state_lower=np.zeros((entries, d + 1)),
        state_upper=np.zeros((entries, d + 1)), state_off=np.zeros(entries), reach=np.zeros(d),
        open=np.zeros(max(1, int(layers.n_units.max(initial=1))), dtype=np.int64),
        low=np.zeros(slots), high=np.zeros(slots), value=np.zeros(members),
        state=np.zeros(entries), stack=np.zeros(len(goal.nodes) + 1, dtype=np.int64),
        margin=np.zeros(len(goal.nodes) + 1),
        never=np.zeros(max(1, len(goal.nodes)), dtype=np.int64),
        rows=np.zeros(c.MOST_ROWS, dtype=np.int64), row_scale=np.zeros(c.MOST_ROWS),
        line=np.zeros((3, members)),
        row_at=np.zeros((c.MOST_PROGRAMS + 1, c.MOST_ROWS)),
        box_low=np.zeros((c.MOST_HALVINGS + 2, d)), box_high=np.zeros((c.MOST_HALVINGS + 2, d)),
        box_depth=np.zeros(c.MOST_HALVINGS + 2, dtype=np.int64),
        own_low=np.zeros(d), own_high=np.zeros(d), corner=np.zeros(d), sides=np.zeros(d),
    )  # fmt: skip
