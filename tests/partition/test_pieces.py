"""Affine maps of many regions at once, rows of all layers, and the sympy formula."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import random_networks as nets
import sympy
from naive_pieces import value
from piece_networks import blocks

import exactspline as es
from exactspline.compile.forms import Forms
from exactspline.partition.pieces import pieces as pieces_module
from exactspline.partition.pieces import symbolic as symbolic_module
from exactspline.partition.pieces import walk as walk_module
from exactspline.partition.pieces.walk import Walker, layer_of_change, walk_layers

# --- Affine maps -----------------------------------------------------------------------------


def test_maps_of_random_networks():
    """Exact maps give the network's values exactly; float64 is within the stated bound."""
    checked = 0
    for spec, pair, omega in blocks({"ties": 5, "any": 14, "flat output": 4}, 40):
        A, b = omega.affine_pieces(exact=True)
        near = omega.affine_pieces()
        assert near[0].shape == A.shape == (len(omega), omega.network.output_dim, spec.dim)
        assert near[1].shape == b.shape == A.shape[:2]
        assert near[0].dtype == near[1].dtype == np.float64
        for i in range(len(omega)):
            x = omega.domain.chart.lift(omega.witness(i))
            got = [
                sum((a * v for a, v in zip(row, x, strict=True)), c)
                for row, c in zip(A[i], b[i], strict=True)
            ]
            assert got == value(spec.steps, x), nets.describe(spec, pair[1])
        bound = error_bound(omega)
        for i in range(len(omega)):
            errors = [abs(Fraction(v) - w) for v, w in zip(near[0][i].flat, A[i].flat, strict=True)]
            errors += [abs(Fraction(v) - w) for v, w in zip(near[1][i], b[i], strict=True)]
            assert max(errors) <= bound
            checked += len(errors)
    assert checked > 1000


def error_bound(omega: es.Partition) -> Fraction:
    """(n_1 + ... + n_L + 3 L) 2^-53 times a bound of the sums of absolute products."""
    program = omega.network.program
    size, terms = Fraction(1), 3 * (len(program.layers) + 1)
    for forms in (*(layer.members for layer in program.layers), program.output):
        rows = [
            sum((abs(Fraction(v)) for v in forms.row(i)[1].tolist()), abs(forms.row(i)[2]))
            for i in range(len(forms))
        ]
        size *= max([Fraction(1), *rows])
        terms += int(np.diff(forms.indptr).max(initial=0))
    for layer in program.layers:
        entries = [*layer.units.piece_slope.tolist(), *layer.units.piece_offset.tolist()]
        size *= 1 + max(abs(Fraction(v)) for v in entries)
    return terms * Fraction(1, 2**53) * size


def test_chunks_are_the_same():
    spec = nets.random_spec(random.Random(5), 2, [4, 4, 3], "float")
    omega = es.enumerate_regions(nets.network(spec), es.Box(-2, 2, dim=2))
    A, b = omega.affine_pieces()
    for chunk in (1, 7, 1000):
        parts = list(omega.iter_affine_pieces(chunk))
        assert all(len(p[0]) <= chunk for p in parts)
        assert np.allclose(np.concatenate([p[0] for p in parts]), A, rtol=1e-12, atol=1e-12)
        assert np.allclose(np.concatenate([p[1] for p in parts]), b, rtol=1e-12, atol=1e-12)
    with pytest.raises(es.ParameterError, match="at least 1"):
        omega.iter_affine_pieces(0)


@pytest.mark.parametrize("block", [1, 64])
def test_small_blocks(block, monkeypatch):
    """The blocks of a walk do not change its rows; sparse matrices do not, either."""
    monkeypatch.setattr(walk_module, "_BLOCK", block)
    monkeypatch.setattr(walk_module, "_DENSE", 0)
    monkeypatch.setattr(walk_module, "_SHARE", 0)
    monkeypatch.setattr(walk_module, "_ONE_THREAD", 16)
    for _, _, omega in blocks({"any": 6}, 41):
        A, b = omega.affine_pieces()
        exact = omega.affine_pieces(exact=True)
        assert np.allclose(A, exact[0].astype(float), rtol=1e-9, atol=1e-9)
        assert np.allclose(b, exact[1].astype(float), rtol=1e-9, atol=1e-9)


def test_single_regions_agree():
    spec = nets.random_spec(random.Random(6), 2, [3, 3], "mixed")
    omega = es.enumerate_regions(nets.network(spec))
    A, b = omega.affine_pieces(exact=True)
    for i, region in enumerate(omega):
        own = region.affine(exact=True)
        assert own[0].tolist() == A[i].tolist()
        assert own[1].tolist() == b[i].tolist()


