"""Arrangements of lines with known numbers of corners, edges and faces, as networks.

A line (a, b, c) is {a x + b y + c = 0}. A layer of ReLUs, one a line, has the arrangement's cells
as its regions.

The simplicial ones are those of B. Gruenbaum, "A catalogue of simplicial arrangements in the real
projective plane", Ars Math. Contemp. 2 (2009), that rational numbers realise: by t_j, how many
points lie on exactly j lines. Their faces are triangles, so the projective plane has 2 (f_0 - 1)
of them. They are moved until the line at infinity is in general position.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import exactspline as es

Line = tuple[int, int, int]

_B3: list[Line] = [
    (1, 0, 0), (0, 1, 0), (0, 0, 1),
    (1, 1, 0), (1, -1, 0), (1, 0, 1), (1, 0, -1), (0, 1, 1), (0, 1, -1),
]  # fmt: skip
_CUBE = [*_B3, (1, 1, 1), (1, 1, -1), (1, -1, 1), (-1, 1, 1)]
# sides and axes of a hexagon, in a basis of its lattice; at last the line at infinity
_HEXAGON = [
    (1, 1, -1), (0, 1, -1), (1, 0, 1), (1, 1, 1), (0, 1, 1), (1, 0, -1),
    (0, 1, 0), (1, 0, 0), (1, 1, 0), (1, -1, 0), (2, 1, 0), (1, 2, 0), (0, 0, 1),
]  # fmt: skip

SIMPLICIAL: dict[str, tuple[list[Line], dict[int, int]]] = {
    "A(6,1)": (_B3[3:], {2: 3, 3: 4}),
    "A(7,1)": (_B3[2:], {2: 3, 3: 6}),
    "A(8,1)": (_B3[1:], {2: 4, 3: 6, 4: 1}),
    "A(9,1)": (_B3, {2: 6, 3: 4, 4: 3}),
    "A(10,2)": (_CUBE[:10], {2: 6, 3: 7, 4: 3}),
    "A(10,3)": ([*_HEXAGON[:9], _HEXAGON[12]], {2: 6, 3: 7, 4: 3}),
    "A(11,1)": (_CUBE[:11], {2: 7, 3: 8, 4: 4}),
    "A(12,1)": (_HEXAGON[:12], {2: 6, 3: 15, 6: 1}),
    "A(12,2)": ([*_HEXAGON[:11], _HEXAGON[12]], {2: 8, 3: 10, 4: 3, 5: 1}),
    "A(12,3)": (_CUBE[:12], {2: 9, 3: 7, 4: 6}),
    "A(13,1)": (_HEXAGON, {2: 9, 3: 12, 4: 3, 6: 1}),
    "A(13,2)": (_CUBE, {2: 12, 3: 4, 4: 9}),
}
_MOVE = ((3, 1, 7), (-2, 5, 11), (1, -4, 13))


def moved(lines: list[Line]) -> list[Line]:
    """Lines after a projective map that leaves none at infinity, and no point of theirs."""
    columns = list(zip(*_MOVE, strict=True))
    return [
        tuple(sum(a * m for a, m in zip(line, column, strict=True)) for column in columns)
        for line in lines
    ]


def network(lines: list[tuple[int, ...]] | list[tuple[Fraction, ...]]) -> es.Network:
    """One ReLU a line."""
    rows = np.array([line[:2] for line in lines], dtype=object)
    return es.Network([es.Dense(rows, [line[2] for line in lines]), es.ReLU()], (2,))


def pencil(n: int) -> list[Line]:
    """n lines through (3, -2)."""
    return [(k, 1, 2 - 3 * k) for k in range(n)]


def grid(a: int, b: int) -> list[Line]:
    """a and b lines, crosswise and askew."""
    return [(2, 1, -5 * i) for i in range(a)] + [(1, -3, 4 - 7 * j) for j in range(b)]


def pencil_with_parallels(n: int, m: int) -> list[Line]:
    """n lines through (3, -2), and m further ones parallel to the first of them."""
    return pencil(n) + [(0, 1, 5 + i) for i in range(m)]
