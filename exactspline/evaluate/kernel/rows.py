"""Units on rows of samples (Numba)."""

from __future__ import annotations

from .jit import kernel

__all__ = ["copy_row", "fill", "relu_row", "scalar_row", "track_row"]


@kernel
def fill(row, value):
    """Every entry of a row; a slice's own assignment would count references."""
    for s in range(len(row)):
        row[s] = value


@kernel
def copy_row(target, source):
    for s in range(len(target)):
        target[s] = source[s]


@kernel
def track_row(u, largest, least):
    """The largest size of a member, and the smallest of a condition form (of u itself here)."""
    for s in range(len(u)):
        a = abs(u[s])
        largest[s] = a if a > largest[s] else largest[s]
        least[s] = a if a < least[s] else least[s]


@kernel
def relu_row(u, out, add, code, wanted):
    """A ReLU unit on a row of members."""
    zero = u.dtype.type(0)  # a float32 times 0 is a float64 in Numba
    if wanted:
        for s in range(len(u)):
            code[s] = u[s] > zero
    if add:
        for s in range(len(u)):
            out[s] += u[s] if u[s] > zero else zero
    else:
        for s in range(len(u)):
            out[s] = u[s] if u[s] > zero else zero


@kernel
def scalar_row(u, out, add, F, at, pieces, relu, code, wanted, largest, least, track):
    """A scalar unit on a row of members, into (or added to) a row of outputs.

    Its numbers in F: shifts (pieces - 1), then slopes, then offsets. Piece r is the number of
    forms u + shift above zero.
    """
    if track:
        if relu:
            track_row(u, largest, least)
        else:
            for s in range(len(u)):
                a = abs(u[s])
                largest[s] = a if a > largest[s] else largest[s]
                for p in range(pieces - 1):
                    g = abs(u[s] + F[at + p])
                    least[s] = g if g < least[s] else least[s]
    if relu:
        relu_row(u, out, add, code, wanted)
        return
    slope, offset = at + pieces - 1, at + 2 * pieces - 1
    for s in range(len(u)):
        r = 0
        for p in range(pieces - 1):
            r += u[s] + F[at + p] > 0
        if wanted:
            code[s] = r
        v = F[slope + r] * u[s] + F[offset + r]
        out[s] = out[s] + v if add else v
