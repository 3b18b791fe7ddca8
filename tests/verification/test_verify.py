"""Properties of files: formulas of both kinds of variables, known verdicts, tables, bad input."""

from __future__ import annotations

import csv
import json
import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import exactspline as es
from exactspline.cli import main as run

NETWORKS = Path(__file__).parents[3] / "shared" / "networks"
NET = es.Network([es.Dense([[1, -1], [1, 1]]), es.ReLU()], (2,))
HEAD = "".join(f"(declare-const {v} Real)\n" for v in ("X_0", "X_1", "Y_0", "Y_1"))
BOX = "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= X_1 0)) (assert (<= X_1 1))\n"


def written(folder: Path, text: str, head: str = HEAD) -> Path:
    path = folder / "property.vnnlib"
    path.write_text(head + text)
    return path


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (BOX + "(assert (>= Y_1 2))", "sat"),  # by equality, at one corner
        (BOX + "(assert (> Y_1 2))", "unsat"),
        (BOX + "(assert (or (> Y_1 2) (and (<= X_0 0.5) (>= Y_0 0.5))))", "sat"),
        (BOX + "(assert (or (> Y_1 2) (and (< X_0 0.5) (>= Y_0 0.5))))", "unsat"),
        (BOX + "(assert (> Y_0 X_0))", "unsat"),
        (BOX + "(assert (= Y_0 (+ X_0 (* -1 X_1)))) (assert (> X_1 0.25))", "sat"),
        (BOX + "(assert (and (> Y_0 0) (< X_0 X_1)))", "unsat"),
        ("(assert (or (and (<= X_0 -3) (<= X_1 -3)) (and (>= X_0 3) (>= X_1 3))))"
         "(assert (<= Y_1 5.9))", "sat"),
        ("(assert (or (and (<= X_0 -3) (<= X_1 -3)) (and (>= X_0 3) (>= X_1 3))))"
         "(assert (>= Y_0 Y_1)) (assert (> Y_1 0))", "unsat"),
        ("(assert (<= X_0 0)) (assert (>= X_0 1))", "unsat"),  # no input at all
        ("(assert false)", "unsat"),
        ("(assert true)", "sat"),
    ],
)  # fmt: skip
def test_formulas(tmp_path, text, verdict):
    answer = es.verify(NET, written(tmp_path, text))
    assert answer.verdict == verdict
    if verdict == "sat":
        x = np.array(answer.input, dtype=object)
        assert answer.output == tuple(NET.forward(x))
        assert answer.assignment().startswith("((X_0 ")


def test_random_properties_against_points(tmp_path):
    """Unsat: no point of a grid satisfies it. Sat: the point does, by a reading of our own."""
    rng, seen = random.Random(31), {"sat": 0, "unsat": 0}
    for _ in range(40):
        net = es.Network(
            [es.Dense([[rng.randint(-2, 2) for _ in range(2)] for _ in range(3)],
                      [rng.randint(-1, 1) for _ in range(3)]), es.ReLU(),
             es.Dense([[rng.randint(-2, 2) for _ in range(3)] for _ in range(2)])], (2,),
        )  # fmt: skip
        parts = []
        for _ in range(rng.randint(1, 3)):
            a, b = rng.choice(["Y_0", "Y_1", "X_0"]), rng.choice(["Y_1", "0.5", "-2", "X_1"])
            parts.append((rng.choice(["<=", "<", ">=", ">"]), a, b))
        joint = rng.choice(["and", "or"])
        text = " ".join(f"({r} {a} {b})" for r, a, b in parts)
        answer = es.verify(net, written(tmp_path, f"{BOX}(assert ({joint} {text}))"))

        def holds(x, net=net, parts=parts, joint=joint):
            y = net.forward(np.array(x, dtype=object))
            value = {"X_0": x[0], "X_1": x[1], "Y_0": y[0], "Y_1": y[1]}
            own = []
            for relation, a, b in parts:
                left, right = value[a], value.get(b) if b in value else Fraction(b)
                own.append({
                    "<=": left <= right, "<": left < right, ">=": left >= right,
                    ">": left > right,
                }[relation])  # fmt: skip
            return all(own) if joint == "and" else any(own)

        seen[answer.verdict] += 1
        grid = [[Fraction(i, 8), Fraction(j, 8)] for i in range(9) for j in range(9)]
        if answer.verdict == "unsat":
            assert not any(map(holds, grid))
        else:
            assert holds(answer.input)
            assert all(0 <= v <= 1 for v in answer.input)
    assert min(seen.values()) > 5, seen