@pytest.mark.parametrize(
    ("network", "domain", "A"),
    [
        (es.Network([], (2,)), None, [[[1.0, 0.0], [0.0, 1.0]]]),
        (es.Network([es.Dense([[1, 2]], [3])], (2,)), es.Box([0, 0], [0, 1]), [[[1.0, 2.0]]]),
        (es.Network([es.ReLU()], (1,)), es.Box([3], [3]), [[[1.0]]]),
    ],
)
def test_one_region(network, domain, A):
    omega = es.enumerate_regions(network, domain)
    assert omega.affine_pieces()[0].tolist() == A
    assert omega.affine_pieces(exact=True)[0].tolist() == A


@pytest.mark.parametrize("factors", [("1e400", "1e-400"), ("1e200", "1e200"), ("1e-200", "1e-200")])
def test_beyond_float64(factors):
    """No NaN and no silent zero: rationals, rounded once, and the largest float64 beyond."""
    first, second = (np.array([[Fraction(f)]], dtype=object) for f in factors)
    net = es.Network([es.Dense(first), es.ReLU(), es.Dense(second, [1])], (1,))
    omega = es.enumerate_regions(net)
    A, b = omega.affine_pieces()
    product = Fraction(factors[0]) * Fraction(factors[1])
    assert omega.affine_pieces(exact=True)[0].reshape(-1).tolist() == [0, product]
    expected = float(product) if product < 10**308 else np.finfo(np.float64).max
    assert A.reshape(-1).tolist() == [0.0, expected]
    assert b.reshape(-1).tolist() == [1.0, 1.0]


def test_overflow_on_the_way():
    """Parameters that float64 holds, with products that it does not."""
    big = 2.0**400
    net = es.Network(
        [es.Dense([[big]]), es.Abs(), es.Dense([[big]]), es.ReLU(), es.Dense([[big]]),
         es.ReLU(), es.Dense([[2.0**-400]]), es.ReLU()], (1,),
    )  # fmt: skip
    omega = es.enumerate_regions(net)
    A, b = omega.affine_pieces()
    assert A.reshape(-1).tolist() == [-(2.0**800), 2.0**800]
    assert b.reshape(-1).tolist() == [0.0, 0.0]


def test_too_large(monkeypatch):
    omega = es.enumerate_regions(es.Network([es.ReLU()], (3,)))
    monkeypatch.setattr(pieces_module, "MOST_BYTES", 8 * 8 * 12 - 1)
    with pytest.raises(es.LimitError, match=r"768 bytes.*iter_affine_pieces\(\)"):
        omega.affine_pieces()
    with pytest.raises(es.LimitError, match=r"affine\(region\)"):
        omega.at_layer(1).affine_pieces()
    monkeypatch.setattr(pieces_module, "MOST_FRACTIONS", 8 * 12 - 1)
    with pytest.raises(es.LimitError, match=r"96 Fractions.*affine\(exact=True\)"):
        omega.affine_pieces(exact=True)
    assert next(omega.iter_affine_pieces(2))[0].shape == (2, 3, 3)


# --- Rows of all layers ----------------------------------------------------------------------


def test_rows_of_all_layers():
    """Every member of every layer, over t, against the rational rows; all regions are there."""
    seen: Counter[str] = Counter()
    for spec, pair, omega in blocks({"ties": 4, "any": 20}, 42):
        program, chart = omega.network.program, omega.domain.chart
        forms, codes = omega._exact_forms, omega.codes
        met: Counter[int] = Counter()
        for block in walk_layers(program, chart.point, codes):
            here = np.arange(block.starts[0], block.stop)
            which = block.index(here)
            assert which[0] == 0
            assert which[-1] == len(block) - 1
            met[block.level] += len(here)
            rows = block.members
            assert rows.shape[1:] == (len(block), chart.dim + 1)
            assert block.state.shape[1:] == (len(block), chart.dim + 1)
            begin = int(program.unit_start[block.level])
            for n, start in enumerate(block.starts.tolist()):
                stop = int(block.starts[n + 1]) if n + 1 < len(block) else block.stop
                assert np.all(codes[start:stop, :begin] == codes[start, :begin])
                if block.level == len(program.layers):
                    continue
                exact = forms.layer(block.level, codes[start])
                for m in range(len(rows)):
                    row = [float(Fraction(int(v.p), int(v.q))) for v in exact.member(m)]
                    assert np.allclose(rows[m, n], row, rtol=1e-9, atol=1e-9), nets.describe(
                        spec, pair[1]
                    )
                    seen["rows"] += 1
            seen["shared"] += len(here) > len(block)
        assert set(met.values()) == {len(omega)}
        seen["kept"] += any(len(layer.keep) for layer in program.layers)
        seen["members"] += any(len(layer.members) > len(layer.units) for layer in program.layers)
    assert seen["rows"] > 250
    assert seen["shared"] >= 10
    assert seen["kept"] >= 2
    assert seen["members"] >= 2


