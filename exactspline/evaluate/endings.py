"""Affine maps of samples in chains of dense ReLU layers, shared by endings of codes (Numba).

From the outputs backwards, what a map is behind a layer depends on the later layers' codes only.
Samples are sorted so that equal endings stand together, and each ending is computed once, over
active units on both sides of a matrix. Codes are bits here: a layer is a few words.
"""

from __future__ import annotations

import numpy as np

from .jit import kernel
from .lanes import weigh
from .layout import BIT, CODE, CONST, DENSE, HEADER, LANES, PAD, UNITS

__all__ = ["ending_keys", "pass_endings", "write_bits"]

_MIX = np.uint64(0x9E3779B97F4A7C15)


@kernel
def write_bits(T, n_levels, codes, start, stop, bits):
    """Codes of 0 and 1 as bits: unit k of a layer is bit k % 64 of the layer's word k // 64."""
    for sample in range(start, stop):
        for level in range(n_levels - 1):
            at = level * HEADER
            code, units = codes[sample, T[at + CODE] :], T[at + UNITS]
            for w in range(-(-units // 64)):
                word = np.uint64(0)
                for k in range(64 * w, min(units, 64 * w + 64)):
                    word |= np.uint64(code[k]) << np.uint64(k & 63)
                bits[sample, T[at + BIT] + w] = word


@kernel
def ending_keys(T, n_levels, bits, start, stop, keys):
    """A number a sample that sorts equal endings of codes next to each other.

    16 bits each of hashes of the last layer's code, the last two layers', the last three's and
    the whole. Only speed depends on them.
    """
    for sample in range(start, stop):
        total, key, taken = np.uint64(0), np.uint64(0), 0
        for level in range(n_levels - 2, -1, -1):
            at = level * HEADER
            for w in range(T[at + BIT], T[at + BIT] + -(-T[at + UNITS] // 64)):
                total = (total ^ bits[sample, w]) * _MIX
                total ^= total >> np.uint64(32)
            if taken < 3 or level == 0:
                while True:  # a short network's last hash fills the rest
                    key = (key << np.uint64(16)) | (total >> np.uint64(48))
                    taken += 1
                    if level > 0 or taken == 4:
                        break
        keys[sample] = key


@kernel
def _differ(bits, a, b, T, at):
    """Whether two samples have different codes in a layer."""
    for w in range(T[at + BIT], T[at + BIT] + -(-T[at + UNITS] // 64)):
        if bits[a, w] != bits[b, w]:
            return True
    return False


@kernel
def _collect(bits, sample, T, at, active):
    """Write down the active units of a layer; returns how many there are."""
    count, units = 0, T[at + UNITS]
    for first in range(0, units, 64):
        word = bits[sample, T[at + BIT] + first // 64]
        for k in range(first, min(units, first + 64)):  # without a branch
            active[count] = k
            count += np.int64(word & np.uint64(1))
            word >>= np.uint64(1)
    return count


@kernel
def pass_endings(
    T, F, n_levels, bits, order, start, stop, sums, active, counts, nodes, bases, maps, consts
):
    """A (n, C, D) and b (n, C) of the samples order[start..stop], from their codes.

    Blocks of ``len(nodes)`` samples go back through the levels together, LANES outputs at once,
    so that one layer's weights at a time are in the cache. A *node* is an ending that samples of
    a block share: ``nodes`` says which is whose, and ``active[side, node]`` which entries of the
    state are active there, so many as ``counts`` says; ``sums[side, node]`` holds LANES numbers
    for each, and for the constants so far. Nodes behind a level are on one side, those before it
    on the other. All have room for the largest state and a few more, as ``bases``.
    """
    n_out, dim = maps.shape[1], maps.shape[2]
    last = n_levels - 1
    for begin in range(start, stop, len(nodes)):
        n = min(len(nodes), stop - begin)
        for out in range(0, n_out, LANES):
            lanes = min(LANES, n_out - out)
            side = 0
            for i in range(n):
                nodes[i] = 0
            for level in range(last, -1, -1):
                at, below = level * HEADER, (level - 1) * HEADER  # of the layer that is read
                made, parent, before = 0, -1, -1
                matrix, pad = T[at + DENSE], T[at + PAD]
                for i in range(n):
                    sample = order[begin + i]
                    if nodes[i] != parent or (level > 0 and _differ(bits, sample, before, T, below)):
                        parent, before = nodes[i], sample
                        own, made_sums = active[1 - side, made], sums[1 - side, made]
                        if level > 0:
                            count = _collect(bits, sample, T, below, own)
                        else:
                            count = dim
                            for j in range(dim):
                                own[j] = j
                        counts[1 - side, made] = count
                        for k in range(count):
                            bases[k] = matrix + own[k] * pad
                        bases[count] = T[at + CONST]
                        if level == last:
                            for k in range(count + 1):
                                for c in range(lanes):
                                    made_sums[LANES * k + c] = F[bases[k] + out + c]
                        else:
                            above, behind = counts[side, parent], sums[side, parent]
                            weigh(
                                F, bases, count + 1, active[side, parent], above, behind, made_sums
                            )
                            for c in range(lanes):  # constants so far
                                made_sums[LANES * count + c] += behind[LANES * above + c]
                        made += 1
                    nodes[i] = made - 1
                side = 1 - side
            for i in range(n):
                own_sums = sums[side, nodes[i]]
                own_map, own_const = maps[order[begin + i]], consts[order[begin + i]]
                for c in range(lanes):
                    own_const[out + c] = own_sums[LANES * dim + c]
                    for j in range(dim):
                        own_map[out + c, j] = own_sums[LANES * j + c]