def known() -> list[tuple[str, str, str]]:
    """What tools of the competition agree on, of instances that take a moment."""
    folders = {"rl_benchmarks": "control", "reach_prob_density": "reach", "tllverifybench": "tll"}
    with (NETWORKS / "verdicts_2022.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    out = []
    for row in rows:
        folder = folders.get(row["benchmark"], "acasxu")
        slow = folder == "acasxu" and (
            "_1_1_" not in row["onnx"] or row["vnnlib"] not in ("prop_3.vnnlib", "prop_4.vnnlib")
        )
        if not slow and "gcas" not in row["onnx"] and "robot" not in row["onnx"]:
            out.append((f"{folder}/{row['onnx']}", f"{folder}/{row['vnnlib']}", row["verdict"]))
    return out


@pytest.mark.slow
@pytest.mark.parametrize("which", range(2))
def test_what_the_competition_agrees_on(which):
    cases = known()
    assert len(cases) > 8
    for network, text, verdict in cases[which::2]:
        answer = es.verify(es.load(NETWORKS / network), NETWORKS / text, time_limit=120)
        assert answer.verdict == verdict, (network, text)


def test_the_command(tmp_path, capsys):
    NET.save(tmp_path / "net.json")
    path = written(tmp_path, BOX + "(assert (>= Y_1 2))")
    assert run(["verify", str(tmp_path / "net.json"), str(path)]) == 0
    assert capsys.readouterr().out == ("sat\n((X_0 1.0)\n (X_1 1.0)\n (Y_0 0.0)\n (Y_1 2.0))\n")
    assert run(["verify", str(tmp_path / "net.json"), str(path), "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["verdict"], value["input"]) == ("sat", ["1", "1"])
    assert run(["verify", str(tmp_path / "net.json"), str(path), "--timeout", "0"]) == 0
    assert capsys.readouterr().out == "timeout\n"
    third = written(tmp_path, "(assert (= X_0 (/ 1 3))) (assert (= X_1 0)) (assert (<= Y_0 1))")
    assert run(["verify", str(tmp_path / "net.json"), str(third)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("sat\n((X_0 0.3333333333333333)")
    assert "fractions" in said.err


def test_a_table_is_gone_on_with(tmp_path, capsys):
    NET.save(tmp_path / "net.json")
    (tmp_path / "a.vnnlib").write_text(HEAD + BOX + "(assert (>= Y_1 2))")
    (tmp_path / "b.vnnlib").write_text(HEAD + BOX + "(assert (> Y_1 2))")
    (tmp_path / "c.vnnlib").write_text("(assert")
    table, out = tmp_path / "instances.csv", tmp_path / "results.csv"
    table.write_text("net.json,a.vnnlib,10\n")
    assert run(["verify", "--instances", str(table), "--out", str(out)]) == 0
    table.write_text(
        "net.json,a.vnnlib,10\nnet.json,b.vnnlib,10\nnet.json,c.vnnlib\nnone.json,a.vnnlib,1\n"
    )
    assert run(["verify", "--instances", str(table), "--out", str(out)]) == 0
    with out.open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["verdict"] for row in rows] == ["sat", "unsat", "error", "error"]
    assert rows[0]["counterexample"] == "1 1"
    assert "c.vnnlib" in capsys.readouterr().err


@pytest.mark.parametrize("text", [
    "(assert (>= (* X_0 X_1) 0))", "(assert (>= Z_0 0))", "(assert (xor true true))",
    "(assert (>= X_0 nan))", "(assert (>= X_0", "(assert (>= X_0))", "(assert)",
    "(declare-const Y_7 Real)", "(declare-const X_7 Real)", "(assert (or))x",
    "(assert " + "(and " * 200 + "true" + ")" * 201,
])  # fmt: skip
def test_bad_files(tmp_path, text, capsys):
    NET.save(tmp_path / "net.json")
    path = written(tmp_path, text)
    with pytest.raises(es.ExactSplineError):
        es.verify(NET, path)
    assert run(["verify", str(tmp_path / "net.json"), str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bad_calls(tmp_path, capsys):
    path = written(tmp_path, BOX, "(declare-const X_0 Real)")
    with pytest.raises(es.FormatError, match="X_1"):
        es.verify(NET, path)
    with pytest.raises(es.ParameterError, match="Network"):
        es.verify("net.onnx", path)
    assert run(["verify", "net.json"]) == 2
    assert run(["verify", "net.json", str(path), "--timeout", "-1"]) == 2
    table = tmp_path / "t.csv"
    table.write_text("a,b,c,d\n")
    assert run(["verify", "--instances", str(table)]) == 2
    capsys.readouterr()


def test_ranges_of_outputs_against_vertices():
    rng = np.random.default_rng(6)
    net = es.Network(
        [es.Dense(rng.integers(-3, 4, size=(5, 2)), rng.integers(-2, 3, size=5)), es.ReLU(),
         es.Dense(rng.integers(-3, 4, size=(2, 5)))], (2,),
    )  # fmt: skip
    box = es.Box(-1, 1, dim=2)
    corners = [p for region in es.enumerate_regions(net, box) for p in region.vertices()]
    values = net.forward(np.array([[Fraction(v) for v in p] for p in corners], dtype=object))
    for k, found in enumerate(es.output_range(net, box)):
        assert (found.low, found.high) == (min(values[:, k]), max(values[:, k]))
        assert found.complete
        for end, at in ((found.low, found.low_at), (found.high, found.high_at)):
            assert net.forward(np.array(at, dtype=object))[k] == end
    (free,) = es.output_range(es.Network([es.ReLU()], (1,)), es.WholeSpace(1))
    assert (free.low, free.high, free.high_at) == (0, float("inf"), None)
    with pytest.raises(es.ShapeError):
        es.output_range(net, es.Box(0, 1, dim=3))


def test_what_stands_behind_a_sigmoid_is_not_taken_for_what_stands_before_it(tmp_path):
    net = es.Network([es.Dense([[1]]), es.Sigmoid()], (1,))
    head = "(declare-const X_0 Real) (declare-const Y_0 Real) (assert (<= X_0 5))"
    with pytest.raises(es.ParameterError, match="not rational"):
        es.verify(net, written(tmp_path, "(assert (>= Y_0 1))", head))  # before it: 5
    answer = es.verify(net, written(tmp_path, "(assert (>= Y_0 0.5))", head))
    assert answer.verdict == "sat"
    assert answer.input[0] >= 0
    assert 0.5 <= answer.output[0] < 1
