"""The middle tier: its arithmetic, forms, points and certificates against rational numbers."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction
from operator import add

import corner_networks as corners
import numpy as np
import pytest
from marks import first_quick
from tier_checks import Compared, searches, verdict_of_middle

import exactspline as es
from exactspline.cells.forms import ExactForms
from exactspline.cells.space import search_space
from exactspline.search.kernel import control as c
from exactspline.search.kernel import engine
from exactspline.search.kernel.engine import KernelSearch
from exactspline.search.kernel.jit import entry
from exactspline.search.kernel.middle import arithmetic as dd
from exactspline.search.kernel.middle import arrays
from exactspline.search.kernel.middle.arrays import bounded_pairs, exactly
from exactspline.search.kernel.middle.fused import FUSED, product_error
from exactspline.search.kernel.middle.multiples import exact_sign

U2 = Fraction(1, 2**106)
BLOCKS, PAIRS = 25, 40_000  # a million operands


@pytest.fixture(autouse=True)
def no_rationals_first(monkeypatch):
    """Small networks would leave no decision to this tier."""
    monkeypatch.setattr(engine, "FEW", 0)


# --- Arithmetic ------------------------------------------------------------------------------


@entry
def _all_operations(a, a_low, b, b_low, out):
    for i in range(len(a)):
        out[0, i], out[1, i] = dd.two_sum(a[i], b[i])
        out[2, i], out[3, i] = dd.two_product(a[i], b[i])
        out[4, i], out[5, i] = dd.add(a[i], a_low[i], b[i], b_low[i])
        out[6, i], out[7, i] = dd.times(a[i], a_low[i], b[i], b_low[i])
        out[8, i], out[9, i] = dd.times_float(a[i], a_low[i], b[i])
        out[10, i], out[11, i] = dd.divide(a[i], a_low[i], b[i], b_low[i])


def _operand(rng: random.Random, other: float) -> float:
    """A float64 that an error-free transformation may stumble over."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.uniform(-1, 1) * 2.0 ** rng.randint(-200, 200)
    if kind == 1:  # cancels with the other operand, or nearly
        return -math.nextafter(other, math.inf * rng.choice((-1, 1))) if other else 1.0
    if kind == 2:  # a power of two, or its neighbour: halfway cases
        return math.nextafter(2.0 ** rng.randint(-60, 60), rng.choice((0.0, 1e300)))
    if kind == 3:
        return float(rng.randint(-(2**53), 2**53))
    if kind == 4:
        return rng.choice((0.0, -0.0, 1.0, -1.0, 2.0**53, 2.0**-53, 1 + 2.0**-52))
    return other * 2.0 ** rng.randint(-107, 2)


def _pair(rng: random.Random, other: float) -> tuple[float, float]:
    high = _operand(rng, other)
    low = rng.choice((0.0, 0.5, -0.5, rng.uniform(-0.5, 0.5))) * math.ulp(high)
    return (high, low) if high + low == high else (high, 0.0)


GRID = 640  # binary places: more than the smallest operand's last one, or its low word's, has


def _on_grid(values: np.ndarray) -> list[int]:
    """Floats as the integers that they are, in units of 2^-GRID."""
    assert np.isfinite(values).all()
    mantissas, exponents = np.frexp(values)
    whole = np.ldexp(mantissas, 53).astype(np.int64).tolist()
    shifts = (exponents.astype(np.int64) + (GRID - 53)).tolist()
    found = [m << s if s >= 0 else m >> -s for m, s in zip(whole, shifts, strict=True)]
    lost = [m for m, s in zip(whole, shifts, strict=True) if s < 0 and m & ((1 << -s) - 1)]
    assert not lost
    return found


@pytest.mark.parametrize("block", first_quick(range(BLOCKS)))
def test_operations(block):
    """Transformations are exact; sums and products are as near as `arithmetic` promises.

    All are compared as integers: sums in units of 2^-GRID, products in units of 2^-2 GRID.
    """
    rng = random.Random(block)
    n = PAIRS if block else PAIRS // 4
    first = [_pair(rng, 1.0) for _ in range(n)]
    second = [_pair(rng, x) for x, _ in first]
    columns = [np.array(v) for v in (*zip(*first, strict=True), *zip(*second, strict=True))]
    out = np.zeros((12, n))
    _all_operations(*columns, out)
    assert np.array_equal(out[4] + out[5], out[4])  # normalised
    out[10:, columns[2] == 0] = 0.0  # no quotient
    for a, a_low, b, b_low, *found in zip(*map(_on_grid, (*columns, *out)), strict=True):
        s, p, total, product, scaled, quotient = map(add, found[::2], found[1::2])
        assert s == a + b
        assert p << GRID == a * b
        x, y = a + a_low, b + b_low
        assert abs(total - (x + y)) << 106 <= 4 * (abs(x) + abs(y))
        xy, xb = x * y, x * b
        assert abs((product << GRID) - xy) << 106 <= 6 * abs(xy)
        assert abs((scaled << GRID) - xb) << 106 <= 6 * abs(xb)
        if b:
            assert abs(quotient * y - (x << GRID)) << 100 <= abs(x) << GRID


