"""Check 13: counts against bounds, Zaslavsky's theorem, the table of bounds."""

from __future__ import annotations

import itertools
import json
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from theory_nets import toy, two_layers

import exactspline as es
from exactspline import theory
from exactspline.bounds import (
    hinz2019,
    maxout2021,
    montufar2014_lower,
    montufar2017,
    raghu2017,
    serra2018,
    serra2018_lower,
)
from exactspline.theory.counting.counts import Bound


@pytest.mark.parametrize(
    ("n0", "widths", "values"),
    [(2, [8, 8], (592, 925, 1369)), (2, [6, 6, 6], (1782, 5632, 10648)),
     (3, [9, 9], (3510, 8320, 16900)), (1, [3, 3, 3], (36, 64, 64))],
)  # fmt: skip
def test_published_values(n0, widths, values):
    found = theory.bounds([n0, *widths])
    assert found["Montufar 2014"].value == values[0]
    assert found["Serra et al. 2018, lower"].value == values[1]
    assert found["Serra et al. 2018"].value == values[2]
    assert found["Hinz, van de Geer 2019"].value == values[2]
    assert found.upper == values[2]
    assert found.lower == values[1]
    for name in ("Montufar 2014", "Montufar 2017", "Serra", "Hinz", "Raghu"):
        assert name in str(found)


def test_a_narrow_layer_bounds_what_follows():
    """Behind two units there are two dimensions, whatever the inputs were."""
    assert montufar2017([2, 8], 3) == 4 * 37
    assert serra2018([2, 8], 3) == hinz2019([2, 8], 3) == 1 + 2 * 9 + 37


def test_skip_connections_break_the_bounds_for_chains():
    """Lines behind one unit would be points; with the inputs passed on they cut the plane."""
    lines = es.Dense([[0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 1, -1]], [0, 0, -1, -3])
    net = es.Network(
        [es.Branches([[es.Dense([[1, 2]], [5]), es.ReLU()], []], es.Concat()), lines, es.ReLU()],
        (2,),
    )
    count = len(es.enumerate_regions(net))
    found = theory.bounds(net)
    assert montufar2017([1, 4], 2) == 10 < count <= found.upper
    assert found["Montufar 2017"].value is None
    assert found["Serra et al. 2018"].value is None


def test_parallel_hyperplanes_count_once_each():
    """One unit of ten pieces and one of two in a layer: ten hyperplanes, not two of rank ten."""
    corners = list(range(9))
    steps = es.ScalarSpline(corners, [k % 2 for k in range(10)])
    net = es.Network([es.Branches([[es.Dense([[1, 0]]), steps], [es.Dense([[0, 1]]), es.ReLU()]],
                                  es.Concat())], (2,))  # fmt: skip
    assert theory.bounds(net)["Raghu et al. 2017"].value == 1 + 10 + 45


def test_formulas_against_each_other():
    """The matrices give Serra's sum; bounds stand in their order."""
    for seed in range(60):
        rng = random.Random(seed)
        widths, n0 = [rng.randint(1, 6) for _ in range(rng.randint(1, 4))], rng.randint(1, 5)
        assert hinz2019(widths, n0) == serra2018(widths, n0)
        assert serra2018(widths, n0) <= montufar2017(widths, n0) <= raghu2017(widths, n0)
        lower, better = montufar2014_lower(widths, n0), serra2018_lower(widths, n0)
        assert (lower is None) == (min(widths) < n0)
        if better is not None:
            assert lower <= better <= serra2018(widths, n0)
    for m, k, n in itertools.product(range(4), range(1, 4), range(4)):
        plain = sum(
            (k - 1) ** len(chosen)
            for size in range(min(m, n) + 1) for chosen in itertools.combinations(range(m), size)
        )  # fmt: skip
        assert maxout2021(m, k, n) == plain


def family(name, n):
    e = np.eye(n, dtype=int)
    pairs = list(itertools.combinations(range(n), 2))
    if name == "boolean":
        return e, [0] * n
    if name == "braid":
        return [e[i] - e[j] for i, j in pairs], [0] * len(pairs)
    if name == "B":
        rows = [*e, *(e[i] + s * e[j] for i, j in pairs for s in (1, -1))]
        return rows, [0] * len(rows)
    if name == "Shi":
        rows = [e[i] - e[j] for i, j in pairs for _ in range(2)]
        return rows, [-s for _ in pairs for s in range(2)]
    if name == "resonance":
        rows = [v for v in itertools.product((0, 1), repeat=n) if any(v)]
    else:
        rows = [(1, *v) for v in itertools.product((0, 1), repeat=n)]
    return rows, [0] * len(rows)


@pytest.mark.parametrize(
    ("name", "first", "values"),
    [("boolean", 1, (2, 4, 8, 16)), ("braid", 2, (2, 6, 24, 120)), ("B", 1, (2, 8, 48, 384)),
     ("Shi", 2, (3, 16, 125, 1296)), ("resonance", 1, (2, 6, 32, 370)),
     ("threshold", 1, (4, 14, 104))],
)  # fmt: skip
def test_zaslavsky_on_known_arrangements(name, first, values):
    for n, value in enumerate(values, first):
        regions, bounded = theory.zaslavsky(*family(name, n))
        assert regions == value
        if name == "Shi":
            assert bounded == (n - 1) ** (n - 1)
        elif name != "boolean":
            assert bounded == (regions == 1)


