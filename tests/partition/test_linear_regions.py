"""Connected linear regions and distinct affine pieces, against known counts and a naive twin."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import random_networks as nets
from folders import EXAMPLES
from known_networks import abs_folding, arrangement, folded, folding
from marks import first_quick
from naive_pieces import NaivePieces, value
from piece_networks import blocks

import exactspline as es
from exactspline.partition.partition import Partition
from exactspline.partition.pieces import equality as equality_module
from exactspline.partition.pieces.equality import Equality
from exactspline.partition.pieces.modular import (
    NumeratorBound,
    Residues,
    canonical,
    prime_limit,
    primes_below,
)


def counts(network: es.Network, domain: es.Domain | None = None) -> tuple[int, int, int]:
    omega = es.enumerate_regions(network, domain)
    out = len(omega), omega.linear_regions().count, omega.distinct_pieces().count
    alone = es.enumerate_regions(network, domain)  # without the linear regions before
    assert alone.distinct_pieces().labels.tolist() == omega.distinct_pieces().labels.tolist()
    assert out[0] >= out[1] >= out[2]
    return out


HAT = es.Network([es.Dense([[1], [1], [1]], [0, -1, -2]), es.ReLU(), es.Dense([[1, -2, 1]])], (1,))
TENT = ([[1], [1]], [0, -0.5]), ([[2, -4], [2, -4]], [0, -0.5]), ([[2, -4]],)


# --- Known counts ----------------------------------------------------------------------------


def test_hat():
    """Its two zero ends are one piece and two linear regions."""
    assert counts(HAT) == (4, 4, 3)
    omega = es.enumerate_regions(HAT)
    assert omega.distinct_pieces().labels.tolist() == [0, 1, 2, 0]
    assert omega.distinct_pieces().representatives.tolist() == [0, 1, 2]
    assert omega.distinct_pieces().members(0).tolist() == [0, 3]
    assert omega.distinct_pieces().sizes.tolist() == [2, 1, 1]
    assert omega.linear_regions().labels.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("sizes", "expected"), [((2, 2, 2), (12, 11)), ((3, 3, 2), (81, 68))])
def test_montufar_folding(sizes, expected):
    """The last layer is flat at some of the folds."""
    assert counts(folding(*sizes), es.Box([0], [1]))[:2] == expected


@pytest.mark.parametrize("k", range(1, 7))
def test_tent(k):
    """On [0, 1] 2^k linear regions of 2^k slopes and offsets: all distinct."""
    network = folded(*TENT, k)
    assert counts(network, es.Box([0], [1])) == (2**k, 2**k, 2**k)
    regions = 3 if k == 1 else 2**k + 2
    linear = counts(network)
    assert linear[0] == regions
    # relu is applied to numbers <= 0 outside [0, 1]: 0 to the left; to the right 2 - 2x first
    assert linear == ((3, 3, 3) if k == 1 else (regions, 2**k + 2, 2**k + 1))


@pytest.mark.parametrize(("k", "n"), [(1, 1), (4, 1), (3, 2), (2, 3)])
def test_abs_folding(k, n):
    assert counts(abs_folding(k, n)) == (2 ** (k * n),) * 3


def test_two_activations_in_a_row():
    """relu(relu(x)): the second is constant at 0 or the identity, and flips nothing new."""
    assert counts(es.Network([es.ReLU(), es.ReLU()], (2,))) == (4, 4, 4)
    one = es.Network([es.ReLU(), es.Dense([[1, 1]], [1]), es.ReLU()], (2,))
    assert counts(one) == (4, 4, 4)  # the last unit is on everywhere


def test_a_boundary_that_the_output_does_not_see():
    """relu(x) - relu(-x) = x; and a unit with weight zero behind it."""
    identity = [es.Dense([[1], [-1]]), es.ReLU(), es.Dense([[1, -1]])]
    assert counts(es.Network(identity, (1,))) == (2, 1, 1)
    assert counts(es.Network([es.ReLU(), es.Dense([[1, 0]])], (2,))) == (4, 2, 2)
    assert counts(es.Network([es.ReLU(), es.Dense([[0, 0]], [3])], (2,))) == (4, 1, 1)


def test_a_common_corner_does_not_connect():
    """| |x| - |y| |: x - y, y - x, x + y and -x - y, each on two cones that share only 0."""
    network = es.Network([es.Abs(), es.Dense([[1, -1]]), es.Abs()], (2,))
    assert counts(network) == (8, 8, 4)


def test_regions_connected_round_a_corner():
    """min(relu(x), relu(y)) is 0 on three quadrants, two of which share only 0."""
    steps = [("dense", [[1, 0], [0, 1]], [0, 0]), ("relu",), ("min", [[0, 1]])]
    omega = es.enumerate_regions(nets.network(nets.Spec(2, steps)))
    A = omega.affine_pieces(exact=True)[0].reshape(-1, 2)
    zero = np.flatnonzero(~A.any(axis=1))
    assert len(zero) >= 3
    assert len(set(omega.linear_regions().labels[zero].tolist())) == 1
    assert omega.linear_regions().count == omega.distinct_pieces().count == 3


def test_cancellation_that_only_rationals_see():
    """0.1a + 0.2a - 0.3a is not zero in float64 parameters, and is in decimals."""
    weights = [["0.1"], ["0.2"], ["0.3"]]
    for parse, expected in ((Fraction, (2, 1, 1)), (float, (2, 2, 2))):
        first = np.array([[parse(w)] for (w,) in weights], dtype=object)
        network = es.Network([es.ReLU(), es.Dense(first), es.Dense([[1, 1, -1]])], (1,))
        assert counts(network) == expected


@pytest.mark.parametrize("scale", ["1/3", "1e400", "1e-400", "-1e-310"])
def test_weights_that_float64_cannot_hold(scale):
    """s relu(x) - 3s relu(x/3) is zero; with one more unit in the last place it is not."""
    s = Fraction(scale)
    rows = es.Dense(np.array([[Fraction(1)], [Fraction(1, 3)]], dtype=object))
    for extra, pieces in ((Fraction(0), 1), (s / 10**30, 2)):
        last = es.Dense(np.array([[s, -3 * s + extra]], dtype=object))
        assert counts(es.Network([rows, es.ReLU(), last], (1,)))[1:] == (pieces, pieces)


def test_several_outputs():
    """Maps differ if one output does."""
    network = es.Network([es.ReLU(), es.Dense([[1, 0], [0, 0], [0, 1]])], (2,))
    assert counts(network) == (4, 4, 4)
    assert counts(es.Network([es.ReLU(), es.Dense([[0, 0], [0, 1]])], (2,))) == (4, 2, 2)


@pytest.mark.parametrize(
    ("network", "domain"),
    [
        (es.Network([], (3,)), None),
        (es.Network([es.Dense([[1, 2]], [3])], (2,)), es.Box(-1, 1, dim=2)),
        (es.Network([es.ReLU()], (2,)), es.Box([1, -1], [1, -1])),
        (es.Network([es.ReLU(), es.Dense([[1, 1]])], (2,)), es.Box([1, 1], [2, 2])),
    ],
)
def test_one_region(network, domain):
    """No units, a domain of one point, no boundary in the domain."""
    assert counts(network, domain) == (1, 1, 1)


def test_maps_are_compared_on_the_domain():
    """relu(x) - relu(y) is x on the line y = -x: -y on one half and x on the other."""
    network = es.Network([es.ReLU(), es.Dense([[1, -1]])], (2,))
    omega = es.enumerate_regions(network, es.Slice([0, 0], [[1, -1]]))
    assert omega.affine_pieces()[0].tolist() == [[[0.0, -1.0]], [[1.0, 0.0]]]
    assert (omega.linear_regions().count, omega.distinct_pieces().count) == (1, 1)
    assert counts(network, es.Slice([0, 0], [[1, 1]])) == (2, 1, 1)  # 0 there
    assert counts(network, es.Slice([0, 0], [[1, 2]])) == (2, 2, 2)  # 0 and x - y = -t
    assert counts(network, es.Slice([0, 1], [[1, -1]])) == (3, 3, 3)
    assert counts(network) == (4, 4, 4)


# --- Against the naive twin ------------------------------------------------------------------

BLOCKS = 4
PLAN = {"ties": 14, "any": 6, "flat output": 26, "deep": 6}
# over one block: networks in which regions merge, in which groups are apart, with many groups
QUOTAS = {"merged": 8, "apart": 2, "larger": 3, "lower": 2, "unbounded": 6}


@pytest.mark.parametrize("block", first_quick(range(BLOCKS)))
def test_same_groups_as_the_twin(block):
    seen: Counter[str] = Counter()
    for spec, pair, omega in blocks(PLAN, block):
        twin = NaivePieces(spec, pair[1])
        linear, distinct = omega.linear_regions(), omega.distinct_pieces()
        assert linear.labels.tolist() == twin.linear, nets.describe(spec, pair[1])
        assert distinct.labels.tolist() == twin.distinct, nets.describe(spec, pair[1])
        for groups in (linear, distinct):
            first = [groups.labels.tolist().index(g) for g in range(groups.count)]
            assert groups.representatives.tolist() == first
            assert groups.complete
        seen["merged"] += 1 < linear.count < len(omega)
        seen["apart"] += distinct.count < linear.count
        seen["larger"] += len(omega) > 20
        seen["lower"] += omega.domain.chart.dim < spec.dim
        seen["unbounded"] += pair[1][0] == "all"
    for what, many in QUOTAS.items():
        assert seen[what] >= many, f"{what}: {seen[what]}, fewer than {many}"


@pytest.mark.parametrize("block", [10, 11])
def test_jumps_across_edges(block):
    """A+ - A- has rank one along the normal, zero exactly where the pieces agree."""
    seen: Counter[bool] = Counter()
    for spec, pair, omega in blocks({"ties": 4, "any": 8, "flat output": 16}, block):
        A, b = omega.affine_pieces(exact=True)
        chart, edges = omega.domain.chart, omega.edges
        labels = omega.distinct_pieces().labels
        for e in range(len(edges)):
            i, j = int(edges.source[e]), int(edges.target[e])
            row = [Fraction(int(v.p), int(v.q)) for v in edges.row(e)]
            jump = [
                over_chart(A[i][c] - A[j][c], b[i][c] - b[j][c], chart) for c in range(A.shape[1])
            ]
            place = next(m for m in range(1, len(row)) if row[m])
            for coefficients in jump:
                factor = coefficients[place] / row[place]
                assert coefficients == [factor * v for v in row], nets.describe(spec, pair[1])
            same = not any(any(coefficients) for coefficients in jump)
            assert same == (labels[i] == labels[j])
            seen[same] += 1
            x = chart.lift(edges.witness(e))
            expected = value(spec.steps, x)
            for region in (i, j):
                got = [sum(a * v for a, v in zip(A[region][c], x, strict=True)) + b[region][c]
                       for c in range(A.shape[1])]  # fmt: skip
                assert got == expected, nets.describe(spec, pair[1])
    assert seen[True] >= 15
    assert seen[False] >= 100


def over_chart(A, b, chart) -> list[Fraction]:
    """An affine form over x as one over t, constant first."""
    zero = chart.lift([Fraction(0)] * chart.dim)
    out = [sum((a * v for a, v in zip(A, zero, strict=True)), Fraction(b))]
    for j in range(chart.dim):
        unit = chart.lift([Fraction(int(m == j)) for m in range(chart.dim)])
        out.append(sum(a * (v - w) for a, v, w in zip(A, unit, zero, strict=True)))
    return out


# --- The proof of equality -------------------------------------------------------------------


@pytest.mark.parametrize("limit", [5, 7, 41, 400])
def test_residues_that_agree_prove_nothing(limit, monkeypatch):
    """With tiny primes many different maps share a fingerprint; the groups stay the same."""
    shared = 0
    for _, _, omega in blocks({"any": 5, "ties": 3}, 20):
        expected = omega.linear_regions().labels, omega.distinct_pieces().labels
        again = es.enumerate_regions(omega.network, omega.domain)
        monkeypatch.setattr(equality_module, "prime_limit", lambda *_: limit)
        assert again._equality.limit == limit
        groups = len(set(again._fingerprints.tolist()))
        shared += groups < expected[1].max() + 1
        found = again.distinct_pieces().labels, again.linear_regions().labels
        monkeypatch.undo()
        assert np.array_equal(found[1], expected[0])
        assert np.array_equal(found[0], expected[1])
    assert limit > 10 or shared >= 2


@pytest.mark.parametrize("most", [0, 10**9])
def test_both_proofs_of_equality(most, monkeypatch):
    """In rationals alone, or by residues as far as there are primes."""
    monkeypatch.setattr(equality_module, "_MOST_PRIMES", most)
    exactly, asked = Equality._exactly, []
    monkeypatch.setattr(
        Equality, "_exactly", lambda self, a, b: asked.append((a, b)) or exactly(self, a, b)
    )
    for spec, pair, omega in blocks({"flat output": 4, "ties": 4}, 21):
        twin = NaivePieces(spec, pair[1])
        assert omega.distinct_pieces().labels.tolist() == twin.distinct
        assert omega.linear_regions().labels.tolist() == twin.linear
    assert bool(asked) == (most == 0)


@pytest.mark.parametrize("scale", [1, Fraction(1, 2**200), Fraction(1, 3**150)])
@pytest.mark.parametrize("output", [0, 1])
def test_differences_that_primes_divide(scale, output, monkeypatch):
    """Maps that differ by a multiple of the first primes: only the bound tells them apart."""
    primes = primes_below(es.enumerate_regions(HAT)._equality.limit)
    step = Fraction(scale)
    for _ in range(3):
        step *= next(primes)
    # 0, step x, step: slopes and constants differ by multiples of the step, in one output
    last = np.full((2, 2), Fraction(0), dtype=object)
    last[output] = [step, -step]
    network = es.Network([es.Dense([[1], [1]], [0, -1]), es.ReLU(), es.Dense(last)], (1,))
    omega = es.enumerate_regions(network)
    assert len(set(omega._fingerprints.tolist())) == 1
    assert (omega.linear_regions().count, omega.distinct_pieces().count) == (3, 3)
    monkeypatch.setattr(equality_module, "_MOST_PRIMES", 0)  # in rationals
    assert counts(network) == (3, 3, 3)


def test_one_fingerprint_for_several_pieces():
    """Four maps, each on two cones, and all of them multiples of the first primes."""
    primes = primes_below(es.enumerate_regions(HAT)._equality.limit)
    step = next(primes) * next(primes) * next(primes)
    last = np.array([[step]], dtype=object)
    network = es.Network([es.Abs(), es.Dense([[1, -1]]), es.Abs(), es.Dense(last)], (2,))
    omega = es.enumerate_regions(network)
    assert len(set(omega._fingerprints.tolist())) == 1
    assert omega.distinct_pieces().sizes.tolist() == [2, 2, 2, 2]
    assert omega.linear_regions().count == 8


def test_denominators_that_primes_divide():
    """Residues of 1/p do not exist modulo p: other primes are taken, or rationals."""
    limit = prime_limit(HAT.program, es.WholeSpace(1).chart.point)
    primes = primes_below(limit)
    bad = Fraction(1)
    for _ in range(5):
        bad /= next(primes)
    weights = np.array([[bad, -bad], [bad, bad]], dtype=object)
    network = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense(weights)], (1,))
    with pytest.raises(ZeroDivisionError):
        Residues(next(primes_below(limit))).values(weights)
    assert counts(network) == (2, 2, 2)
    assert counts(es.Network([*network.operators, es.Dense([[1, 0]])], (1,))) == (2, 1, 1)


def test_no_prime_at_all(monkeypatch):
    """If every prime divides a denominator, rationals decide everything."""
    third = np.array([[Fraction(1, 105), Fraction(-1, 105)]], dtype=object)
    network = es.Network([es.Dense([[1], [-1]]), es.ReLU(), es.Dense(third)], (1,))
    monkeypatch.setattr(equality_module, "prime_limit", lambda *_: 7)
    assert counts(network) == (2, 1, 1)
    network = es.Network([*network.operators, es.Abs()], (1,))
    assert counts(network) == (2, 2, 2)


@pytest.mark.parametrize("style", nets.STYLES)
def test_numerator_bound(style):
    """It holds for every coefficient of every region."""
    rng = random.Random(style)
    for _ in range(6):
        spec = nets.random_spec(rng, 2, [3, 2], style, skip=rng.random() < 0.5)
        domain = nets.any_domain(rng, 2)[0]
        omega = es.enumerate_regions(nets.network(spec), domain, limit=40)
        bound = NumeratorBound.of(omega.network.program, domain.chart.point)
        A, b = omega.affine_pieces(exact=True)
        denominator = 1
        for i in range(len(omega)):
            for c in range(A.shape[1]):
                for v in over_chart(A[i][c], b[i][c], domain.chart):
                    assert abs(v) < 2**bound.size
                    denominator = math.lcm(denominator, v.denominator)
        assert denominator < 2**bound.denominator


def test_residues():
    """Against integers: values, products, and the largest sums that are allowed."""
    rng = random.Random(3)
    array = np.array([0.0, -1.0, 0.1, -3e-200, 5e-324, 1.7e308, 2.0**60, -(2.0**-30)])
    fractions = np.array([Fraction(1, 3), Fraction(-(10**40), 7), Fraction(0)], dtype=object)
    for prime in (5, 101, 65_521, *[next(primes_below(1 << 25))]):
        arithmetic = Residues(prime)
        for values in (array, fractions):
            got = arithmetic.values(values)
            assert np.abs(got).max() <= prime / 2 + 1
            for v, r in zip(values.tolist(), got.tolist(), strict=True):
                exact = Fraction(v)
                assert exact.denominator % prime
                assert (exact.numerator - int(r) * exact.denominator) % prime == 0
        assert canonical(got, prime).min() >= 0
        assert canonical(got, prime).max() < prime
    forms = es.Network([es.Dense(np.ones((1, 300)))], (300,)).program
    limit = prime_limit(forms, es.WholeSpace(300).chart.point)
    prime = next(primes_below(limit))
    most = prime // 2 + 1
    assert 301 * most**2 + most <= 2**53
    for trial in range(50):
        signs = [1 if trial == 0 else rng.choice((-1, 1)) for _ in range(302)]
        rows = np.array([s * most for s in signs[:301]], dtype=float)
        exact = sum(int(v) * most for v in rows) + signs[301] * most
        got = rows @ np.full(301, float(most)) + signs[301] * most
        assert (exact - int(Residues(prime).reduced(np.array([got]))[0])) % prime == 0


# --- Stopped searches, images ----------------------------------------------------------------


def test_a_stopped_search():
    """Distinct pieces are a lower bound; the objects say that they are not complete."""
    network = folding(3, 2, 2)
    whole = es.enumerate_regions(network, es.Box([0], [1]))
    for limit in (1, 5, 11):
        part = es.enumerate_regions(network, es.Box([0], [1]), limit=limit)
        assert not part.linear_regions().complete
        assert not part.distinct_pieces().complete
        assert "stopped" in repr(part.linear_regions())
        assert part.distinct_pieces().count <= whole.distinct_pieces().count
        assert len(part.linear_regions().labels) == limit


@pytest.mark.slow
def test_a_convolutional_network_on_a_slice():
    """The small digits network near one of its images: the groups of the exact maps."""
    network = es.load(EXAMPLES / "digits" / "digits.onnx")
    points = [np.load(EXAMPLES / "digits" / f"{name}.npy") for name in "abc"]
    domain = es.Slice.through(points, es.Box([0, 0], ["1/40", "1/40"]))
    omega = es.enumerate_regions(network, domain, graph=True)
    A, b = omega.affine_pieces()
    x = omega.points()
    for i in range(len(omega)):
        assert np.allclose(A[i] @ x[i] + b[i], network.forward(x[i]), atol=1e-9)
    sample = range(0, len(omega), max(1, len(omega) // 6))
    exact = {i: over_slice(omega, i) for i in sample}
    for i in sample:
        for j in sample:
            labels = omega.distinct_pieces().labels
            assert (labels[i] == labels[j]) == (exact[i] == exact[j])
    assert len(omega) > 10


def over_slice(omega: es.Partition, i: int) -> list[list[Fraction]]:
    A, b = omega[i].affine(exact=True)
    return [over_chart(A[c], b[c], omega.domain.chart) for c in range(len(b))]


# --- The command line ------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, command_line):
    monkeypatch.chdir(tmp_path)
    HAT.save("hat.json")
    folding(2, 2, 2).save("folding.json")
    return command_line


def test_count_linear_for_a_person(run):
    code, out, err = run("count", "hat.json", "--linear")
    assert (code, err) == (0, "")
    assert "regions      4\n" in out
    assert "linear       4 connected linear regions\n" in out
    assert "pieces       3 distinct affine pieces\n" in out
    assert "compared exactly" in out


def test_count_linear_json(run):
    code, out, _ = run("count", "folding.json", "--box", "0", "1", "--linear", "--json")
    result = json.loads(out)
    assert code == 0
    assert result["complete"]
    assert (result["regions"], result["linear_regions"]) == (12, 11)
    assert result["distinct_pieces"] <= 11
    assert result["linear_regions_definition"].startswith("connected linear regions")
    assert result["distinct_pieces_definition"].startswith("distinct affine pieces")
    assert "linear_regions" not in json.loads(run("count", "hat.json", "--json")[1])


def test_count_linear_with_a_limit(run):
    code, out, _ = run("count", "folding.json", "--linear", "--limit", "4")
    assert code == 0
    assert "regions      at least 4" in out
    assert "connected linear regions (certified lower bound: each of the distinct pieces" in out
    assert "distinct affine pieces (certified lower bound)" in out
    code, out, _ = run("count", "folding.json", "--linear", "--limit", "4", "--json")
    result = json.loads(out)
    assert not result["complete"]
    assert result["linear_regions"] == result["distinct_pieces"] <= 4


def test_count_linear_interrupted(run, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(Partition, "linear_regions", interrupt)
    code, out, _ = run("count", "hat.json", "--linear", "--json")
    result = json.loads(out)
    assert code == 130
    assert result["stopped"] == "interrupt"
    assert (result["regions"], result["linear_regions"]) == (4, None)
    assert result["distinct_pieces"] is None
    code, out, _ = run("count", "hat.json", "--linear")
    assert "linear       connected linear regions were not counted" in out


def test_arrangements_have_distinct_regions():
    """Without an output layer every unit is an output: no two regions share a map."""
    rows = [[1, 0], [0, 1], [1, 1], [1, -1]]
    assert counts(arrangement(rows, [0, 0, 1, 2]))[0] == counts(arrangement(rows, [0, 0, 1, 2]))[2]
