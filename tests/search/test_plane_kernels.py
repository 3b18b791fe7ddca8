"""The plane's kernels against plain twins in Fractions: corners, signs, cuts, quick verdicts.

Rows are floats with bounds. The twin draws the exact rows anywhere within the bounds: what a kernel
claims must hold for all of them.
"""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from math import atan2, inf

import numpy as np
import pytest
from plane_checks import WrongError, check_bound

from exactspline.search.kernel.block import given
from exactspline.search.plane import control as c
from exactspline.search.plane import corners, cuts, quick, signs
from exactspline.search.plane.engine import PlaneSearch
from exactspline.search.plane.root import cross
from exactspline.search.smallest import smallest

Row = tuple[Fraction, Fraction, Fraction]
A, B = c.FIRST_ROW + 8, c.FIRST_ROW + 9  # lines to work with
PLACE = c.FIRST_CORNER + 4


@pytest.fixture
def search():
    return PlaneSearch(*smallest(2), keep=False)


def dot(a, b) -> Fraction:
    return sum((Fraction(x) * Fraction(y) for x, y in zip(a, b, strict=True)), Fraction(0))


def sign(value) -> int:
    return (value > 0) - (value < 0)


# ------------------------------------------------------------------------------------------ rows
def number(rng: random.Random) -> float:
    chance = rng.random()
    if chance < 0.2:
        return 0.0
    if chance < 0.6:
        return float(rng.choice((-3, -2, -1, 1, 2, 5)))
    if chance < 0.9:
        return rng.gauss(0, 1)
    return rng.gauss(0, 1) * 2.0 ** rng.choice((-300, -100, -30, 30, 100, 300))


def bound(rng: random.Random, value: float) -> float:
    chance = rng.random()
    if chance < 0.5:
        return 0.0
    if chance < 0.8:
        return abs(value) * 1e-15
    return abs(value) * 10.0 ** rng.uniform(-15, 0) if chance < 0.97 else 1e-150


def draw_row(rng: random.Random, near: np.ndarray | None = None) -> tuple[list, list, Row]:
    """A row, its bounds, and an exact row within them; perhaps nearly a multiple of another one."""
    row = [number(rng) for _ in range(3)]
    if near is not None and rng.random() < 0.3:
        factor, gap = rng.choice((1.0, -1.0, 2.0)), rng.choice((0.0, 1e-15, 1e-12, 1e-5))
        row = [factor * v * (1 + gap * rng.gauss(0, 1)) for v in near]
    if not any(row):
        row[rng.randrange(3)] = 1.0
    error = [0.0] * 3 if rng.random() < 0.4 else [bound(rng, v) for v in row]
    exact = tuple(
        Fraction(v) + Fraction(e) * rng.choice((-1, 1, Fraction(rng.uniform(-1, 1))))
        for v, e in zip(row, error, strict=True)
    )
    return row, error, exact


def set_line(search, at: int, row, error) -> None:
    lines = search.state.lines
    lines.row[at], lines.error[at] = row, error
    lines.kind[at, c.L_KIND] = signs.kind_of(np.array(row), np.array(error))
    lines.kind[at, c.L_CLASS_A] = lines.kind[at, c.L_CLASS_B] = -2


def set_form(search, row, error) -> None:
    form = search.state.form
    form.g[:], form.error[:] = row, error
    search.ctl[c.FORM_A] = search.ctl[c.FORM_B] = -1


def exact_corner(a: Row, b: Row, turn: int) -> Row:
    return tuple(turn * v for v in cross(a, b))


# --------------------------------------------------------------------------------------- corners
@pytest.mark.parametrize("disturbed", [False, True])
def test_bounds_of_corners_hold_for_all_exact_lines(search, disturbed):
    rng = random.Random(int(disturbed))
    state, seen = search.state, Counter()
    if disturbed:
        search.num[c.FAULT_RATE], search.num[c.FAULT_SEED] = 0.7, 5.0
    for _ in range(1500):
        a, a_off, _ = draw_row(rng)
        b, b_off, _ = draw_row(rng, np.array(a))
        set_line(search, A, a, a_off)
        set_line(search, B, b, b_off)
        turn = rng.choice((-1, 1))
        corners.make_corner(given(state), A, B, turn, PLACE)
        near = state.corners.at[PLACE].copy()
        assert state.corners.lines[PLACE, : c.EDGE].tolist() == [A, B, turn]
        assert np.all(np.isfinite(near[:3]))
        seen["bounded"] += near[c.E] < inf
        seen["exact"] += near[c.E] == 0.0
        seen["tight"] += near[c.E] < 1e-13
        if near[c.E] == inf:
            seen["unbounded"] += 1
            continue
        for _ in range(3):
            exact = [
                tuple(Fraction(v) + Fraction(e) * rng.choice((-1, 0, 1)) for v, e in pairs)
                for pairs in (zip(a, a_off, strict=True), zip(b, b_off, strict=True))
            ]
            assert check_bound(exact_corner(*exact, turn), near)
    assert seen["bounded"] > 500
    assert min(seen["unbounded"], seen["exact"], seen["tight"]) > 10
    assert (seen["tight"] < 0.3 * seen["bounded"]) == disturbed


