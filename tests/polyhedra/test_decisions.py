"""Decisions on cells against two twins: double description, and a plain table in integers."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import flint
import naive
import pytest
from marks import first_quick
from plain_decisions import PlainCell

from exactspline.clock import Clock, OutOfTime
from exactspline.polyhedra import constraints as constraints_module
from exactspline.polyhedra import decisions as module
from exactspline.polyhedra.constraints import Constraints
from exactspline.polyhedra.decide import decide, interior
from exactspline.polyhedra.decisions import CellDecider
from exactspline.polyhedra.dictionary import at_basis, at_point, homogeneous, int_row, point_of
from exactspline.polyhedra.lp import interior_point, minimise, qrow, value_at
from exactspline.rationals import fractions

KINDS = ("ties", "floats", "near ties", "wide", "thirds")


def number(rng: random.Random, kind: str) -> Fraction:
    whole = Fraction(rng.choice((-2, -1, -1, 0, 0, 1, 1, 2)))
    if kind == "floats":
        return Fraction(rng.gauss(0, 1))
    if kind == "near ties":
        return whole + rng.choice((0, 0, 1, -1)) * Fraction(1, 10 ** rng.choice((9, 16, 30, 200)))
    if kind == "wide":
        return whole * Fraction(2) ** rng.randint(-300, 300)
    return whole / 3 if kind == "thirds" else whole


class Drawn:
    """A random cell: rows, an inner point, and the twin's cone."""

    def __init__(self, rng: random.Random, kind: str) -> None:
        self.rng, self.kind = rng, kind
        self.dim = rng.choice((1, 2, 2, 3, 3, 4))
        self.inside = [Fraction(rng.randint(-4, 4), rng.choice((1, 2, 3))) for _ in range(self.dim)]
        self.rows: list[list[Fraction]] = []
        # none at all, free directions, bounded, coincident rows
        for _ in range(rng.choice((0, 1, self.dim, 2 * self.dim, 3 * self.dim + 2))):
            self.rows.append(self.row())
        pairs = [self._half_space(row) for row in self.rows]
        where = ("polytope", [g for g, _ in pairs], [h for _, h in pairs])
        self.cone, _ = naive._root(where if pairs else ("all", self.dim))

    @staticmethod
    def _half_space(row: list[Fraction]) -> tuple[list[Fraction], Fraction]:
        return [-v for v in row[1:]], row[0]

    def row(self) -> list[Fraction]:
        """Positive at the inner point, sometimes a row again, moved a little or not."""
        rng = self.rng
        if self.rows and rng.random() < 0.25:
            factor = rng.choice((1, 2, Fraction(1, 3)))
            row = [factor * v for v in rng.choice(self.rows)]
            room = Fraction(rng.choice((0, 0, 1)), 10 ** rng.choice((1, 16, 40)))
            return [row[0] + room, *row[1:]]
        tail = [number(rng, self.kind) for _ in range(self.dim)]
        room = rng.choice((Fraction(1), Fraction(2), Fraction(1, 3), Fraction(1, 10**20)))
        return [room - sum(a * x for a, x in zip(tail, self.inside, strict=True)), *tail]

    def form(self) -> list[Fraction]:
        """Any form: new, through the inner point, a row or its opposite, constant or zero."""
        rng, chance = self.rng, self.rng.random()
        if chance < 0.04:
            return [Fraction(rng.randint(-1, 1)), *[Fraction(0)] * self.dim]
        if chance < 0.3 and self.rows:
            sign = rng.choice((1, -1))
            row = [sign * v for v in rng.choice(self.rows)]
            return [row[0] + rng.choice((0, 0, number(rng, "near ties"))), *row[1:]]
        tail = [number(rng, self.kind) for _ in range(self.dim)]
        through = -sum(a * x for a, x in zip(tail, self.inside, strict=True))
        return [through + rng.choice((0, 1, number(rng, self.kind))), *tail]


def rows_of(rows: list[list[Fraction]]) -> list[list[flint.fmpq]]:
    return [qrow(row[0], row[1:]) for row in rows]


def twin_kind(cone: naive.Cone, form: list[Fraction], dim: int) -> tuple[str, list]:
    """The verdict by double description, and the cones of both sides."""
    if not any(form):
        return "zero", [cone, cone]
    sides = list(naive._split(cone, naive._integral([form])[1][0], dim + 1))
    if None not in sides:
        return "cut", sides
    return ("positive" if sides[0] is None else "negative"), sides


def strictly_inside(rows: list[list[Fraction]], point: list[flint.fmpq]) -> bool:
    return all(value_at(row, point) > 0 for row in rows_of(rows))


