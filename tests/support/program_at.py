"""A compiled program at one point, read off its columns word for word, in Fractions.

The package has an evaluator too (``exact.point``); this one shares nothing with it and gives
the output as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from exactspline.compile import Forms, Program


def _values(forms: Forms, state: Sequence[Fraction]) -> list[Fraction]:
    out = []
    for row in range(len(forms.const)):
        seen: set[int] = set()
        total = Fraction(forms.const[row])
        for at in range(int(forms.indptr[row]), int(forms.indptr[row + 1])):
            entry = int(forms.indices[at])
            assert entry not in seen  # a row names an entry once,
            assert forms.data[at] != 0  # and only those that it reads
            seen.add(entry)
            total += Fraction(forms.data[at]) * state[entry]
        out.append(total)
    return out


def program_at(program: Program, x: Sequence[Fraction]) -> tuple[list[int], list[Fraction], bool]:
    """The code (lowest active pieces), the output, and whether active pieces always agree."""
    state, code, agree = list(x), [], True
    for layer in program.layers:
        u, units, made = _values(layer.members, state), layer.units, []
        for k in range(len(units.piece_start) - 1):
            active = []
            first, end = int(units.piece_start[k]), int(units.piece_start[k + 1])
            for piece in range(first, end):
                own = u[int(units.piece_member[piece])]
                if units.lead[k]:  # no other member is larger (smaller)
                    others = [u[int(i)] for i in units.piece_member[first:end]]
                    holds = all(int(units.lead[k]) * (own - v) >= 0 for v in others)
                else:  # between the breakpoint below and that above
                    shifts = [Fraction(v) for v in units.piece_shift[first:end]]
                    holds = piece == first or own + shifts[piece - first - 1] >= 0
                    holds = holds and (piece == end - 1 or own + shifts[piece - first] <= 0)
                if holds:
                    slope = Fraction(units.piece_slope[piece])
                    out = slope * u[int(units.piece_member[piece])]
                    active.append(
                        (
                            piece - int(units.piece_start[k]),
                            out + Fraction(units.piece_offset[piece]),
                        )
                    )
            agree = agree and len({out for _, out in active}) == 1
            code.append(active[0][0])
            made.append(active[0][1])
        state = made + [state[int(i)] for i in layer.keep]
    return code, _values(program.output, state), agree


AffineMap = tuple[tuple[tuple[Fraction, ...], ...], tuple[Fraction, ...]]


def affine_piece(program: Program, code: Sequence[int]) -> AffineMap:
    """The output's A and b (as x -> A x + b) where every unit takes the piece of the code."""
    dim = program.input_dim
    zero = (Fraction(0),) * (dim + 1)
    state = [tuple(Fraction(int(i == j)) for j in range(dim + 1)) for i in range(dim)]

    def rows(forms: Forms) -> list[tuple[Fraction, ...]]:
        out = []
        for i in range(len(forms.const)):
            total = [*zero[:-1], Fraction(forms.const[i])]
            for at in range(int(forms.indptr[i]), int(forms.indptr[i + 1])):
                c = Fraction(forms.data[at])
                source = state[int(forms.indices[at])]
                total = [t + c * s for t, s in zip(total, source, strict=True)]
            out.append(tuple(total))
        return out

    at = 0
    for layer in program.layers:
        u, units, made = rows(layer.members), layer.units, []
        for k in range(len(units.piece_start) - 1):
            piece = int(units.piece_start[k]) + int(code[at])
            at += 1
            slope, offset = Fraction(units.piece_slope[piece]), Fraction(units.piece_offset[piece])
            out = [slope * v for v in u[int(units.piece_member[piece])]]
            made.append((*out[:-1], out[-1] + offset))
        state = made + [state[int(i)] for i in layer.keep]
    final = rows(program.output)
    return tuple(row[:-1] for row in final), tuple(row[-1] for row in final)