def test_small_rows_have_bounds_that_hold(search):
    """Products of such rows and of their residuals are below the range of floats."""
    rng, state, bounded = random.Random(4), search.state, 0
    for _ in range(400):
        a, b = ([rng.gauss(0, 1) * 10.0 ** rng.uniform(-146, -143) for _ in range(3)] for _ in "ab")
        for line, row in ((A, a), (B, b)):
            state.lines.row[line], state.lines.error[line] = row, 0.0
        corners.make_corner(given(state), A, B, 1, PLACE)
        near = state.corners.at[PLACE].copy()
        exact = exact_corner(*(tuple(map(Fraction, row)) for row in (a, b)), 1)
        bounded += check_bound(exact, near)
    assert bounded > 100


def test_a_bound_that_is_too_small_is_refused(search):
    """The control: a hundredth of the bounds does not hold."""
    rng, refused = random.Random(9), 0
    for _ in range(400):
        a, _, _ = draw_row(rng)
        b, _, _ = draw_row(rng)
        off = [1e-9] * 3
        set_line(search, A, a, off)
        set_line(search, B, b, off)
        corners.make_corner(given(search.state), A, B, 1, PLACE)
        near = search.state.corners.at[PLACE].copy()
        near[c.E] *= 0.01
        exact = [
            tuple(Fraction(v) + Fraction(rng.choice((-1, 1)) * 1e-9) for v in row) for row in (a, b)
        ]
        try:
            check_bound(exact_corner(*exact, 1), near)
        except WrongError:
            refused += 1
    assert refused > 100


# ----------------------------------------------------------------------------------------- signs
def test_signs_at_corners(search):
    """By the corner's place, by the determinant, exactly, and all of them in order."""
    rng = random.Random(2)
    state, seen = search.state, Counter()
    S = given(state)
    P = given(search.problem)
    for _ in range(2000):
        a, a_off, a_exact = draw_row(rng)
        b, b_off, b_exact = draw_row(rng, np.array(a))
        ray = cross(a_exact, b_exact)
        if not any(ray):
            continue
        g, g_off, g_exact = draw_row(rng, np.array(rng.choice((a, b))))
        if rng.random() < 0.3:  # through the corner, or nearly
            mix = [rng.choice((-1, 1, 2)) for _ in range(2)]
            g = [mix[0] * x + mix[1] * y for x, y in zip(a, b, strict=True)]
            if not any(g):
                continue
            g_off = [0.0 if not any((*a_off, *b_off)) else abs(v) * 1e-15 for v in g]
            g_exact = tuple(Fraction(v) for v in g)
        set_line(search, A, a, a_off)
        set_line(search, B, b, b_off)
        set_form(search, g, g_off)
        turn = rng.choice((-1, 1))
        corners.make_corner(S, A, B, turn, PLACE)
        true = turn * sign(dot(ray, g_exact))
        near = signs_near(state)
        seen["near"] += near == true
        assert near in (true, c.UNSURE)
        kinds = [
            signs.kind_of(np.array(r), np.array(e)) for r, e in ((a, a_off), (b, b_off), (g, g_off))
        ]
        if min(kinds) >= c.MODERATE:
            found = signs._determinant(S, A, B)
            assert found in (turn * true, c.UNSURE)
            seen["determinant"] += found != c.UNSURE
            seen["only determinant"] += near == c.UNSURE != found
        if min(kinds) == c.EXACT:
            assert signs._exactly(S, A, B) == turn * true
            seen["exact"] += 1
            seen["exact zero"] += true == 0
        found, by = signs.sign_at(P, S, PLACE, kinds[2])
        assert found in (true, c.UNSURE)
        assert by in (c.FLOAT, c.INTEGER)
        assert found != c.UNSURE or min(kinds) < c.EXACT
        seen["open"] += found == c.UNSURE
        seen["zero"] += found == 0 == true
    assert min(seen[name] for name in ("near", "determinant", "exact", "zero")) > 100
    assert min(seen[name] for name in ("exact zero", "only determinant", "open")) > 20