@pytest.mark.parametrize("block", first_quick(range(6)))
def test_a_walk_of_decisions_agrees_with_both_twins(block):
    rng = random.Random(7_300 + block)
    seen: Counter[str] = Counter()
    for number_ in range(120):
        drawn = Drawn(rng, KINDS[number_ % len(KINDS)])
        rows, cone, cell = list(drawn.rows), drawn.cone, None
        for _ in range(8):
            if cell is None:
                cell = CellDecider(rows_of(rows), qrow(0, drawn.inside)[1:])
            form = drawn.form()
            kind, sides = twin_kind(cone, form, drawn.dim)
            inside = fractions(cell.inside)
            if any(form) and sum(a * x for a, x in zip(form, [1, *inside], strict=True)) == 0:
                seen["through the inner point"] += 1
            assert PlainCell(rows, inside).kind(form) == kind
            bases = [rng.sample(range(len(rows)), drawn.dim)] if len(rows) > drawn.dim else []
            found = cell.decide(rows_of([form])[0], bases if rng.random() < 0.5 else [])
            assert found.kind == kind
            seen[kind] += 1
            if kind != "cut":
                continue
            for sign in (1, -1):
                own = [*rows, [sign * v for v in form]]
                assert strictly_inside(own, found.side(sign).inside)
            if rng.random() < 0.7:  # go on with one side, else with the whole cell
                sign = rng.choice((1, -1))
                rows.append([sign * v for v in form])
                cone, cell = sides[sign > 0], found.side(sign)
        seen["walks"] += 1
    assert seen["walks"] == 120
    assert min(seen[k] for k in ("positive", "negative", "zero", "cut")) > 10, seen
    assert seen["through the inner point"] > 5, seen


@pytest.mark.parametrize("wide", [0, 24])
def test_guessed_bases_change_no_verdict(wide, monkeypatch):
    monkeypatch.setattr(module, "_WIDE", wide)
    rng = random.Random(7_400)
    for number_ in range(150):
        drawn = Drawn(rng, KINDS[number_ % len(KINDS)])
        rows, form = rows_of(drawn.rows), drawn.form()
        inside = qrow(0, drawn.inside)[1:]
        bases = [
            [rng.randrange(len(rows)) for _ in range(drawn.dim)]
            for _ in range(rng.randint(0, 3) if rows else 0)
        ]
        verdict = decide(rows, rows_of([form])[0], inside, bases)
        assert verdict.kind == twin_kind(drawn.cone, form, drawn.dim)[0]
        if verdict.kind == "cut":
            for sign, point in ((1, verdict.plus), (-1, verdict.minus)):
                assert strictly_inside([*drawn.rows, [sign * v for v in form]], point)


def test_the_same_decisions_find_the_same_points():
    """Whether a cell is decided on at once, in a copy, or again after the clock has left it."""
    rng = random.Random(7_500)
    left = 0
    for number_ in range(80):
        drawn = Drawn(rng, KINDS[number_ % len(KINDS)])
        cell = CellDecider(rows_of(drawn.rows), qrow(0, drawn.inside)[1:])
        for _ in range(5):
            form = rows_of([drawn.form()])[0]
            before = cell.copy()
            patience = rng.randint(0, 3)
            asked = iter(range(10**6))
            clock = Clock(last=patience, now=lambda asked=asked: next(asked))
            try:
                with clock.running():
                    cell.decide(form)
                cell = before.copy()
            except OutOfTime:
                left += 1
            one, two = cell.decide(form), before.decide(form)
            assert one.kind == two.kind
            if one.kind == "cut":
                assert all(one.side(s).inside == two.side(s).inside for s in (1, -1))
                cell = one.side(rng.choice((1, -1)))
    assert left > 20


def test_dictionaries_are_what_they_say():
    """A basis's point and directions satisfy their defining equations; the least value is lp's."""
    rng = random.Random(7_600)
    made = 0
    for _ in range(120):
        dim = rng.randint(1, 4)
        rows = [[rng.randint(-3, 3) for _ in range(dim + 1)] for _ in range(dim)]
        ints = [int_row(qrow(row[0], row[1:])) for row in rows]
        start = homogeneous([flint.fmpq(rng.randint(-3, 3), 2) for _ in range(dim)])
        found = at_basis(ints, range(dim), start)
        if flint.fmpz_mat([row[1:] for row in rows]).det() == 0:
            assert found is None
            continue
        made += 1
        assert found is not None
        at = point_of(found.point)
        assert all(value_at(qrow(row[0], row[1:]), at) == 0 for row in rows)
        for owner, column in zip(found.owners, found.directions, strict=True):
            for i, row in enumerate(ints):
                rise = sum(a * b for a, b in zip(row[1:], column, strict=True))
                assert rise == (found.pivot if i == owner else 0)
    assert made > 60


