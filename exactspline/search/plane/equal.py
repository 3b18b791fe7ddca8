"""Which rows are the same exact function, for rows that are made one by one (Numba).

The classes of `kernel.classes`. A number is never given to another function later, so that a row
keeps its class as long as it is not made anew. Equal members that are made by the same sums have
the same floats: members are on lists by those, and only such are compared term by term.
"""

from __future__ import annotations

from ..kernel.classes import mixed, same_terms
from . import control as c
from .inside import bits
from .jit import kernel

# numbers of constants: what is added to that of a bias or of a piece's function
OF_BIAS, OF_PIECE = 1 << 58, 1 << 59
FEW = 4  # terms of rows that may be copies of one entry


@kernel
def fresh(S):
    """A class that no row has."""
    S.again.count[c.CLASS] += 1
    return S.again.count[c.CLASS]


@kernel
def unlist(again, node):
    """Take a row off its list, if it is on one."""
    bucket = again.bucket[node]
    if bucket < 0:
        return
    before, after = again.previous[node], again.next[node]
    if before >= 0:
        again.next[before] = after
    else:
        again.first[bucket] = after
    if after >= 0:
        again.previous[after] = before
    again.bucket[node] = -1


@kernel
def _enlist(again, node, bucket):
    first = again.first[bucket]
    again.next[node], again.previous[node], again.bucket[node] = first, -1, bucket
    if first >= 0:
        again.previous[first] = node
    again.first[bucket] = node


@kernel
def class_of_entry(P, S, layer, at, piece):
    """The class of the entry of the state that is a piece of a unit."""
    again, members = S.again, P.layers.mem_at[len(P.layers.n_mem)] + 1
    node = members + at
    unlist(again, node)
    function = P.classes.function[piece]
    if function == 0:
        return 0
    if P.classes.constant[piece]:
        return OF_PIECE + function
    argument = S.members.classes[P.layers.mem_at[layer - 1] + P.units.member[piece]]
    if function == 1:
        return argument
    again.function[node], again.argument[node] = function, argument
    bucket = mixed(mixed(function, argument), layer) & (len(again.first) - 1)
    other = again.first[bucket]
    while other >= 0:
        if (
            other >= members
            and again.function[other] == function
            and again.argument[other] == argument
        ):
            break
        other = again.next[other]
    _enlist(again, node, bucket)
    return S.entries.classes[other - members] if other >= 0 else fresh(S)


@kernel
def class_of_member(P, S, layer, i):
    """The class of a member that is on no list, from those of the entries that it reads."""
    classes, again = P.classes, S.again
    n, u, at = P.layers.n_mem[layer], P.layers.mem_at[layer], P.classes.at[layer]
    start, column = classes.start[u + layer :], classes.column[at:]
    value, bias = classes.value[at:], classes.bias[u:]
    new, U = P.layers.state_at[layer], S.members.U[3 * u :]
    state = S.entries.classes[new : new + P.layers.n_in[layer]]
    a, b, const = U[i], U[n + i], U[2 * n + i]
    if start[i + 1] - start[i] <= FEW or (a == 0.0 and b == 0.0):
        terms, last = 0, 0
        for s in range(start[i], start[i + 1]):
            if state[column[s]] != 0:
                terms += 1
                last = s
        if terms == 0:
            return 0 if bias[i] == 0 else OF_BIAS + bias[i]
        if bias[i] == 0 and terms == 1 and value[last] == 1:
            return state[column[last]]
    h = mixed(mixed(mixed(bits(a), bits(b)), bits(const)), layer)
    bucket = h & (len(again.first) - 1)
    other = again.first[bucket]
    while other >= 0:
        j = other - u
        if (
            0 <= j < n
            and U[j] == a
            and U[n + j] == b
            and U[2 * n + j] == const
            and same_terms(i, j, start, column, value, bias, state)
        ):
            break
        other = again.next[other]
    _enlist(again, u + i, bucket)
    return S.members.classes[other] if other >= 0 else fresh(S)