def signs_near(state) -> int:
    return int(
        corners.sign_near(
            state.form.g.copy(), state.form.error.copy(), state.corners.at[PLACE].copy()
        )
    )


def test_what_was_answered_is_known(search):
    state = search.state
    set_line(search, A, [1.0, 1.0, 0.0], [1e-3] * 3)
    set_line(search, B, [1.0, -1.0, 0.0], [1e-3] * 3)
    set_form(search, [1.0, 0.0, 0.0], [1e-3] * 3)
    S, P = given(state), given(search.problem)
    for turn in (1, -1):
        corners.make_corner(S, A, B, turn, PLACE)
        search.ctl[c.N_MEMO] = 0
        assert signs.sign_at(P, S, PLACE, c.MODERATE)[0] == c.UNSURE
        search.ctl[c.ASK_FORM], search.ctl[c.N_MEMO] = 3, 2
        columns = [c.M_FORM, c.M_LINE_A, c.M_LINE_B, c.M_SIGN, c.M_TIER]
        state.memo[0, columns] = 4, A, B, -1, c.RATIONAL
        state.memo[1, columns] = 3, A, B, 1, c.RATIONAL
        assert signs.sign_at(P, S, PLACE, c.MODERATE) == (turn, c.RATIONAL)


# ------------------------------------------------------------------------------------------ cuts
def polygon(rng: random.Random) -> list[tuple[int, int, int]]:
    """Sides a x + b y + c >= 0 in integers, counterclockwise, of a polygon around (0, 0)."""
    normals = {(rng.randint(-9, 9), rng.randint(-9, 9)) for _ in range(rng.randint(3, 8))}
    rows = [(a, b, rng.randint(1, 12)) for a, b in normals if a or b]
    while True:
        found = order_round(rows)
        if found:
            return found
        rows.append((rng.randint(-9, 9) or 1, rng.randint(-9, 9), rng.randint(1, 12)))


def order_round(rows):
    """The sides with an edge, in order; None if they do not bound a polygon."""
    points = {}
    for i, a in enumerate(rows):
        for b in rows[:i]:
            x, y, w = cross(a, b)
            if w and all(dot(r, (Fraction(x, w), Fraction(y, w), 1)) >= 0 for r in rows):
                points.setdefault((Fraction(x, w), Fraction(y, w)), None)
    unbounded = any(
        all(r[0] * x + r[1] * y >= 0 for r in rows)
        for a in rows for x, y in ((a[1], -a[0]), (-a[1], a[0]))
    )  # fmt: skip
    if unbounded or len(points) < 3:
        return None
    corners_ = sorted(points, key=lambda p: atan2(p[1], p[0]))
    sides = []
    for p, after in zip(corners_, [*corners_[1:], corners_[0]], strict=True):
        on = [r for r in rows if dot(r, (*p, 1)) == dot(r, (*after, 1)) == 0]
        sides.append(on[0])
    return sides


def clipped(points, row, side):
    """Sutherland and Hodgman's clipping, in Fractions."""
    out = []
    for p, q in zip(points, [*points[1:], points[0]], strict=True):
        u, v = side * dot(row, (*p, 1)), side * dot(row, (*q, 1))
        if u >= 0:
            out.append(p)
        if u * v < 0:
            t = u / (u - v)
            out.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
    return out