def test_generic_arrangements():
    rng = random.Random(0)
    for m, n in ((3, 2), (5, 2), (5, 3), (6, 1)):
        W = [[rng.randint(-999, 999) for _ in range(n)] for _ in range(m)]
        b = [rng.randint(-999, 999) for _ in range(m)]
        regions = sum(math.comb(m, i) for i in range(n + 1))
        assert theory.zaslavsky(W, b) == (regions, math.comb(m - 1, n))


def test_counts_of_random_networks():
    """Every upper bound that applies is kept; first layers have Zaslavsky's number."""
    exact = 0
    for net, domain, context in toy(60, seed="counts"):
        report = theory.check_counts(net, domain)
        assert report.holds or not net.program.layers, f"{context}: {report}"
        exact += "first layer, by Zaslavsky's theorem" in report.details
    assert exact > 5


def test_a_bound_that_does_not_apply_would_fail():
    """Folding: 16 regions against the 5 of Serra's formula, which holds for ReLU only."""
    fold = [es.Dense([[2]], [-1]), es.Abs()] + [es.Dense([[-2]], [1]), es.Abs()] * 3
    net = es.Network(fold, (1,))
    assert theory.bounds(net)["Serra et al. 2018"].value is None
    assert theory.check_counts(net).holds
    claimed = Bound("Serra", "upper", serra2018([1, 1, 1, 1], 1), "", "")
    report = theory.check_counts(net, against=[claimed])
    assert report.verdict == "fails"
    assert report.counterexample == {"regions": 16, "bound": "Serra", "its value": 5}
    lower = Bound("best weights", "lower", 10**9, "", "")
    assert theory.check_counts(net, against=[lower]).verdict == "holds"  # by Zaslavsky alone
    on_box = es.enumerate_regions(net, es.Box([0], [1]))
    assert theory.check_counts(on_box, against=[lower]).verdict == "not applicable"


def test_zaslavsky_finds_a_wrong_count(monkeypatch):
    from exactspline.theory.counting import counts

    monkeypatch.setattr(counts, "zaslavsky", lambda W, b: (8, 0))
    report = theory.check_counts(two_layers())
    assert report.verdict == "fails"
    assert report.counterexample == {
        "regions of the first layer": 7, "Zaslavsky's theorem": 8,
    }  # fmt: skip


def test_maxout_attains_its_bound():
    """The three known networks with 7, 19 and 27 regions."""
    cases = [
        ([(1,)] * 3, [(0, 1), (2, 3), (4, 5)], 7),
        ([(1, 0), (0, 1), (1, 1)], [(0, 1), (0, 1), (Fraction(1, 2), Fraction(7, 4))], 19),
        ([(1, 0, 0), (0, 1, 0), (0, 0, 1)], [(0, 1)] * 3, 27),
    ]
    for rows, cuts, value in cases:
        A = [[[0] * len(w), w, [2 * v for v in w]] for w in rows]
        B = [[0, -c1, -Fraction(c1) - Fraction(c2)] for c1, c2 in cuts]
        net = es.Network([es.MASO(A, B)], (len(rows[0]),))
        assert theory.bounds(net)["Raghu et al. 2017"].value == value
        assert theory.check_counts(net).details["regions"] == value


def test_table_and_errors():
    net = two_layers(last=es.ReLU())
    found = theory.bounds(net, es.Box([0, 0], [0, 1]))
    assert found["Montufar 2017"].value == 12  # dimension 1: 4 * 3
    assert json.loads(json.dumps(found.to_json()))["bounds"][0]["value"] == "32"
    assert len(found) == len(list(found)) == 7
    assert len(theory.bounds(es.Network([], (2,)))) == 1
    assert theory.bounds([2]).upper == 1
    for bad in ([0, 3], [2, -1], "28", [2, 1.5], [True], [], 7, [[2]]):
        with pytest.raises(es.ParameterError):
            theory.bounds(bad)
    with pytest.raises(es.ParameterError):
        theory.bounds([2, 3], es.WholeSpace(2))
    with pytest.raises(es.ShapeError):
        theory.bounds(net, es.WholeSpace(3))
    with pytest.raises(es.LimitError):
        theory.bounds([2, 10**9])
    with pytest.raises(es.ParameterError):
        found["nobody"]
    for W, b in ([[1, 2], None], [[[1, 2]], [1, 2]]):
        with pytest.raises(es.ShapeError):
            theory.zaslavsky(W, b)


def test_wide_layers():
    """Long numbers are shown short, and the matrices are left out."""
    found = theory.bounds([784, 2000, 2000])
    assert found["Hinz, van de Geer 2019"].value is None
    assert found["Montufar 2017"].value >= found["Serra et al. 2018"].value > 10**300
    assert "about 10^" in str(found)
