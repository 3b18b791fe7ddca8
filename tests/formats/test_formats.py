"""Readers and writers against onnxruntime, against exact values, and on real files."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from folders import NETWORKS
from onnx_models import floats, make_model, node, save

from exactspline import formats
from exactspline.domain import Box, Polytope, Slice, WholeSpace
from exactspline.errors import (
    DomainError,
    FormatError,
    ParameterError,
    ShapeError,
    UnsupportedOperatorError,
)
from exactspline.network import (
    Abs,
    Dense,
    Elementwise,
    Flatten,
    Identity,
    LeakyReLU,
    Network,
    PReLU,
    ReLU,
    Reshape,
)

# --- npz -------------------------------------------------------------------------------------


def test_npz(tmp_path):
    path = tmp_path / "net.npz"
    arrays = {"W0": floats(3, 2), "b0": floats(3), "W1": floats(1, 3), "b1": floats(1)}
    np.savez(path, **arrays)
    net = formats.load(path)
    assert [op.kind for op in net.operators] == ["Dense", "ReLU", "Dense"]
    x = floats(2)
    hidden = np.maximum(arrays["W0"] @ x + arrays["b0"], 0)
    np.testing.assert_allclose(
        net.forward(np.float64(x)), arrays["W1"] @ hidden + arrays["b1"], rtol=1e-5
    )
    assert net.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_npz_compressed_fortran_and_integers(tmp_path):
    path = tmp_path / "net.npz"
    weight = np.asfortranarray(np.arange(6).reshape(3, 2))
    np.savez_compressed(path, W0=weight, b0=np.array([2**60 + 1, 0, 0]))
    (dense,) = formats.load(path).operators
    assert dense.weight.tolist() == weight.tolist()
    assert dense.bias[0] == 2**60 + 1


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"W0": np.eye(2)}, "b0 is missing"),
        ({"W0": np.eye(2), "b0": np.zeros(2), "W2": np.eye(2), "b2": np.zeros(2)}, "W1 is missing"),
        ({"W0": np.eye(2), "b0": np.zeros(2), "mean": np.zeros(2)}, "'mean' is not expected"),
        ({"W0": np.eye(2), "b0": np.zeros(2), "W01": np.eye(2)}, "'W01' is not expected"),
        ({"W0": np.zeros(2), "b0": np.zeros(2)}, "shape"),
        ({"W0": np.eye(2), "b0": np.zeros((2, 1))}, "shape"),
        ({"W0": np.zeros((0, 2)), "b0": np.zeros(0)}, "shape"),
        ({"W0": np.eye(2, dtype=complex), "b0": np.zeros(2)}, "complex"),
        ({}, "empty"),
    ],
)
def test_npz_refusals(arrays, text, tmp_path):
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(FormatError, match=text):
        formats.load(tmp_path / "net.npz")


def test_npz_layers_must_fit(tmp_path):
    np.savez(tmp_path / "n.npz", W0=np.eye(2), b0=np.zeros(2), W1=np.eye(3), b1=np.zeros(3))
    with pytest.raises(ShapeError, match="layer1"):
        formats.load(tmp_path / "n.npz")


# --- JSON networks ---------------------------------------------------------------------------


def every_operator():
    third, huge = Fraction(1, 3), Fraction(10**400)
    return Network(
        [
            Elementwise([third, 1, 0.1], [huge, 0, -1 / huge], name="norm"),
            Dense([[third, 2, huge], [0.1, 2**60 + 1, -3]], [1, third], name="first"),
            ReLU(),
            LeakyReLU("-7/3"),
            PReLU([third, 0.25]),
            Abs(),
            Identity(),
            Reshape((2, 1)),
            Dense([[1, -1]], axis=-2),
            Flatten(),
            Reshape((-1,)),
        ],
        (3,),
    )


def test_json_round_trip_is_exact(tmp_path):
    net = every_operator()
    path = tmp_path / "net.json"
    formats.save_json(net, path)
    again = formats.load(path)
    assert [op.kind for op in again.operators] == [op.kind for op in net.operators]
    assert [op.name for op in again.operators] == [op.name for op in net.operators]
    assert formats.network_to_json(again) == formats.network_to_json(net)
    for new, old in zip(again.operators, net.operators, strict=True):
        for key in ("weight", "bias", "scale", "shift", "slope"):
            if hasattr(old, key):
                assert np.array_equal(getattr(new, key), getattr(old, key))
                assert np.asarray(getattr(new, key)).dtype == np.asarray(getattr(old, key)).dtype
    x = [Fraction(1, 7), Fraction(-2), Fraction(10**30)]
    assert again.forward(x).tolist() == net.forward(x).tolist()
    assert again.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_json_real_network_round_trip(tmp_path):
    net = formats.load(NETWORKS / "reach" / "vdp.onnx")
    formats.save_json(net, tmp_path / "net.json")
    again = formats.load(tmp_path / "net.json")
    for new, old in zip(again.operators, net.operators, strict=True):
        if isinstance(old, Dense):
            assert new.weight.dtype == np.float64
            assert np.array_equal(new.weight, old.weight)
            assert np.array_equal(new.bias, old.bias)


def json_network(folder, operators, text=None, keys=()):
    value = {
        "format": "exactspline-network",
        "version": 1,
        "input_shape": [1],
        "operators": operators,
    }
    value.update(keys)
    path = Path(folder) / "net.json"
    path.write_text(json.dumps(value) if text is None else text)
    return path


def test_json_decimals_are_exact(tmp_path):
    text = (
        '{"format":"exactspline-network","version":1,"input_shape":[1],'
        '"operators":[{"type":"Dense","weight":[[0.1],["-1/3"],[1e-400],[1E2],["0.25"]]}]}'
    )
    (dense,) = formats.load(json_network(tmp_path, [], text)).operators
    assert dense.weight.reshape(-1).tolist() == [
        Fraction(1, 10),
        Fraction(-1, 3),
        Fraction(1, 10**400),
        100,
        Fraction(1, 4),
    ]


@pytest.mark.parametrize(
    ("operator", "error", "text"),
    [
        ({"type": "Dense", "weight": [[1]], "wieght": 3}, FormatError, "'wieght'"),
        ({"type": "ReLU", "slope": 3}, FormatError, "'slope'"),
        ({"type": "Dense"}, FormatError, "'weight' is missing"),
        ({"type": "Sin"}, UnsupportedOperatorError, "Sin"),
        ({"type": "Dense", "weight": [[1, 2], [3]]}, FormatError, "differ in length"),
        ({"type": "Dense", "weight": [1]}, ShapeError, "matrix"),
        ({"type": "Dense", "weight": [[None]]}, FormatError, "null"),
        ({"type": "Dense", "weight": [[True]]}, FormatError, "true"),
        ({"type": "Dense", "weight": [["1/0"]]}, ParameterError, "zero"),
        ({"type": "Dense", "weight": [["nan"]]}, ParameterError, "finite"),
        ({"type": "Dense", "weight": [[1, 2]]}, ShapeError, "operator 0"),
        ({"type": "Reshape", "shape": [1.5]}, FormatError, "integer"),
        ({"type": "LeakyReLU", "slope": [1]}, FormatError, "a number"),
        ({"type": "Dense", "weight": [[]]}, FormatError, "empty"),
        (7, FormatError, "object"),
    ],
)
def test_json_refusals(operator, error, text, tmp_path):
    with pytest.raises(error, match=text):
        formats.load(json_network(tmp_path, [operator]))


@pytest.mark.parametrize(
    "keys",
    [
        {"version": 2},
        {"format": "x"},
        {"input_shape": "1"},
        {"extra": 1},
        {"operators": {}},
        {"input_shape": [-1]},
        {"input_shape": [10**9, 10**9]},
    ],
)
def test_json_header_refusals(keys, tmp_path):
    with pytest.raises(FormatError, match=r"net\.json"):
        formats.load(json_network(tmp_path, [], keys=keys))


# --- JSON domains ----------------------------------------------------------------------------


def domain_file(folder, value):
    path = Path(folder) / "domain.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_domains_round_trip(tmp_path):
    huge = Fraction(10**400)
    for domain in (
        WholeSpace(3),
        Box(["1/3", "-inf", 0.1], ["2/3", "inf", huge]),
        Polytope([["1/3", 2], [-1, huge]], [1, "0.1"]),
        Slice(["1/3", 0, 0], [[1, 0, 0], [0, "1/7", 1]], Box([0, 0], [1, "0.1"])),
    ):
        value = formats.domain_to_json(domain)
        again = formats.load_domain(domain_file(tmp_path, value))
        assert type(again) is type(domain)
        assert again.dim == domain.dim
        assert formats.domain_to_json(again) == value


def test_domain_decimals_are_exact(tmp_path):
    box = formats.load_domain(
        domain_file(tmp_path, '{"type":"box","low":[0.1,"-inf"],"high":[0.3,"inf"]}')
    )
    assert box.low == (Fraction(1, 10), None)
    assert box.high == (Fraction(3, 10), None)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"type": "box", "low": [1], "high": [0]}, DomainError),
        ({"type": "box", "low": ["inf"], "high": ["inf"]}, DomainError),
        ({"type": "box", "low": [0, 0], "high": [1]}, ShapeError),
        ({"type": "box", "low": [], "high": []}, FormatError),
        ({"type": "box", "low": [0], "high": [1], "dim": 1}, FormatError),
        ({"type": "all"}, FormatError),
        ({"type": "all", "dim": 0}, FormatError),
        ({"type": "all", "dim": 10**15}, FormatError),
        ({"type": "ball", "radius": 1}, FormatError),
        ({"type": "polytope", "G": [[1]], "h": [1, 2]}, ShapeError),
        ({"type": "polytope", "G": [["inf"]], "h": [1]}, ParameterError),
        (
            {
                "type": "slice",
                "origin": [0, 0],
                "directions": [[1, 1], [2, 2]],
                "domain": {"type": "all", "dim": 2},
            },
            DomainError,
        ),
        ([], FormatError),
    ],
)
def test_domain_refusals(value, error, tmp_path):
    with pytest.raises(error):
        formats.load_domain(domain_file(tmp_path, value))


# --- VNN-LIB ---------------------------------------------------------------------------------


def vnnlib(folder, text, dim=2, outputs=2):
    path = Path(folder) / "p.vnnlib"
    declarations = [f"(declare-const X_{i} Real)" for i in range(dim)]
    declarations += [f"(declare-const Y_{i} Real)" for i in range(outputs)]
    path.write_text("\n".join(declarations) + "\n" + text)
    return path


def read(folder, text, dim=2):
    return formats.load_vnnlib(vnnlib(folder, text, dim), dim)


INPUTS = {
    "prop": 5, "cartpole": 4, "lunarlander": 8, "gcas": 14, "robot": 5, "vdp": 3, "property": 2,
}  # fmt: skip


def test_real_properties():
    files = sorted(p for p in NETWORKS.glob("*/*.vnnlib") if p.parent.name != "pairs")
    assert len(files) >= 27, f"the real properties are missing in {NETWORKS}"
    for path in files:
        boxes = formats.load_vnnlib(path, INPUTS[path.name.split("_")[0]])
        assert len(boxes) == (2 if path.name == "prop_6.vnnlib" else 1)
        for box in boxes:
            assert isinstance(box, Box)
            assert None not in box.low + box.high
    (box,) = formats.load_vnnlib(NETWORKS / "acasxu" / "prop_3.vnnlib", 5)
    assert box.low[0] == Fraction(-303531156, 10**9)
    (box,) = formats.load_vnnlib(NETWORKS / "acasxu" / "prop_4.vnnlib", 5)
    assert box.low[2] == box.high[2] == 0


def test_queries_on_two_networks_are_refused():
    files = sorted((NETWORKS / "pairs").glob("*.vnnlib"))
    assert files
    for path in files:
        with pytest.raises(FormatError, match="vnnlib-version"):
            formats.load_vnnlib(path, 5)


def test_vnnlib_decimals_and_open_sides(tmp_path):
    (box,) = read(tmp_path, "(assert (and (>= X_0 0.1) (<= X_0 1e-1))) ; a comment (\n")
    assert box.low == (Fraction(1, 10), None)
    assert box.high == (Fraction(1, 10), None)


def test_vnnlib_forms_of_a_bound(tmp_path):
    text = """(set-logic QF_LRA)
    (assert (<= 0 X_0 1)) (assert (< X_0 0.5)) (assert (> 0.25 (- X_0)))
    (assert (= (* 2 X_1) (/ 1 3))) (assert true) (assert (<= 0 1)) (check-sat)"""
    (box,) = read(tmp_path, text)
    assert box.low == (0, Fraction(1, 6))
    assert box.high == (Fraction(1, 2), Fraction(1, 6))


def test_vnnlib_disjunction(tmp_path):
    text = """
    (assert (>= X_1 -1)) (assert (<= X_1 1))
    (assert (or (and (<= X_0 1) (>= X_0 0)) (and (<= X_0 3) (>= X_0 2)) (and (<= X_0 9)
        (or (<= X_1 0) (>= X_1 0.5)))))
    (assert (or (and (<= Y_0 Y_1)) (and (<= Y_1 0))))"""
    boxes = read(tmp_path, text)
    assert [b.high[0] for b in boxes] == [1, 3, 9, 9]
    assert [b.low[0] for b in boxes] == [0, 2, None, None]
    assert [b.high[1] for b in boxes] == [1, 1, 0, 1]
    assert boxes[3].low[1] == Fraction(1, 2)
    assert formats.overlapping(boxes) == [(0, 2), (0, 3), (1, 2), (1, 3)]


def test_vnnlib_disjunctions_are_multiplied_out(tmp_path):
    split = "(assert (or (<= X_{0} 0) (>= X_{0} 1)))"
    boxes = read(tmp_path, split.format(0) + split.format(1))
    assert [b.describe() for b in boxes] == [
        "(-inf, 0]^2",
        "(-inf, 0] x [1, inf)",
        "[1, inf) x (-inf, 0]",
        "[1, inf)^2",
    ]
    # contradictory combinations are no parts
    boxes = read(tmp_path, split.format(0) + split.format(0))
    assert [b.high[0] for b in boxes] == [0, None]


def test_vnnlib_polytope(tmp_path):
    text = "(assert (<= (+ (* 2 X_0) X_1) 3)) (assert (>= X_0 0.1)) (assert (<= (- X_1 X_0 1) 0))"
    (polytope,) = read(tmp_path, text)
    assert isinstance(polytope, Polytope)
    rows = [[*map(Fraction, g), Fraction(h)] for g, h in zip(polytope.G, polytope.h, strict=True)]
    assert rows == [[2, 1, 3], [-1, 1, 1], [-1, 0, Fraction(-1, 10)]]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("(assert (<= (* X_0 X_1) 1))", UnsupportedOperatorError, "line 5.*not linear"),
        ("(assert (<= (/ 1 X_0) 1))", UnsupportedOperatorError, "not linear"),
        ("(assert (<= X_0 Y_0))", UnsupportedOperatorError, "output-coupled"),
        (
            "(assert (or (and (<= X_0 0) (<= Y_0 0)) (and (<= X_0 1) (<= Y_0 1))))",
            UnsupportedOperatorError,
            "output-coupled",
        ),
        ("(assert (or (<= X_0 0) (<= Y_0 0)))", UnsupportedOperatorError, "output-coupled"),
        ("(assert (not (<= X_0 0)))", UnsupportedOperatorError, "'not'"),
        ("(assert (<= (sin X_0) 0))", UnsupportedOperatorError, "'sin'"),
        ("\n(assert (<= X_0 0)) (assert (>= X_0 0.1))", DomainError, "line 6.*X_0"),
        ("(assert (or (and (<= X_0 0) (>= X_0 1)) (<= X_0 5)))", DomainError, "X_0"),
        ("(assert (<= 1 0))", DomainError, "never true"),
        ("(assert (<= X_2 0))", FormatError, "'X_2' is not declared"),
        ("(declare-const X_2 Real)", FormatError, "2 inputs"),
        ("(declare-const X_1 Real)", FormatError, "twice"),
        ("(declare-const Z Real)", FormatError, "'Z'"),
        ("(declare-const X_1 Int)", FormatError, "declaration"),
        ("(assert (<= X_0 0)", FormatError, "truncated"),
        ("(assert (<= X_0 0)))", FormatError, "line 5"),
        ("(assert (<= X_0))", FormatError, "two terms"),
        ("(assert (<= X_0 1..2))", ParameterError, "line 5"),
        ("(assert (<= X_0 1e999999999))", ParameterError, "line 5"),
        ("(assert (<= (/ X_0 0) 1))", FormatError, "zero"),
        ("(assert)", FormatError, "one formula"),
        ("(declare-network f)", FormatError, "declare-network"),
        ("hello", FormatError, "outside"),
        ('(set-info "x")', FormatError, "character"),
    ],
)
def test_vnnlib_refusals(text, error, message, tmp_path):
    with pytest.raises(error, match=message):
        read(tmp_path, text)


def test_vnnlib_branches_that_agree_on_the_inputs(tmp_path):
    text = "(assert (or (and (<= X_0 1) (<= Y_0 0)) (and (<= Y_0 Y_1) (<= X_0 1))))"
    (box,) = read(tmp_path, text)
    assert box.high == (1, None)


def test_vnnlib_missing_input(tmp_path):
    with pytest.raises(FormatError, match="X_2 is missing"):
        formats.load_vnnlib(vnnlib(tmp_path, "", 2), 3)


def test_vnnlib_too_many_parts(tmp_path):
    with pytest.raises(FormatError, match="10,000"):
        read(tmp_path, "(assert (or (<= X_0 0) (>= X_0 1)))" * 20)


def test_overlapping_is_exact():
    tiny = Fraction(1, 10**40)
    boxes = [
        Box([0, 0], [1, 1]),
        Box([1, 0], [2, 1]),  # shares a side
        Box([1 - tiny, 0], [2, 1]),
        Box([0, Fraction(1, 2)], [1, Fraction(1, 2)]),  # flat, inside of the first
        Box([0, 1], [1, 1]),  # flat, on its border
        Box([0, 1], [1, 1]),
        Box([float("-inf"), 5], [float("inf"), float("inf")]),
        Box([0, 4], [1, 6]),
        WholeSpace(2),
        Box([0], [1]),
    ]
    assert formats.overlapping(boxes) == [(0, 2), (0, 3), (1, 2), (2, 3), (4, 5), (6, 7)]


# --- load ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["net.h5", "net", "net.pt", "net.vnnlib", ".onnx"])
def test_unknown_extension(name, tmp_path):
    with pytest.raises(FormatError, match=r"read from \.json, \.nnet, \.npz.* \.onnx.* files"):
        formats.load(tmp_path / name)


def test_extension_in_capitals(tmp_path):
    assert formats.load(save(make_model([node("Relu", "x")]), tmp_path, "N.ONNX")).input_dim == 4