def test_parts_of_polygons(search):
    rng = random.Random(4)
    state, seen = search.state, Counter()
    S, P = given(state), given(search.problem)
    for _ in range(400):
        sides = polygon(rng)
        k = len(sides)
        for n, row in enumerate(sides):
            set_line(search, c.FIRST_ROW + n, row, [0.0] * 3)
        points = []
        for n in range(k):
            corners.make_corner(
                S, c.FIRST_ROW + (n - 1) % k, c.FIRST_ROW + n, 1, c.FIRST_CORNER + n
            )
            state.corners.lines[c.FIRST_CORNER + n, c.EDGE :] = c.FIRST_ROW + n, 1
            x, y, w = cross(sides[n - 1], sides[n])
            points.append((Fraction(x, w), Fraction(y, w)))
        row = [rng.randint(-5, 5) for _ in range(3)]
        if rng.random() < 0.4:  # through a corner, or two
            (p, q), (x, y) = rng.choice(points), (rng.randint(-3, 3), rng.randint(-3, 3))
            if rng.random() < 0.5:
                other = rng.choice(points)
                x, y = q - other[1], other[0] - p
            row = [x, y, -(x * p + y * q)]
            scale = Fraction(np.lcm.reduce([Fraction(v).denominator for v in row]))
            row = [int(v * scale) for v in row]
        values = [dot(row, (*p, 1)) for p in points]
        if not any(row[:2]) or min(values) >= 0 or max(values) <= 0:
            continue
        set_form(search, [float(v) for v in row], [0.0] * 3)
        found = signs.verdict(P, S, c.FIRST_CORNER, k, False)
        assert found == c.CUT
        assert state.signs[:k].tolist() == [sign(v) for v in values]
        search.ctl[c.N_LINES] = line = c.FIRST_ROW + k
        assert cuts.add_line(S, 0) == line
        flat = cuts.new_corners(P, S, c.FIRST_CORNER, k, line)
        assert flat == 0
        begin = c.FIRST_CORNER + k
        for side in (1, -1):
            end = cuts.part(S, c.FIRST_CORNER, k, line, side, flat, begin)
            rows = [*sides, tuple(row)]
            got = []
            for at in range(begin, end):
                a, b, turn, edge, inward = state.corners.lines[at].tolist()
                x, y, w = (turn * v for v in cross(rows[a - c.FIRST_ROW], rows[b - c.FIRST_ROW]))
                assert w > 0
                got.append((Fraction(x, w), Fraction(y, w)))
                assert check_bound((*got[-1], Fraction(1)), state.corners.at[at])
                inside = rows[edge - c.FIRST_ROW]
                assert inward == (side if edge == line else 1)
                assert dot(inside, (*got[-1], 1)) == 0
            true = clipped(points, row, side)
            start = true.index(got[0])
            assert got == true[start:] + true[:start]
            for at in range(begin, end):  # the edge leads to the next corner
                edge = rows[state.corners.lines[at, c.EDGE] - c.FIRST_ROW]
                after = got[(at - begin + 1) % len(got)]
                assert dot(edge, (*after, 1)) == 0
        seen["cuts"] += 1
        seen["through corners"] += 0 in values
    assert seen["cuts"] > 150
    assert seen["through corners"] > 40


# ------------------------------------------------------------------------------------ quick ones
def test_quick_verdicts_hold_for_all_corners_and_forms_within_the_bounds(search):
    rng = random.Random(6)
    state, seen = search.state, Counter()
    S, P = given(state), given(search.problem)
    members, n = state.members, int(search.problem.layers.n_mem[0])
    assert n == 2
    for _ in range(1000):
        k = rng.randint(3, 6)
        exact_corners = []
        for v in range(k):
            p = [rng.uniform(-1, 1) for _ in range(3)]
            p[rng.randrange(3)] = rng.choice((-1.0, 1.0))
            e = rng.choice((0.0, 1e-16, 1e-15, 1e-9, 1e-3, 0.3))
            state.corners.at[c.FIRST_CORNER + v] = [*p, e]
            exact_corners.append(
                [Fraction(x) + Fraction(e) * rng.choice((-1, 0, 1)) if abs(x) < 1 else Fraction(x)
                 for x in p]
            )  # fmt: skip
        cuts.take(S, c.FIRST_CORNER, k)
        exact = []
        for i in range(n):
            row, error, true = draw_row(rng)
            for m in range(3):
                members.U[m * n + i], members.error[m * n + i] = row[m], error[m]
            exact.append(true)
        for plus, minus in ((0, -1), (1, -1), (0, 1)):
            form = exact[plus] if minus < 0 else [a - b for a, b in zip(*exact, strict=True)]
            true = [sign(dot(form, p)) for p in exact_corners]
            found = quick.quickly(P, S, 0, plus, minus)
            seen[found] += 1
            if found == c.POS:
                assert set(true) == {1}
            elif found == c.NEG:
                assert set(true) == {-1}
            elif found == c.CUT:
                assert set(true) == {-1, 1}
            if minus < 0 and quick.signs_quickly(P, S, 0, plus) == c.CUT:
                assert state.signs[:k].tolist() == true
                seen["signs"] += 1
        quick.bounds_at_corners(P, S, 0)
        for i in range(n):
            rows = members.U[i], members.U[n + i], members.U[2 * n + i]
            places = state.corners.at[c.FIRST_CORNER : c.FIRST_CORNER + k, :3]
            values = [sum(a * b for a, b in zip(rows, p, strict=True)) for p in places]
            size = sum(map(abs, rows)) * 1e-15
            assert state.low[i] == pytest.approx(min(values), abs=size)
            assert state.high[i] == pytest.approx(max(values), abs=size)
    assert min(seen[name] for name in (c.POS, c.NEG, c.CUT, c.UNSURE, "signs")) > 50
