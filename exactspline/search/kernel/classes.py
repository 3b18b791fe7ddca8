"""Which rows are the same exact function, found without arithmetic (Numba).

Two rows that are computed by the same operations from the same exact rows are equal in exact
arithmetic, whatever rounding did to them. A *class* is a number that only equal rows share (0
is the zero row); equal rows may still have different ones. It settles what max-pooling meets
all the time: windows over a constant background, or over units that are off, whose members
coincide with a rounding error that no certificate can see through.

Sound by construction: classes are joined only where weights and classes agree term by term;
hashes only find candidates.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise

import numpy as np

from ...cells.space import SearchSpace
from ...compile.forms import Forms
from ...compile.program import Program
from . import control as c
from .conditions import form_terms
from .jit import kernel

__all__ = [
    "class_arrays",
    "classes_of",
    "member_classes",
    "sign_on_path",
    "state_classes",
    "with_classes",
]

# numbers: 0 is the zero row, the weight 0 and the piece 0; 1 the weight 1 and the piece u;
# -1 stands for the member of a piece that does not read it


NO_CLASS = -1  # of what a form adds besides members


@kernel
def classes_of(P, S, layer, form):
    """The classes of the two members whose difference a form is; 0 stands for none."""
    plus, minus, shift, shift_error = form_terms(
        form, P.layers.stride[layer], P.layers.piece_at[layer], P.units.member, P.units.shift,
        P.units.shift_error,
    )  # fmt: skip
    u = P.layers.mem_at[layer]
    if minus >= 0:
        return S.members.classes[u + plus], S.members.classes[u + minus]
    if shift != 0.0 or shift_error != 0.0:
        return NO_CLASS, NO_CLASS
    return S.members.classes[u + plus], 0


@kernel
def sign_on_path(P, S, layer, form):
    """The sign of a form that is a constraint of the path, or minus one, by classes; or OPEN.

    A window of max-pooling asks what its neighbours have asked: no certificate in floats could
    tell that the two forms are the same function.
    """
    if len(S.members.classes) == 0:
        return c.OPEN
    plus, minus = classes_of(P, S, layer, form)
    if plus == NO_CLASS:
        return c.OPEN
    for i in range(S.ctl[c.N_PATH] - 1, P.mode[c.DOMAIN_ROWS] - 1, -1):
        a, b = classes_of(P, S, S.path.layer[i], S.path.form[i])
        if a == plus and b == minus:
            return S.path.sign[i]
        if a == minus and b == plus:
            return -S.path.sign[i]
    return c.OPEN


@kernel
def mixed(h, value):
    h = (h ^ value) * 0x9E3779B97F4A7C1
    return h ^ (h >> 29)


@kernel
def same_terms(i, j, start, column, value, bias, Z_class):
    """Whether two members have the same nonzero terms in the same order."""
    if bias[i] != bias[j]:
        return False
    s, t = start[i], start[j]
    while True:
        while s < start[i + 1] and Z_class[column[s]] == 0:
            s += 1
        while t < start[j + 1] and Z_class[column[t]] == 0:
            t += 1
        if s == start[i + 1] or t == start[j + 1]:
            return s == start[i + 1] and t == start[j + 1]
        if value[s] != value[t] or Z_class[column[s]] != Z_class[column[t]]:
            return False
        s += 1
        t += 1


@kernel
def member_classes(n, start, column, value, bias, Z_class, first, table, U_class):
    """Classes of a layer's members from those of the state; new ones count from ``first``."""
    mask = len(table) - 1
    for p in range(len(table)):
        table[p] = -1
    for i in range(n):
        h = bias[i] + 1
        terms = 0
        last = 0
        for s in range(start[i], start[i + 1]):
            c = Z_class[column[s]]
            if c != 0:
                h = mixed(mixed(h, value[s]), c)
                terms += 1
                last = s
        if bias[i] == 0 and terms == 0:
            U_class[i] = 0
            continue
        if bias[i] == 0 and terms == 1 and value[last] == 1:
            U_class[i] = Z_class[column[last]]
            continue
        p = h & mask
        U_class[i] = first + i
        while table[p] >= 0:
            j = table[p]
            if same_terms(i, j, start, column, value, bias, Z_class):
                U_class[i] = U_class[j]
                break
            p = (p + 1) & mask
        if table[p] < 0:
            table[p] = i


