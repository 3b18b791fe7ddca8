"""Affine maps of dense layers of ReLU units, shared between samples whose codes end alike (Numba).

Codes become bits. Samples are taken in an order in which equal endings of codes are neighbours,
block by block, and in a block level by level from the outputs on: a level's matrix stays in the
nearest cache, and rows are sums over active units, for active units.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import layout as lay
from .jit import kernel, part
from .map_rows import add_lanes, copy_lanes, fetch, put_map, put_product, weigh
from .masks import mask, put_active

__all__ = ["Room", "pass_back_active", "take_bits", "take_keys"]


@kernel
def take_bits(T, n_levels, codes, words):
    """Codes as bits: every layer begins a word."""
    n, width = codes.shape
    for sample in range(n):
        place = 0
        for level in range(n_levels - 1):
            first, units = T[level * lay.HEADER + lay.CODE], T[level * lay.HEADER + lay.UNITS]
            for begin in range(first, first + units, lay.WORD):
                size, bits = min(lay.WORD, first + units - begin), np.uint64(0)
                if sample < n - lay.WORD or sample * width + begin + lay.WORD <= n * width:
                    bits = mask(codes, sample, begin) & (~bits >> np.uint64(lay.WORD - size))
                else:  # beyond is no memory of the array
                    for j in range(size):
                        if codes[sample, begin + j] != 0:
                            bits |= np.uint64(1) << np.uint64(j)
                words[sample, place] = bits
                place += 1


@kernel
def take_keys(T, n_levels, words, random, keys):
    """A number a sample that sorts equal endings of codes next to each other.

    That is 12 bits each of hashes of the last layer's code, the last two layers', the last three's
    and the whole; only speed depends on them. The lowest 16 bits are free.
    """
    for sample in range(len(words)):
        total, key, taken = np.uint64(0), np.uint64(0), 0
        place = words.shape[1]
        for level in range(n_levels - 2, -1, -1):
            count = (T[level * lay.HEADER + lay.UNITS] + lay.WORD - 1) // lay.WORD
            place -= count
            for k in range(place, place + count):
                bits = words[sample, k]
                total += (bits ^ (bits >> np.uint64(32))) * random[k]
            if taken < 3 or level == 0:
                while True:  # a short network's last hash fills the rest
                    key = (key << np.uint64(12)) | (total >> np.uint64(52))
                    taken += 1
                    if level > 0 or taken == 4:
                        break
        keys[sample] = key << np.uint64(16)


class Room(NamedTuple):
    """Room for a block of samples, twice: for the state behind a level and the one before it.

    ``units`` (16-bit numbers) has ``MORE`` numbers more than units or inputs a sample, and as many
    once more; ``rows`` LANES times as many a sample; ``counts`` and ``slots`` have one a sample.
    ``depths`` has one a sample without the factor 2, ``starts`` one a level.
    """

    units: np.ndarray
    rows: np.ndarray
    counts: np.ndarray
    slots: np.ndarray
    depths: np.ndarray
    starts: np.ndarray


@part
def _first_differing(words, starts, a, b, last):
    """1 + the first layer, from the outputs on, where two samples' codes differ; 0 if none is."""
    for level in range(last - 1, -1, -1):
        bits = np.uint64(0)
        for k in range(starts[level], starts[level + 1]):
            bits |= words[a, k] ^ words[b, k]
        if bits != np.uint64(0):
            return level + 1
    return 0


@part
def _collect(words, sample, first, n, units, place):
    """Write down a layer's active units; returns how many there are."""
    count, word = 0, np.uint64(0)
    for k in range(0, n, 8):  # without a branch
        if k % lay.WORD == 0:
            word = words[sample, first + k // lay.WORD]
        count += put_active(word & np.uint64(255), k, units, place + count)
        word >>= np.uint64(8)
    return count


@kernel
def pass_back_active(T, F, n_levels, words, order, room, maps, consts):
    """`pass_back` for dense layers of ReLU units, of samples in an order: see `take_keys`.

    A sample's rows are those of the active entries of a state and of the constants, LANES outputs
    side by side. Neighbours share what their codes have in common from the outputs on. See `Room`.
    """
    units, rows, counts, slots, depths, starts = room
    n_out, dim = maps.shape[1], maps.shape[2]
    last, block = n_levels - 1, len(depths)
    most = len(units) // (2 * block + 1)
    inputs, few = 2 * block * most, dim < lay.LANES
    for j in range(most):
        units[inputs + j] = j if j <= dim else 0
    starts[0] = 0
    for level in range(last):
        n = T[level * lay.HEADER + lay.UNITS]
        starts[level + 1] = starts[level] + (n + lay.WORD - 1) // lay.WORD
    for begin in range(0, n_out, lay.LANES):
        lanes = min(lay.LANES, n_out - begin)
        for base in range(0, len(order), block):
            n = min(block, len(order) - base)
            for i in range(n):  # where results go; the codes of the next block
                fetch(maps, order[base + i] * n_out * dim)
                fetch(maps, (order[base + i] + 1) * n_out * dim - 1)
                fetch(consts, order[base + i] * n_out)
            for i in range(base + n, min(base + n + block, len(order))):
                fetch(words, order[i] * words.shape[1])
            depths[0] = last
            for i in range(1, n):
                a, b = order[base + i], order[base + i - 1]
                depths[i] = _first_differing(words, starts, a, b, last)
            for state in range(last, 0 if few else -1, -1):
                at = state * lay.HEADER
                reads, matrix = T[at + lay.READS], T[at + lay.LINES]
                now, behind = (state & 1) * block, block - (state & 1) * block
                for i in range(n):
                    here = now + i
                    if depths[i] < max(state, 1):
                        slots[here] = slots[here - 1]
                        continue
                    slots[here] = here
                    own, count = inputs, dim
                    if state > 0:
                        own = here * most
                        count = _collect(
                            words, order[base + i], starts[state - 1], reads, units, own
                        )
                        put_active(np.uint64(0), 0, units, own + count)  # eight zeros
                        units[own + count] = reads  # constants are one more column
                    counts[here] = count
                    target = here * most * lay.LANES
                    if state == last:
                        columns, pad = T[at + lay.DENSE] + begin, T[at + lay.PAD]
                        for k in range(count):
                            place = columns + pad * np.int64(units[own + k])
                            copy_lanes(F, place, rows, target + k * lay.LANES)
                        place = T[at + lay.CONST] + begin
                        copy_lanes(F, place, rows, target + count * lay.LANES)
                        continue
                    source = slots[behind + i]
                    above, size = source * most, counts[source]
                    start = above * lay.LANES
                    weigh(
                        F, matrix, reads + 1, units, own, count + 1, above, size, rows, start,
                        target,
                    )  # fmt: skip
                    add_lanes(rows, start + size * lay.LANES, target + count * lay.LANES)
            for i in range(n):
                if few:  # what is behind the first layer
                    above = slots[block + i] * most
                    put_product(
                        F, T[lay.LINES], units, above, counts[slots[block + i]], rows,
                        above * lay.LANES, maps, consts, order[base + i], begin, lanes,
                    )  # fmt: skip
                else:
                    place = slots[i] * most * lay.LANES
                    put_map(rows, place, maps, consts, order[base + i], begin, lanes)
