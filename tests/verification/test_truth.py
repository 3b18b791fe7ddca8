"""Verdicts against what is true: random networks with ties by brute force, and the finest edges."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from marks import first_quick
from where_twin import Case, case, compared, outputs

import exactspline as es
from exactspline.cli import main as run

RELATIONS = ("<=", "<", ">=", ">", "==", "!=")


def head(inputs: int, outputs: int) -> str:
    names = [f"X_{i}" for i in range(inputs)] + [f"Y_{i}" for i in range(outputs)]
    return "".join(f"(declare-const {name} Real)\n" for name in names)


def boxed(low: str, high: str, dim: int = 2) -> str:
    return "".join(f"(assert (<= {low} X_{i})) (assert (<= X_{i} {high}))\n" for i in range(dim))


def written(folder: Path, text: str) -> Path:
    path = folder / "p.vnnlib"
    path.write_text(text)
    return path


# --- brute force -----------------------------------------------------------------------------


def leaf(a: str, relation: str, b: str) -> str:
    if relation == "==":
        return f"(and (<= {a} {b}) (>= {a} {b}))"
    if relation == "!=":
        return f"(or (< {a} {b}) (> {a} {b}))"
    return f"({relation} {a} {b})"


def tree(rng: random.Random, leaves: int, depth: int = 3):
    if depth == 0 or rng.random() < 0.2:
        return rng.randrange(leaves)
    return (rng.choice("&&|"), tree(rng, leaves, depth - 1), tree(rng, leaves, depth - 1))


def built(node, leaves, both, one):
    if isinstance(node, int):
        return leaves[node]
    parts = [built(part, leaves, both, one) for part in node[1:]]
    return (both if node[0] == "&" else one)(*parts)


def drawn(rng: random.Random, own: Case):
    """A formula of the comparisons of a case, whose faces tell about it: as text, and at points."""
    said = [(i, j, rng.choice(RELATIONS), c) for i, j, _, c in own.terms]
    k, _, number = own.premise
    asked = (k, rng.choice(RELATIONS[:5]), number)
    shape = tree(rng, len(said) + 1)
    names = ["Y_0", "Y_1", "0.0"]
    texts = [leaf(names[i], r, f"(+ {names[j]} {float(c)!r})") for i, j, r, c in said]
    texts.append(leaf(f"X_{k}", asked[1], repr(float(number))))
    text = built(shape, texts, "(and {} {})".format, "(or {} {})".format)

    def truth(p) -> bool:
        v = own.numbers(p)
        leaves = [compared(v[i] - v[j], r, c) for i, j, r, c in said]
        leaves.append(compared(p[asked[0]], *asked[1:]))
        return bool(built(shape, leaves, lambda a, b: a and b, lambda a, b: a or b))

    return f"(assert {text})", truth


@pytest.mark.parametrize("block", first_quick(range(6)))
def test_verdicts_against_all_faces_of_the_plane(tmp_path, block):
    """1,040 formulas of inputs and outputs in any mixture, on networks with many ties."""
    rng, seen = random.Random(7_700 + block), {"sat": 0, "unsat": 0}
    thin = 0
    for _ in range(4 if block == 0 else 10):
        own = case(rng, comparisons=3, premise=True)
        while own.premise[1] == "!=":
            own = case(rng, comparisons=3, premise=True)
        for _ in range(10 if block == 0 else 20):
            text, truth = drawn(rng, own)
            answer = es.verify(own.net, written(tmp_path, head(2, 2) + boxed("-2", "2") + text))
            true = [p for p, _ in own.faces if truth(p)]
            assert answer.verdict == ("sat" if true else "unsat"), (own.weights, text)
            seen[answer.verdict] += 1
            # by equality alone: at no point inside of a cell
            thin += bool(true) and not any(truth(p) for p in own.insides)
            if true:
                assert truth(answer.input)
                assert all(-2 <= v <= 2 for v in answer.input)
                assert tuple(outputs(own.weights, own.bent, answer.input)[0]) == answer.output
                assert answer.margin is None or answer.margin >= 0
    assert min(seen.values()) > 2, seen
    assert thin > 0


def test_counterexamples_go_through_onnxruntime(tmp_path):
    ort = pytest.importorskip("onnxruntime")
    rng, checked = random.Random(12), 0
    for number in range(6):
        own = case(rng, comparisons=3, premise=True)
        own.net.to_onnx(tmp_path / f"{number}.onnx")
        session = ort.InferenceSession(
            str(tmp_path / f"{number}.onnx"), providers=["CPUExecutionProvider"]
        )
        (first,) = session.get_inputs()
        kind = np.float32 if first.type == "tensor(float)" else np.float64
        for _ in range(6):
            text, _ = drawn(rng, own)
            path = written(tmp_path, head(2, 2) + boxed("-2", "2") + text)
            answer = es.verify(es.load(tmp_path / f"{number}.onnx"), path)
            if answer.verdict == "unsat":
                continue
            x = np.array([float(v) for v in answer.input], dtype=kind)
            shape = [n if isinstance(n, int) else 1 for n in first.shape]
            y = session.run(None, {first.name: x.reshape(shape)})[0].reshape(-1)
            exact = [float(v) for v in answer.output]
            assert np.allclose(y, exact, rtol=1e-5, atol=1e-4)
            checked += 1
    assert checked > 10


# --- equality, one point, less than a float shows --------------------------------------------


def test_what_holds_with_equality_everywhere_or_on_a_facet(tmp_path):
    # y0 = |x0| - relu(x0) - relu(-x0) is 0 everywhere, y1 = |x0 + x1| on one line
    net = es.Network([
        es.Dense([[1, 0], [1, 0], [-1, 0], [1, 1], [-1, -1]]), es.ReLU(),
        es.Dense([[0, 1, 1, 0, 0], [0, 0, 0, 1, 1]]),
    ], (2,))  # fmt: skip
    apart = es.Network(
        [*net.operators, es.Dense([[1, 0], [0, 1]]), es.Dense([[1, 0], [0, 1]])], (2,)
    )
    zero = es.Network([
        es.Dense([[1, 0], [-1, 0], [1, 0], [1, 1], [-1, -1]]),
        es.MASO([[[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]], [[0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]],
                [[0, 0], [0, 0]]),
    ], (2,))  # fmt: skip
    facet = head(2, 2) + boxed("-1", "1")
    for network in (net, apart, zero):
        for text, verdict in (
            ("(assert (< Y_1 0))", "unsat"), ("(assert (<= Y_1 0))", "sat"),
            ("(assert (and (<= Y_1 0) (> X_0 0.999)))", "sat"),
            ("(assert (and (<= Y_1 0) (> X_0 0) (> X_1 0)))", "unsat"),
            ("(assert (< Y_0 X_0))", "unsat"), ("(assert (and (<= Y_0 X_0) (>= X_0 0)))", "sat"),
            ("(assert (or (< Y_0 X_0) (and (> Y_0 X_0) (>= X_0 0))))", "unsat"),
        ):  # fmt: skip
            answer = es.verify(network, written(tmp_path, facet + text))
            assert answer.verdict == verdict, text
            if verdict == "sat":
                assert answer.margin == 0


@pytest.mark.parametrize(
    "at", [("1/3", "2/7"), ("1", "1"), ("0", "1/2"), ("1/3", "1")], ids=" ".join
)
def test_what_is_violated_at_one_point(tmp_path, at):
    """Inside of the square and on its border; not with a strict comparison, nor beside it."""
    a, b = map(Fraction, at)
    net = es.Network([
        es.Dense([[1, 0], [-1, 0], [0, 1], [0, -1]], [-a, a, -b, b]), es.ReLU(),
        es.Dense([[1, 1, 1, 1]]),
    ], (2,))  # fmt: skip
    square = head(2, 1) + boxed("0", "1")
    answer = es.verify(net, written(tmp_path, square + "(assert (<= Y_0 0))"))
    assert (answer.verdict, answer.input, answer.margin) == ("sat", (a, b), 0)
    assert (answer.float_input is None) == (Fraction(float(a)) != a or Fraction(float(b)) != b)
    assert es.verify(net, written(tmp_path, square + "(assert (< Y_0 0))")).verdict == "unsat"
    beside = f"(assert (<= Y_0 0)) (assert (or (< X_0 {float(a)!r}) (> X_0 {float(a)!r})))"
    answer = es.verify(net, written(tmp_path, square + beside))
    assert answer.verdict == ("unsat" if Fraction(float(a)) == a else "sat")


def test_the_largest_value_is_one_point(tmp_path):
    """Of random networks: >= it is sat there alone, > it is not, > a little less is."""
    rng, told = np.random.default_rng(8), 0
    for _ in range(4):
        net = es.Network([
            es.Dense(rng.standard_normal((7, 3)), rng.standard_normal(7)), es.ReLU(),
            es.Dense(rng.standard_normal((1, 7))),
        ], (3,))  # fmt: skip
        (found,) = es.output_range(net, es.Box(-1, 1, dim=3))
        exact = es.Network([*net.operators, es.Dense([[1]], [-found.high])], (3,))
        text = head(3, 1) + boxed("-1", "1", 3)
        assert es.verify(exact, written(tmp_path, text + "(assert (> Y_0 0))")).verdict == "unsat"
        at = es.verify(exact, written(tmp_path, text + "(assert (>= Y_0 0))"))
        assert (at.verdict, at.input, at.margin) == ("sat", found.high_at, 0)
        more = es.Network([*exact.operators, es.Dense([[1]], [Fraction(1, 10**13)])], (3,))
        little = es.verify(more, written(tmp_path, text + "(assert (> Y_0 0))"))
        assert little.verdict == "sat"
        assert 0 < little.margin <= Fraction(1, 10**13)
        told += any("float32 evaluation does not show it" in note for note in little.notes)
    assert told


def test_a_violation_that_float32_does_not_show_is_told_of(tmp_path, capsys):
    pytest.importorskip("onnxruntime")
    net = es.Network([es.Dense([[1]], [-0.5]), es.ReLU(), es.Dense([[2.0**-40]], [1.0])], (1,))
    net.to_onnx(tmp_path / "net.onnx")
    path = written(tmp_path, head(1, 1) + boxed("0", "1", 1) + "(assert (> Y_0 1))")
    words = ["verify", str(tmp_path / "net.onnx"), str(path)]
    assert run(words) == 0
    said = capsys.readouterr()
    assert said.out.startswith("sat\n")
    assert "float32 evaluation does not show it: the formula holds exactly by " in said.err
    assert "with these, of float arithmetic, the formula does not hold" in said.err
    assert run([*words, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert 0 < Fraction(value["margin"]) < Fraction(1, 10**12)
    assert "float32" in value["notes"][0]
    assert value["onnxruntime"]["holds"] is False
    # what float32 shows is not told of
    shown = written(tmp_path, head(1, 1) + boxed("0", "1", 1) + "(assert (>= Y_0 1))")
    assert run(["verify", str(tmp_path / "net.onnx"), str(shown)]) == 0
    assert "float32" not in capsys.readouterr().err
    (tmp_path / "q.vnnlib").write_text(
        "(vnnlib-version <2.0>)"
        "(declare-network f (declare-input A real [1,1]) (declare-output B real [1,1]))"
        "(assert (and (>= A[0,0] 0.0) (<= A[0,0] 1.0) (> B[0,0] 1.0)))"
    )
    answer = es.verify_query(tmp_path / "q.vnnlib", {"f": tmp_path / "net.onnx"})
    assert answer.verdict == "sat"
    assert 0 < answer.margin < Fraction(1, 10**12)
    assert any("float32" in note for note in answer.notes)