def test_products_without_a_fused_one(monkeypatch):
    """Splitting numbers in halves gives the same errors."""
    import importlib

    from exactspline.search.kernel import block
    from exactspline.search.kernel.middle import fused

    rng = random.Random(1)
    pairs = [(_operand(rng, 1.0), _operand(rng, 3.0)) for _ in range(2_000)]
    expected = [Fraction(a) * Fraction(b) - Fraction(a * b) for a, b in pairs]
    assert [Fraction(product_error(a, b, a * b)) for a, b in pairs] == expected
    monkeypatch.setattr(block, "BY_POINTER", False)
    try:
        halves = importlib.reload(fused)
        assert not halves.FUSED
        plain = halves.product_error.py_func
        assert [Fraction(plain(a, b, a * b)) for a, b in pairs] == expected
    finally:
        monkeypatch.undo()
        assert importlib.reload(fused).FUSED is FUSED


def test_sums_on_a_grid_are_exact():
    """As long as nothing reaches 2^103 grid units, nothing is rounded."""
    rng = random.Random(2)
    for _ in range(3_000):
        unit = Fraction(2) ** rng.randint(-300, 300)
        total, low, exact = 0.0, 0.0, 0
        for _ in range(rng.randint(2, 9)):
            a, b = rng.randint(-(2**48), 2**48), rng.randint(-(2**51), 2**51)
            if rng.random() < 0.3:
                b = -(exact // a) if a and abs(exact // a) < 2**51 else b  # cancels
            x, x_low = dd.times_float(float(a * unit), 0.0, float(b))
            total, low = dd.add(total, low, x, x_low)
            exact += a * b
            assert Fraction(total) + Fraction(low) == exact * unit


@pytest.mark.parametrize("kind", ["float", "third", "long", "tiny", "huge"])
def test_pairs_of_parameters(kind):
    rng = random.Random(kind)
    draws = {
        "float": lambda: Fraction(rng.uniform(-1, 1)),
        "third": lambda: Fraction(rng.randint(-50, 50), rng.choice((3, 7, 1))),
        "long": lambda: Fraction(rng.randint(-(2**100), 2**100), 2**40),
        "tiny": lambda: Fraction(rng.randint(-9, 9), 10 ** rng.randint(140, 400)),
        "huge": lambda: Fraction(rng.randint(-9, 9) * 10 ** rng.randint(200, 300)),
    }
    values = np.array([draws[kind]() for _ in range(200)], dtype=object)
    for value, high, low, error in zip(values, *bounded_pairs(values), strict=True):
        assert abs(value - Fraction(high) - Fraction(low)) <= Fraction(error)
        if error == 0 and value:  # what is called exact loses nothing in products
            assert abs(high) >= 1e-150
            assert low == 0 or abs(low) >= 1e-150


# --- Forms -----------------------------------------------------------------------------------


class Forms:
    """Compares the middle tier's forms of the current cell with the exact ones."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def __call__(self, search: KernelSearch) -> None:
        state, ctl = search.state, search.state.ctl
        if ctl[c.REASON] != c.SEEN_VERDICT:
            return
        verdict_of_middle(search)
        middle, layer = state.middle, int(ctl[c.LAYER])
        exact = ExactForms(*search.moderate)
        row = exact.form(layer, int(ctl[c.QUERY_FORM]), state.codes)
        self.compare(row, middle.form.g, middle.form_low, middle.form.error, 1)
        for i in range(len(exact.domain_rows), int(ctl[c.N_PATH])):
            form = int(state.path.form[i]), state.codes
            row = exact.form(int(state.path.layer[i]), *form)
            error, sign = middle.path.error[i], int(state.path.sign[i])
            self.compare(row, middle.path.row[i], middle.path_low[i], error, sign)

    def compare(self, exact, high, low, error, sign) -> None:
        found = exactly(high, low)
        for a, b, e in zip([*exact[1:], exact[0]], found, error.tolist(), strict=True):
            off = abs(Fraction(int(b.p), int(b.q)) - sign * Fraction(int(a.p), int(a.q)))
            assert off <= Fraction(e)
            self.seen["exact" if e == 0 else "bounded"] += 1


@pytest.mark.parametrize("block", first_quick(range(6)))
def test_forms_are_within_their_bounds(block):
    forms = Forms()
    for search in searches(12, block):
        search.audit = forms
        search.state.ctl[c.AUDIT] = 1
        for done, _ in enumerate(search.batches()):
            if done > 3:
                break
    assert min(forms.seen["exact"], forms.seen["bounded"]) > 100, forms.seen


# --- Verdicts of tiers -----------------------------------------------------------------------


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_tiers_never_contradict_each_other(block):
    compared = Compared()
    for search in searches(30, 100 + block):
        search.audit = compared
        search.state.ctl[c.AUDIT] = 1
        for _ in search.batches():
            pass
    assert compared.seen["decided"] > 1_000
    assert compared.seen["open"] < 0.1 * compared.seen["decided"], compared.seen


# --- Counts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", first_quick(range(8)))
def test_corners_have_the_codes_of_the_twin(block):
    """Also with thin cells, whose witnesses are pairs of floats; they are checked exactly."""
    rng = random.Random(block)
    thin = 0
    for name in sorted(corners.FAMILIES):
        for _ in range(3):
            widths = (rng.randint(2, 3), rng.randint(3, 6), rng.randint(2, 4))
            corner = corners.draw(name, rng.randrange(10**6), widths)
            omega = es.enumerate_regions(corner.network, corner.domain)
            assert [tuple(code) for code in omega.codes.tolist()] == corner.codes
            for i, point in omega.exact_witnesses.items():
                code = es.codes(corner.network, np.array([point], dtype=object), exact=True)[0]
                assert code.tolist() == omega.codes[i].tolist()
                thin += 1
    assert thin > 0


def test_identities_of_products_of_integers():
    """Weights of 40 bits in two layers: rows of 80 bits, whose ties are told in integers."""
    rng = np.random.default_rng(3)
    weights = [rng.integers(-3, 4, size=(8, 3)), rng.integers(-3, 4, size=(6, 8))]
    scale = 2**40 + 12345.0
    steps: list[es.Operator] = []
    for weight in weights:
        steps += [es.Dense(weight * scale, np.zeros(len(weight))), es.ReLU()]
    small: list[es.Operator] = []
    for weight in weights:
        small += [es.Dense(weight, np.zeros(len(weight))), es.ReLU()]
    box = es.Box(-1, 1, dim=3)
    large = es.count_regions(es.Network(steps, (3,)), box)
    assert large == es.count_regions(es.Network(small, (3,)), box)
    assert large.decisions.rational < 0.02 * large.decisions.total


def test_the_first_open_decisions_are_rational(monkeypatch):
    """They cost less than a tier that must be compiled; the regions are the same."""
    corner = corners.draw("signs", 1, (3, 6, 4))
    found = []
    for few in (0, 5, 10**9):
        monkeypatch.setattr(engine, "FEW", few)
        space = search_space(corner.network.program, corner.domain.chart)
        search = KernelSearch(corner.network.program, space)
        codes = [tuple(row) for batch in search.batches() for row in batch.codes.tolist()]
        found.append((codes, search.decisions))
    assert [codes for codes, _ in found] == [corner.codes] * 3
    assert found[0][1].double_double > 0 == found[0][1].rational
    assert found[1][1].rational >= 5
    assert found[2][1].double_double == 0 < found[2][1].rational


def test_without_room_there_are_rationals(monkeypatch):
    corner = corners.draw("signs", 1, (3, 6, 4))
    monkeypatch.setattr(arrays, "MOST_NUMBERS", 0)
    found = es.enumerate_regions(corner.network, corner.domain)
    assert [tuple(code) for code in found.codes.tolist()] == corner.codes
    assert found.decisions.double_double == 0 < found.decisions.rational


# --- Multiples -------------------------------------------------------------------------------


def test_signs_of_sums():
    """Sums that cancel to nothing, or to one unit in the last place of the smallest term."""
    rng = random.Random(4)
    zeros = 0
    for _ in range(3_000):
        n = rng.randint(1, 16)
        terms = [rng.choice((-1, 1)) * rng.random() * 2.0 ** rng.randint(-90, 90) for _ in range(n)]
        kind = rng.randrange(3)
        if kind:  # what is left of them, term by term
            rest = sum(map(Fraction, terms))
            while rest and len(terms) < 16:
                terms.append(-float(rest))
                rest = sum(map(Fraction, terms))
        if kind == 2 and len(terms) < 16:
            terms.append(rng.choice((-1, 1)) * 2.0**-300)
        rng.shuffle(terms)
        exact = sum(map(Fraction, terms))
        zeros += exact == 0
        assert exact_sign(np.array(terms), len(terms)) == (exact > 0) - (exact < 0)
    assert zeros > 100


@pytest.mark.parametrize("shift", [0.0, 0.1, -0.1])
def test_multiples_with_any_ratio(shift):
    """Two units on parallel hyperplanes, or on one: 0.3 (x - y) and 0.7 (x - y) + shift."""
    rows = es.Dense([[0.3, -0.3], [0.7, -0.7]], [0.0, shift])
    net = es.Network([rows, es.ReLU()], (2,))
    found = es.enumerate_regions(net, es.Box(-1, 1, dim=2), engine="kernel")
    assert [tuple(code) for code in found.codes.tolist()] == (
        [(0, 0), (1, 1)] if shift == 0 else [(0, 0), (0, 1) if shift > 0 else (1, 0), (1, 1)]
    )
    assert found.decisions.rational == 0
    assert found.decisions.double_double > 0 or shift != 0
