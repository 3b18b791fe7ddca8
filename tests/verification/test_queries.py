"""Queries of VNN-LIB 2.0: what is read, what is decided, what is refused."""

import itertools
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import exactspline as es
from exactspline.cli.main import main
from exactspline.errors import ExactSplineError
from exactspline.formats.vnnlib.query2 import load_query_two

HEAD = "(vnnlib-version <2.0>)\n"
ONE = HEAD + (
    "(declare-network f (declare-input A float32 [1,2]) (declare-output B float32 [1,2]))\n"
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder with a model f.onnx: relu(a - b), relu(a + b)."""
    monkeypatch.chdir(tmp_path)
    es.Network([es.Dense([[1, -1], [1, 1]]), es.ReLU(name="bend")], (2,)).to_onnx("f.onnx")
    return tmp_path


def ask(text, networks=None, **options):
    with open("q.vnnlib", "w") as stream:
        stream.write(text)
    return es.verify_query("q.vnnlib", networks or {"f": "f.onnx"}, **options)


def model(path, nodes, inputs, outputs, stored=()):
    """Write a model of nodes."""
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
        [helper.make_tensor_value_info(n, k, s) for n, k, s in outputs],
        [numpy_helper.from_array(v, n) for n, v in stored],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(made)
    onnx.save(made, path)


# --- numbers ---------------------------------------------------------------------------------


def test_numbers_are_those_of_the_text(folder):
    low = "(assert (and (>= A[0,0] 0.1) (<= A[0,0] 0.1) (== A[0,1] 0.2)"
    assert ask(f"{ONE}{low} (>= B[0,1] 0.3)))").verdict == "sat"  # not so of doubles' 0.1 + 0.2
    assert ask(f"{ONE}{low} (> B[0,1] 0.3)))").verdict == "unsat"
    assert ask(f"{ONE}{low} (>= B[0,1] 0.3000000000000000000000000001)))").verdict == "unsat"
    assert ask(f"{ONE}{low} (> B[0,1] 0.2999999999999999999999999999)))").verdict == "sat"


def test_a_violation_that_no_float_shows_is_found(folder):
    answer = ask(
        f"{ONE}(assert (and (>= A[0,0] 0.0) (<= A[0,0] 0.1) (== A[0,1] 0.0) (>= B[0,0] 0.1)))"
    )
    assert answer.verdict == "sat"
    assert answer.values["A"] == (Fraction(1, 10), Fraction(0))
    assert not answer.typed


def test_terms_and_comparisons_of_every_kind():
    text = ONE + (
        "(assert (or (== (+ A[0,0] (* 2.0 3.0 B[0,1]) -1.5) (- 2.5 A[0,1] 1.0))"
        " (and (!= A[0,1] (- B[0,0])) (> A[0,0] 1.0) (>= A[0,0] (* (- 1.0 2.0) A[0,1])))))"
    )
    import tempfile

    with tempfile.TemporaryDirectory() as where:
        path = os.path.join(where, "q.vnnlib")
        with open(path, "w") as stream:
            stream.write(text)
        formula = load_query_two(path).formula
    equal, both = formula.parts
    assert dict(equal.parts[0].terms) == {("X", 0): 1, ("X", 1): 1, ("Y", 1): 6}
    assert equal.parts[0].constant == -3
    assert [part.constant for part in equal.parts] == [-3, 3]
    assert [part.strict for part in both.parts[0].parts] == [True, True]
    assert both.parts[1].strict
    assert not both.parts[2].strict
    assert dict(both.parts[2].terms) == {("X", 0): -1, ("X", 1): -1}


def plain_twin(nets, literals, low, high):
    """Whether some t in [low, high] satisfies every alternative's comparisons, in one dimension.

    nets: lists of (w, b, v) units and a constant; value c + sum v max(0, w t + b). A literal is
    (coefficients of t and of every net, constant, strict): the sum is below 0.
    """
    values = [
        lambda t, n=n: n[1] + sum(v * max(Fraction(0), w * t + b) for w, b, v in n[0]) for n in nets
    ]
    bends = {low, high}
    bends |= {-b / w for n in nets for w, b, _ in n[0] if w and low < -b / w < high}
    bends = sorted(bends)

    def of(literal, t):
        c, constant, _ = literal
        return c[0] * t + sum(k * f(t) for k, f in zip(c[1:], values, strict=True)) + constant

    points = set(bends)
    for a, b in itertools.pairwise(bends):
        zeros = {a, b}
        for literal in itertools.chain(*literals):
            p, q = of(literal, a), of(literal, b)
            if p * q < 0:
                zeros.add(a + (b - a) * p / (p - q))
        zeros = sorted(zeros)
        points |= set(zeros) | {(p + q) / 2 for p, q in itertools.pairwise(zeros)}

    def good(t):
        return any(
            all(of(one, t) < 0 if one[2] else of(one, t) <= 0 for one in part) for part in literals
        )

    return any(map(good, points))


@pytest.mark.parametrize("seed", range(4))
def test_two_networks_agree_with_a_plain_twin(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(seed)
    seen = set()

    def number():
        return Fraction(int(rng.integers(-4, 5)), 2)

    def text(value):
        return f"{float(value)!r}"  # halves: exact

    for _ in range(10):
        nets = [([(number(), number(), number()) for _ in range(3)], number()) for _ in range(2)]
        for name, (units, constant) in zip("fg", nets, strict=True):
            es.Network([
                es.Dense([[w] for w, _, _ in units], [b for _, b, _ in units]), es.ReLU(),
                es.Dense([[v for _, _, v in units]], [constant]),
            ], (1,)).to_onnx(f"{name}.onnx")  # fmt: skip
        literals = [
            [([number() for _ in range(3)], number(), bool(rng.integers(2))) for _ in range(2)]
            for _ in range(int(rng.integers(1, 3)))
        ]
        parts = []
        for alternative in literals:
            for c, constant, strict in alternative:
                parts.append(
                    f"({'<' if strict else '<='} (+ (* {text(c[0])} A[0,0]) (* {text(c[1])} B[0,0])"
                    f" (* {text(c[2])} D[0,0])) {text(-constant)})"
                )
        split = [f"(and {' '.join(parts[i : i + 2])})" for i in range(0, len(parts), 2)]
        answer = ask(
            f"{HEAD}(declare-network f (declare-input A real [1,1]) (declare-output B real [1,1]))"
            "(declare-network g (declare-input C real [1,1]) (declare-output D real [1,1]))"
            "(assert (and (== A[0,0] C[0,0]) (>= A[0,0] -2.0) (<= C[0,0] 2.0)))"
            f"(assert (or {' '.join(split)}))",
            {"f": "f.onnx", "g": "g.onnx"},
        )
        expected = plain_twin(nets, literals, Fraction(-2), Fraction(2))
        assert answer.verdict == ("sat" if expected else "unsat")
        seen.add(answer.verdict)
        if expected:
            (t,) = answer.values["A"]
            assert plain_twin(nets, literals, t, t)
    assert seen == {"sat", "unsat"}


# --- networks --------------------------------------------------------------------------------


def test_equal_and_isomorphic_networks(folder):
    text = HEAD + (
        "(declare-network f (declare-input A real [1,2]) (declare-output B real [1,2]))"
        "(declare-network g (%s f) (declare-input C real [1,2]) (declare-output D real [1,2]))"
        "(assert (and (== A[0,0] C[0,0]) (== A[0,1] C[0,1]) (> B[0,0] D[0,0]) (<= A[0,0] 1.0)"
        " (>= A[0,0] -1.0) (<= A[0,1] 1.0) (>= A[0,1] -1.0)))"
    )
    assert ask(text % "equal-to").verdict == "unsat"
    net = es.Network([es.Dense([[1, "-1025/1024"], [1, 1]]), es.ReLU()], (2,))
    net.to_onnx("g.onnx")
    answer = ask(text % "isomorphic-to", {"f": "f.onnx", "g": "g.onnx"})
    assert answer.verdict == "sat"
    assert answer.values["A"] == answer.values["C"]
    assert answer.values["B"][0] > answer.values["D"][0]
    with pytest.raises(ExactSplineError, match="equal-to another network and takes no file"):
        ask(text % "equal-to", {"f": "f.onnx", "g": "g.onnx"})
    with pytest.raises(ExactSplineError, match="no file is given for it"):
        ask(text % "isomorphic-to")


def test_inputs_outputs_and_hidden_values_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model(
        "f.onnx",
        [
            helper.make_node("Add", ["x", "y"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["z"]),
            helper.make_node("Shape", ["x"], ["size"]),
        ],
        [("x", [2, 1]), ("y", [2, 1])],
        [("z", TensorProto.FLOAT, [2, 1]), ("size", TensorProto.INT64, [2])],
    )
    text = HEAD + (
        "(declare-network f (declare-input P float32 [2,1]) (declare-input Q float32 [2,1])"
        '(declare-hidden S float32 [2,1] "sum")'
        "(declare-output R float32 [2,1]) (declare-output N int64 [2]))"
        "(assert (and (== P[0,0] 1.0) (== P[1,0] 2.0) (== Q[0,0] -3.0) (<= Q[1,0] 5.0)"
        " (>= Q[1,0] 3.0) (<= S[0,0] -2.0) (>= R[0,0] 0.0) (>= S[1,0] 7.0) (== N[0] 2)))"
    )
    answer = ask(text)
    assert answer.values == {
        "P": (1, 2), "Q": (-3, 5), "S": (-2, 7), "R": (0, 7), "N": (2, 1)
    }  # fmt: skip
    assert ask(text.replace("(>= R[0,0] 0.0)", "(> R[0,0] 0.0)")).verdict == "unsat"
    with pytest.raises(ExactSplineError, match="has no value 'other'"):
        ask(text.replace('"sum"', '"other"'))
    with pytest.raises(ExactSplineError, match="has 2 inputs, but network 'f' is declared with 1"):
        ask(
            HEAD + "(declare-network f (declare-input P float32 [2,1])"
            "(declare-output R float32 [2,1]) (declare-output N int64 [2]))"
            "(assert (== P[0,0] 1.0))"
        )


def test_conditions_that_are_the_same_on_the_inputs_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    half, ten = np.array([0.5], np.float32), np.array([10], np.float32)
    model(
        "f.onnx",
        [
            helper.make_node("Greater", ["x", "half"], ["over"]),
            helper.make_node("Where", ["over", "x", "ten"], ["y"]),
        ],
        [("x", [2])], [("y", TensorProto.FLOAT, [2])], [("half", half), ("ten", ten)],
    )  # fmt: skip
    text = HEAD + (
        "(declare-network f (declare-input A real [2]) (declare-output B real [2]))"
        "(assert (and (>= A[0] %s) (<= A[0] %s) (>= A[1] 0.75) (<= A[1] 1.0) (%s B[0] 10.0)))"
    )
    assert ask(text % ("0.0", "0.25", "==")).verdict == "sat"
    assert ask(text % ("0.0", "0.5", "!=")).verdict == "unsat"
    assert ask(text % ("0.5625", "1.0", "==")).verdict == "unsat"
    with pytest.raises(ExactSplineError, match="jumps where"):
        ask(text % ("0.0", "1.0", "=="))


def test_a_cast_is_a_constant_only_inside_of_its_type(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model(
        "f.onnx",
        [
            helper.make_node("Cast", ["x"], ["i"], to=TensorProto.INT8),
            helper.make_node("Cast", ["i"], ["y"], to=TensorProto.FLOAT),
        ],
        [("x", [1])], [("y", TensorProto.FLOAT, [1])],
    )  # fmt: skip
    text = HEAD + (
        "(declare-network f (declare-input A real [1]) (declare-output B real [1]))"
        "(assert (and (>= A[0] %s) (<= A[0] %s) (== B[0] %s)))"
    )
    assert ask(text % ("-0.75", "0.75", "0.0")).verdict == "sat"
    assert ask(text % ("-3.75", "-3.25", "-3.0")).verdict == "sat"
    for low, high in (("2.5", "3.0"), ("300.25", "300.5")):
        with pytest.raises(ExactSplineError, match="rounds it"):
            ask(text % (low, high, "3.0"))


def test_behind_a_softmax_only_the_order_is_decided(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    es.Network([es.Dense([[1, 2], [3, 4]]), es.Softmax()], (2,)).to_onnx("f.onnx")
    box = "(assert (and (>= A[0,0] 0.0) (<= A[0,0] 1.0) (>= A[0,1] 0.0) (<= A[0,1] 1.0)))"
    assert ask(f"{ONE}{box}(assert (> B[0,0] B[0,1]))").verdict == "unsat"
    assert ask(f"{ONE}{box}(assert (>= B[0,0] B[0,1]))").verdict == "sat"
    with pytest.raises(ExactSplineError, match="not rational"):
        ask(f"{ONE}{box}(assert (>= B[0,0] 0.75))")


# --- points of declared types ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "bfloat16", "int8"])
def test_points_of_the_declared_type_are_preferred(folder, kind):
    one, third = ("1", "3") if kind == "int8" else ("0.34375", "0.33333")
    answer = ask(
        f"{HEAD}(declare-network f (declare-input A {kind} [1,2]) (declare-output B real [1,2]))"
        f"(assert (and (>= A[0,0] {third}) (<= A[0,0] {third}125) (== A[0,1] {one})))"
    )
    assert answer.verdict == "sat"
    assert answer.typed == (kind in ("float32", "float64", "int8"))
    value = answer.values["A"][0]
    if kind == "float32":
        assert Fraction(float(np.float32(float(value)))) == value
    if kind == "int8":
        assert value.denominator == 1


# --- the command -----------------------------------------------------------------------------

SAT = "(assert (and (>= A[0,0] 0.0) (<= A[0,0] 0.5) (== A[0,1] 0.25) (>= B[0,1] 0.75)))"


def command(capfd, *words):
    capfd.readouterr()
    code = main([*map(str, words)])
    out, err = capfd.readouterr()
    return code, out, err


def test_the_command_prints_every_declared_variable(folder, capfd):
    (folder / "q.vnnlib").write_text(ONE + SAT)
    code, out, err = command(capfd, "verify", "q.vnnlib", "--network", "f=f.onnx")
    assert (code, out) == (0, "sat\nA float32 [1,2]\n0.5\n0.25\nB float32 [1,2]\n0.25\n0.75\n")
    assert err.startswith("exactspline: note: onnxruntime: B[0] = 0.25 (exactly 1/4)")
    code, out, _ = command(capfd, "verify", "q.vnnlib", "--network", "f=f.onnx", "--json")
    value = json.loads(out)
    assert value["assignment"]["A"] == {
        "type": "float32", "shape": [1, 2], "values": ["1/2", "1/4"]
    }  # fmt: skip
    assert value["onnxruntime"] == {"values": {"B": [0.25, 0.75]}, "holds": True}


def test_inputs_that_are_not_of_the_type_are_told_of(folder, capfd):
    (folder / "q.vnnlib").write_text(ONE + SAT.replace("0.5)", "0.4)").replace("0.75", "0.65"))
    code, out, err = command(capfd, "verify", "q.vnnlib", "--network", "f=f.onnx")
    assert code == 0
    assert out.splitlines()[:3] == ["sat", "A float32 [1,2]", "0.4"]
    assert "no inputs of the declared types" in err
    assert "onnxruntime: B[0] = " in err


def test_serialised_assignments(folder, capfd):
    (folder / "q.vnnlib").write_text(ONE + SAT)
    words = ("verify", "q.vnnlib", "--network", "f=f.onnx", "--serialise-assignments", "out/there")
    assert command(capfd, *words)[:2] == (0, "sat\n")
    for name, expected in (("A", [[0.5, 0.25]]), ("B", [[0.25, 0.75]])):
        proto = onnx.TensorProto.FromString((folder / "out/there" / f"{name}.pb").read_bytes())
        array = numpy_helper.to_array(proto)
        assert array.dtype == np.float32
        assert array.tolist() == expected


def test_verdicts_exit_with_0(folder, capfd):
    (folder / "q.vnnlib").write_text(ONE + SAT.replace("0.75", "0.76"))
    base = ("verify", "q.vnnlib", "--network", "f=f.onnx")
    assert command(capfd, *base) == (0, "unsat\n", "")
    assert command(capfd, *base, "--timeout", "0") == (0, "timed-out\n", "")
    assert command(capfd, *base, "--timeout", "2.5") == (0, "unsat\n", "")


BAD = {
    "a network that is missing": (SAT, [], "declares network 'f', but no file is given"),
    "a network too many": (SAT, ["f=f.onnx", "g=f.onnx"], "'g' is not declared"),
    "a network twice": (SAT, ["f=f.onnx", "f=f.onnx"], "given twice"),
    "no name": (SAT, ["f.onnx"], "is not NAME=FILE"),
    "no file": (SAT, ["f=none.onnx"], "none.onnx"),
    "an index out of range": (SAT.replace("A[0,0]", "A[0,2]"), ["f=f.onnx"], "out of bounds"),
    "an index too long": (
        SAT.replace("A[0,0]", "A[99999999999999999999]"), ["f=f.onnx"], "is no VNN-LIB 2.0"
    ),
    "an undeclared variable": (SAT.replace("B[0,1]", "C[0,1]"), ["f=f.onnx"], "Undeclared"),
    "a product": ("(assert (<= (* A[0,0] B[0,0]) 1.0))", ["f=f.onnx"], "not linear"),
    "no formula": ("(assert 3)", ["f=f.onnx"], "line 3"),
    "cut off": ("(assert (<= A[0,0]", ["f=f.onnx"], "line 3"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(folder, capfd, case):
    text, networks, says = BAD[case]
    (folder / "q.vnnlib").write_text(ONE + text)
    words = [w for n in networks for w in ("--network", n)]
    code, out, err = command(capfd, "verify", "q.vnnlib", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


def test_shapes_and_versions_are_checked(folder, capfd):
    words = ("verify", "q.vnnlib", "--network", "f=f.onnx")
    for text, says in (
        (ONE.replace("B float32 [1,2]", "B float32 [1,3]"), "is declared as [1, 3]"),
        (ONE.replace("A float32 [1,2]", "A float32 [2,1]"), "is declared as [2, 1]"),
        (ONE.replace("<2.0>", "<3.0>"), "ersion"),
        (ONE.replace("A float32", "A complex64"), "element type"),
        (ONE.replace("A float32", "A flot32"), "element type"),
    ):
        (folder / "q.vnnlib").write_text(text + "(assert (<= B[0,0] 1))")
        code, out, err = command(capfd, *words)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert says in err
    code, out, err = command(capfd, *words, "--timeout", "-1")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_types_that_differ_are_told_of(folder, capfd):
    (folder / "q.vnnlib").write_text(ONE.replace("A float32", "A float16") + SAT)
    code, out, err = command(capfd, "verify", "q.vnnlib", "--network", "f=f.onnx")
    assert code == 0
    assert out.startswith("sat\nA float16 [1,2]\n0.5\n")
    assert "is float32, but variable 'A' is declared as float16" in err
    (folder / "q.vnnlib").write_text(ONE + "(assert (and (== A[0,0] 1) (== A[0,1] -2)))")
    code, out, err = command(capfd, "verify", "q.vnnlib", "--network", "f=f.onnx")
    assert out.startswith("sat\nA float32 [1,2]\n1.0\n-2.0\n")
    assert "Type mismatch" in err


def test_deep_nesting(folder):
    deep = "(or (< B[0,0] -1.0) (and (> A[0,1] -1.0) " * 100 + "(<= A[0,0] 2.0)" + "))" * 100
    assert ask(f"{ONE}(assert {deep})").verdict == "sat"
    with pytest.raises(ExactSplineError, match="line 3: nested more than 1,000 deep"):
        ask(f"{ONE}(assert {'(and ' * 2_000}(<= A[0,0] 1.0){')' * 2_000})")
    with pytest.raises(ExactSplineError, match="nested more than 1,000 deep"):
        ask(f"{ONE}; (\n(assert {'(and ' * 100_000}")


def test_what_is_supported(capfd):
    for switch, expected in {
        "--onnx-element-types": "real", "--vnnlib-versions": "1.0\n2.0",
        "--hidden-node-theories": "NH\nH", "--multiple-input-output-theories": "SIO\nMIO",
        "--multiple-network-theories": "SNET\nMENET\nMINET\nMNET",
        "--multiple-node-comparison-theories": "SNC\nMNC",
        "--arithmetic-complexity-theories": "BND\nOUTC\nLIN",
        "--optimised-disjunctive-reasoning": "true", "--serialise-assignments": "true",
    }.items():  # fmt: skip
        assert command(capfd, "supports", switch) == (0, expected + "\n", "")
    code, out, _ = command(capfd, "supports", "--onnx-operators")
    names = out.split()
    assert code == 0
    assert {"Relu", "Gemm", "Where", "Cast", "Equal", "ConstantOfShape"} <= set(names)
    assert not {"Pow", "Div", "Mul", "Softmax", "Sigmoid", "Tanh"} & set(names)
    assert command(capfd, "--name") == (0, "exactspline\n", "")
    assert command(capfd, "--version") == (0, f"{es.__version__}\n", "")
    assert command(capfd, "supports")[0] == 2


@pytest.mark.slow
def test_small_networks_wait_for_no_compiler(folder):
    rng = np.random.default_rng(3)

    def weights(*shape):
        return rng.integers(-5, 6, shape) / 4

    es.Network([
        es.Dense(weights(20, 3), weights(20)), es.ReLU(), es.Dense(weights(20, 20), weights(20)),
        es.ReLU(), es.Dense(weights(2, 20), weights(2)),
    ], (3,)).to_onnx("f.onnx")  # fmt: skip
    bounds = " ".join(f"(>= A[0,{i}] 0.0) (<= A[0,{i}] 0.25)" for i in range(3))
    (folder / "q.vnnlib").write_text(
        f"{HEAD}(declare-network f (declare-input A real [1,3]) (declare-output B real [1,2]))"
        f"(assert (and {bounds} (> B[0,1] 0.75)))"
    )
    cache = folder / "cache"
    done = subprocess.run(
        [sys.executable, "-m", "exactspline", "verify", "q.vnnlib", "--network", "f=f.onnx",
         "--json"],
        env={**os.environ, "NUMBA_CACHE_DIR": str(cache)}, capture_output=True, text=True,
    )  # fmt: skip
    value = json.loads(done.stdout)
    assert value["verdict"] == "unsat"  # the largest is 183/256
    assert value["regions"] > 1
    assert not list(cache.rglob("*.nbi"))


# --- equalities of inputs --------------------------------------------------------------------


def test_equalities_of_inputs_are_solved():
    """Against sympy: how many coordinates stay free, and whether there is a contradiction."""
    import sympy

    from exactspline.formats.vnnlib.query import Compared
    from exactspline.verification.reduction import reduced

    rng, seen = np.random.default_rng(4), set()
    for _ in range(80):
        dim, count = int(rng.integers(1, 6)), int(rng.integers(0, 6))
        rows = [[int(v) for v in rng.integers(-2, 3, dim)] for _ in range(count)]
        if count > 2 and rng.integers(2):
            rows[2] = [2 * a - b for a, b in zip(rows[0], rows[1], strict=True)]
        at = [int(v) for v in rng.integers(-3, 4, dim)]
        ends = [-sum(c * v for c, v in zip(row, at, strict=True)) for row in rows]
        if count and rng.integers(3) == 0:
            ends[-1] += 1
        inputs = []
        for row, end in zip(rows, ends, strict=True):
            for sign in (1, -1):
                terms = [(("X", i), Fraction(sign * c)) for i, c in enumerate(row) if c]
                inputs.append(Compared(tuple(terms), Fraction(sign * end), False))
        order = rng.permutation(len(inputs))
        found = reduced([inputs[i] for i in order], dim)
        rank = sympy.Matrix(count, dim, lambda i, j, r=rows: r[i][j]).rank()
        both = sympy.Matrix(count, dim + 1, lambda i, j, r=rows, e=ends: [*r[i], e[i]][j]).rank()
        seen.add((both > rank, rank < min(count, dim)))
        if both > rank:
            assert found is None
            continue
        assert found is not None
        assert found.free == dim - rank
        for _ in range(3):
            x = found.lift([Fraction(int(v), 3) for v in rng.integers(-9, 10, found.free)])
            assert all(
                sum(c * v for c, v in zip(row, x, strict=True)) + end == 0
                for row, end in zip(rows, ends, strict=True)
            )
    assert len(seen) == 4


def test_bounds_go_through_equalities(tmp_path, monkeypatch):
    """A condition is the same all over, by bounds of an input that another one is equal to."""
    monkeypatch.chdir(tmp_path)
    half = np.array([0.5], np.float32)
    model(
        "f.onnx",
        [
            helper.make_node("Greater", ["x", "half"], ["over"]),
            helper.make_node("Where", ["over", "x", "half"], ["y"]),
        ],
        [("x", [1])], [("y", TensorProto.FLOAT, [1])], [("half", half)],
    )  # fmt: skip
    text = HEAD + "".join(
        f"(declare-network {n} (declare-input {a} real [1]) (declare-output {b} real [1]))"
        for n, a, b in (("f", "A", "B"), ("g", "C", "D"))
    ) + (
        "(assert (and (>= A[0] 1.0) (<= A[0] 2.0) (== C[0] (- 4.0 A[0])) (>= (+ B[0] D[0]) %s)))"
    )  # fmt: skip
    files = {"f": "f.onnx", "g": "f.onnx"}
    assert ask(text % "4.0", files).verdict == "sat"
    assert ask(text % "4.001", files).verdict == "unsat"


# --- queries of the competition --------------------------------------------------------------

NETWORKS = Path(__file__).parents[3] / "shared" / "networks"


@pytest.mark.parametrize("name", ["differ_small", pytest.param("close", marks=pytest.mark.slow)])
def test_a_network_and_its_pruned_twin(name):
    first = NETWORKS / "acasxu" / "ACASXU_run2a_1_1_batch_2000.onnx"
    second = NETWORKS / "pairs" / "ACASXU_run2a_1_1_batch_2000_pruned30.onnx"
    answer = es.verify_query(NETWORKS / "pairs" / f"{name}.vnnlib", {"f": first, "g": second})
    assert answer.verdict == "sat"
    x = np.array(answer.values["X_f"], dtype=object)
    assert answer.values["X_f"] == answer.values["X_g"]
    one, two = (es.load(p).forward(x).reshape(-1) for p in (first, second))
    assert tuple(one) == answer.values["Y_f"]
    assert tuple(two) == answer.values["Y_g"]
    near = [abs(a - b) <= Fraction(1, 20) for a, b in zip(one, two, strict=True)]
    assert all(near) == (name == "close")


@pytest.mark.slow
def test_a_network_at_two_inputs():
    path = NETWORKS / "acasxu" / "ACASXU_run2a_2_3_batch_2000.onnx"
    answer = es.verify_query(NETWORKS / "pairs" / "monotone.vnnlib", {"f": path})
    assert answer.verdict == "sat"
    near, far = answer.values["X_f"], answer.values["X_g"]
    assert near[0] <= far[0]
    assert near[1:] == far[1:]
    values = [es.load(path).forward(np.array(x, dtype=object)) for x in (near, far)]
    assert values[0].reshape(-1)[1] < values[1].reshape(-1)[1]