@kernel
def state_classes(
    n_units,
    codes,
    piece_start,
    piece_member,
    function,
    constant,
    U_class,
    keep,
    old_class,
    first,
    table,
    Z_class,
):
    """Classes of a state from the codes of the units and the classes of their members."""
    mask = len(table) - 1
    for p in range(len(table)):
        table[p] = -1
    for k in range(n_units):
        piece = piece_start[k] + codes[k]
        f = function[piece]
        if f == 0:
            Z_class[k] = 0
            continue
        c = -1 if constant[piece] else U_class[piece_member[piece]]
        if f == 1:
            Z_class[k] = c
            continue
        p = mixed(f, c) & mask
        Z_class[k] = first + k
        while table[p] >= 0:
            j = table[p]
            other = piece_start[j] + codes[j]
            other_c = -1 if constant[other] else U_class[piece_member[other]]
            if function[other] == f and other_c == c:
                Z_class[k] = Z_class[j]
                break
            p = (p + 1) & mask
        if table[p] < 0:
            table[p] = k
    for k in range(len(keep)):
        Z_class[n_units + k] = old_class[keep[k]]


def with_classes(program: Program) -> bool:
    """Whether classes can settle anything: some unit compares two members."""
    return any(layer.units.compares for layer in program.layers)


class _Numbers:
    """Numbers for exact things: equal things get equal numbers."""

    def __init__(self, known: Iterable[object]) -> None:
        self.of = {thing: number for number, thing in enumerate(known)}

    def number(self, thing: object) -> int:
        return self.of.setdefault(thing, len(self.of))

    def array(self, values: np.ndarray) -> np.ndarray:
        if values.dtype != object:  # every distinct float once
            distinct, which = np.unique(values, return_inverse=True)
            numbers = [self.number(Fraction(v)) for v in distinct.tolist()]
            return np.array(numbers, dtype=np.int64)[which.reshape(-1)]
        return np.array([self.number(Fraction(v)) for v in values.tolist()], dtype=np.int64)


def class_arrays(program: Program, space: SearchSpace) -> dict[str, np.ndarray]:
    """The arrays that `member_classes` and `state_classes` read, for all layers.

    Empty ones if classes cannot settle anything.
    """
    n_layers = len(program.layers)
    starts, columns, values, biases, functions, constants = ([] for _ in range(6))
    at = np.zeros(n_layers + 1, dtype=np.int64)
    table, first_members, first_state = 1, np.zeros(1), np.zeros(1)
    enabled = with_classes(program)
    if enabled:
        weights, pieces = _Numbers([Fraction(0), Fraction(1)]), _Numbers([(0, 0), (1, 0)])
        for index, layer in enumerate(program.layers):
            starts.append(layer.members.indptr)
            columns.append(layer.members.indices)
            values.append(weights.array(layer.members.data))
            biases.append(weights.array(layer.members.const))
            slopes, offsets = layer.units.piece_slope, layer.units.piece_offset
            own = weights.array(slopes), weights.array(offsets)
            pairs, which = np.unique(np.stack(own), axis=1, return_inverse=True)
            numbers = [pieces.number((a, b)) for a, b in pairs.T.tolist()]
            functions.append(np.array(numbers, dtype=np.int64)[which.reshape(-1)])
            constants.append(slopes == 0)
            at[index + 1] = at[index] + len(layer.members.indices)
            table = max(table, len(layer.members), len(layer.units))
        rows = _Numbers([(b"", b"", 0)])
        first_state = _row_numbers(space.inputs, rows, weights)
        first_members = _row_numbers(space.first, rows, weights)
        table = 1 << (2 * table).bit_length()
    n_state = program.input_dim + sum(layer.state_size for layer in program.layers)
    n_members = sum(len(layer.members) for layer in program.layers)
    known = program.input_dim + len(first_members) + 1

    def flat(parts: list, dtype: type) -> np.ndarray:
        return np.concatenate([*map(np.asarray, parts), np.zeros(1)]).astype(dtype)

    members = np.zeros(n_members + 1 if enabled else 0, dtype=np.int64)
    state = np.zeros(n_state + 1 if enabled else 0, dtype=np.int64)
    if enabled:
        members[: len(first_members)] = first_members
        state[: len(first_state)] = first_state
    return {
        "at": at,
        "start": flat(starts, np.int64),
        "column": flat(columns, np.int64),
        "value": flat(values, np.int64),
        "bias": flat(biases, np.int64),
        "function": flat(functions, np.int64),
        "constant": flat(constants, np.bool_),
        # where the numbers of new classes of members and of state entries begin; table size
        "first": np.array([known, known + n_members, table], dtype=np.int64),
        "members": members,
        "state": state,
    }


def _row_numbers(forms: Forms, rows: _Numbers, values: _Numbers) -> np.ndarray:
    """One number a row of exact coefficients, which have theirs; the zero row is 0."""
    forms = forms.without_zeros()
    of_row = np.repeat(np.arange(len(forms)), np.diff(forms.indptr))
    order = np.lexsort((forms.indices, of_row))
    columns, numbers = forms.indices[order], values.array(forms.data)[order]
    ends, consts = forms.indptr.tolist(), values.array(forms.const).tolist()
    out = [
        rows.number((columns[a:b].tobytes(), numbers[a:b].tobytes(), const))
        for (a, b), const in zip(pairwise(ends), consts, strict=True)
    ]
    return np.array(out, dtype=np.int64)