def test_the_least_value_is_that_of_the_rational_table():
    """Descending until nothing falls gives the minimum of `lp.minimise`."""
    rng = random.Random(7_700)
    for _ in range(60):
        drawn = Drawn(rng, "ties")
        rows, inside = rows_of(drawn.rows), qrow(0, drawn.inside)[1:]
        form = rows_of([drawn.form()])[0]
        best = minimise(rows, form, inside)
        cell = CellDecider(rows, inside)
        if best.value is None:
            assert any(form[1:])
            continue
        for shift, kind in ((0, "positive"), (flint.fmpq(1, 10**30), "cut")):
            moved = [form[0] - best.value - shift, *form[1:]]
            if value_at(moved, inside) > 0:
                assert cell.decide(moved).kind == kind


def test_long_points_are_rounded_inside_and_slivers_kept():
    for gap in (Fraction(1, 3), Fraction(1, 10**400)):
        rows = [qrow(0, [1, 0]), qrow(gap, [-1, 0]), qrow(1, [0, 1]), qrow(1, [0, -1])]
        x = flint.fmpq(3**1000, 7**565)  # 0.4
        cell = CellDecider(rows, [x * flint.fmpq(gap.numerator, gap.denominator), flint.fmpq(0)])
        found = cell.decide(qrow(Fraction(-1, 10**5), [0, 1]))
        assert found.kind == "cut"
        side = found.side(1)
        assert all(value_at(row, side.inside) > 0 for row in rows)
        assert (side.at[0].bit_length() < 200) == (gap == Fraction(1, 3))


def test_free_coordinates_start_where_they_are():
    state = at_point(homogeneous([flint.fmpq(1, 2), flint.fmpq(3)]))
    assert point_of(state.point) == [flint.fmpq(1, 2), flint.fmpq(3)]
    assert state.owners == (-1, -1)
    assert state.pivot == 1


def test_inner_points_are_found_where_there_are_any():
    rng = random.Random(7_800)
    seen: Counter[str] = Counter()
    for number_ in range(200):
        drawn = Drawn(rng, KINDS[number_ % len(KINDS)])
        rows = [*drawn.rows, *(drawn.form() for _ in range(rng.randint(0, 3)))]
        if rng.random() < 0.2:  # a hyperplane's both sides: flat or empty
            row = drawn.form()
            rows += [row, [-v for v in row]]
        found, truth = interior(rows_of(rows), drawn.dim), interior_point(rows_of(rows), drawn.dim)
        assert (found is None) == (truth is None or bool(truth[1]))
        seen["none" if found is None else "some"] += 1
        assert found is None or strictly_inside(rows, found)
    assert min(seen.values()) > 30, seen


def test_rows_in_a_matrix_block_as_rows_in_a_list(monkeypatch):
    """Whatever share of the rows stands in the matrix, and with rows dropped."""
    rng = random.Random(7_900)
    for _ in range(60):
        dim = rng.randint(2, 6)
        rows = [[flint.fmpz(rng.randint(-4, 4)) for _ in range(dim + 1)] for _ in range(20)]
        point = [flint.fmpz(1)] + [flint.fmpz(rng.randint(-2, 2)) for _ in range(dim)]
        rows = [r if sum(a * x for a, x in zip(r, point, strict=True)) >= 0 else [-v for v in r]
                for r in rows]  # fmt: skip
        state = at_point(point)
        own = Constraints(rows[:12])
        answers = []
        for tail in (0, 8, 100):
            monkeypatch.setattr(constraints_module, "_TAIL", tail)
            own.leaving(state, 0, 1)
            more = own
            for row in rows[12:]:
                more = more.with_row(row)
            more = more.without(3).without(15)
            answers.append([more.leaving(state, at, d) for at in range(dim) for d in (1, -1)])
        expected = []
        for at in range(dim):
            for d in (1, -1):
                steps = [
                    (Fraction(int(v), int(-r[at + 1] * d)), i)
                    for i, r in enumerate(rows)
                    for v in [sum(a * x for a, x in zip(r, point, strict=True))]
                    if r[at + 1] * d < 0 and i not in (3, 15)
                ]
                expected.append(min(steps)[1] if steps else -1)
        assert answers == [expected] * 3