def test_codes_in_any_order():
    spec = nets.random_spec(random.Random(8), 2, [3, 3], "float", kinds=("relu",))
    omega = es.enumerate_regions(nets.network(spec))
    A, b = omega.affine_pieces()
    order = np.random.default_rng(0).integers(len(omega), size=60)
    program = omega.network.program
    inputs = Forms.selection(np.arange(2), 2)
    met = np.zeros(60, dtype=bool)
    for block in Walker(program, inputs).blocks(omega.codes[order]):
        if block.level == 2:
            here = np.arange(block.starts[0], block.stop)
            rows = block.members[:, block.index(here)]
            assert np.allclose(rows[:, :, 1:], A[order[here]].transpose(1, 0, 2))
            assert np.allclose(rows[:, :, 0], b[order[here]].T)
            met[here] = True
    assert met.all()
    assert list(Walker(program, inputs).blocks(omega.codes[:0])) == []


def test_layer_of_change():
    codes = np.array([[0, 0, 1], [0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 1, 0]])
    assert layer_of_change(codes, np.array([0, 1, 3])).tolist() == [-1, 2, 1, 1, 0]
    assert layer_of_change(codes[:0], np.array([0, 1, 3])).tolist() == []
    assert layer_of_change(codes[:1, :0], np.array([0])).tolist() == [-1]


# --- sympy -----------------------------------------------------------------------------------


def test_sympy_formula():
    """It gives the network's value at witnesses, on facets, and nothing outside the domain."""
    checked = 0
    for spec, pair, omega in blocks({"any": 8, "ties": 2}, 43):
        if len(omega) > 25:
            continue
        symbols, formula = omega.to_sympy()
        chart = omega.domain.chart
        assert formula.shape == (omega.network.output_dim, 1)
        points = [omega.witness(i) for i in range(len(omega))][:6]
        points += [omega.edges.witness(e) for e in range(min(4, len(omega.edges)))]
        for t in points:
            expected = value(spec.steps, chart.lift(t))
            exact = [sympy.Rational(v.numerator, v.denominator) for v in t]
            at = dict(zip(symbols, exact, strict=True))
            got = [Fraction(int(v.p), int(v.q)) for v in formula.xreplace(at)]
            assert got == expected, nets.describe(spec, pair[1])
            checked += 1
    assert checked >= 25


def test_sympy_outside_the_domain():
    omega = es.enumerate_regions(es.Network([es.Abs()], (1,)), es.Box([-1], ["1/3"]))
    (x,), formula = omega.to_sympy()
    assert str(x) == "x0"
    assert formula[0].subs(x, sympy.Rational(1, 3)) == sympy.Rational(1, 3)
    assert formula[0].subs(x, -1) == 1
    assert formula[0].subs(x, 2) is sympy.nan
    assert len(formula[0].args) == 2


def test_sympy_limits(monkeypatch):
    part = es.enumerate_regions(es.Network([es.Abs()], (2,)), limit=2)
    with pytest.raises(es.ParameterError, match="stopped"):
        part.to_sympy()
    omega = es.enumerate_regions(es.Network([es.Abs()], (2,)))
    monkeypatch.setattr(symbolic_module, "MOST_REGIONS", 3)
    with pytest.raises(es.LimitError, match=r"4 regions.*partition\[i\]\.to_sympy"):
        omega.to_sympy()
    monkeypatch.undo()
    monkeypatch.setattr(symbolic_module, "MOST_TERMS", 23)
    with pytest.raises(es.LimitError, match="23 coefficients"):
        omega.to_sympy()


def test_blocks_cover_each_level_in_order():
    spec = nets.random_spec(random.Random(9), 2, [4, 3, 2], "float")
    omega = es.enumerate_regions(nets.network(spec), es.Box(-1, 1, dim=2))
    starts: dict[int, list[int]] = {}
    for block in walk_layers(omega.network.program, omega.domain.chart.point, omega.codes):
        starts.setdefault(block.level, []).extend(block.starts.tolist())
    for level, found in starts.items():
        assert found == omega.at_layer(level).representatives.tolist()
        assert all(a < b for a, b in pairwise(found))
