"""``exactspline prove``: the small language of statements, its verdicts and its exit codes."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline.cli import main as run
from exactspline.statements.grammar import parse_statement

NET = es.Network([es.Dense([[1, 1]], [-1]), es.ReLU()], (2,))


@pytest.fixture(name="file")
def _file(tmp_path):
    path = tmp_path / "f.json"
    NET.save(path)
    return str(path)


def test_holds_fails_and_undecided(file, capsys):
    assert run(["prove", "forall x in [0,1]^2: f(x)[0] <= 1", "--f", file]) == 0
    assert "holds" in capsys.readouterr().out
    assert run(["prove", "forall x in [0,1]^2: f(x)[0] <= 0.5", "--f", file, "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    point = [Fraction(v) for v in value["counterexample"]["x"]]
    assert NET.forward(np.array(point, dtype=object))[0] > Fraction(1, 2)
    long = "forall x in [0,1]^2: abs(x[0] - x[1]) + abs(x[0] + x[1] - 1) <= 1"
    assert run(["prove", long, "--limit", "1"]) == 3
    assert "undecided" in capsys.readouterr().out


def test_the_domain_may_come_by_options(file, capsys):
    same = "forall x: f(x)[0] == g([x[1], x[0]])[0]"
    assert run(["prove", same, "--f", file, "--g", file, "--box", "-1/3", "1"]) == 0
    assert run(["prove", "forall x: x[0] <= 1", "--f", file]) == 2
    assert "where x is from" in capsys.readouterr().err


def test_a_file_of_ones_own(file, tmp_path, capsys):
    own = tmp_path / "mine.py"
    own.write_text(
        "import exactspline as es\n"
        "def statement(f):\n"
        "    return es.forall(es.Box(0, 1, dim=2), lambda x: f(x)[0] <= x[0])\n"
    )
    assert run(["prove", "--statement", str(own), "--f", file]) == 0
    own.write_text("statement = 3")
    assert run(["prove", "--statement", str(own), "--f", file]) == 2
    assert "must define" in capsys.readouterr().err
    assert run(["prove", "--f", file]) == 2


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("forall x in [0, 1]^2: 0 <= f(x)[0] <= 1", True),
        ("forall x in [0,1]x[0,1/2]: not f(x)[0] > 1/2", True),
        ("exists x in [0,1]^2: f(x)[0] == 0.1 and x[0] == 1/3", True),
        ("exists x in [0,1]^2: f(x)[0] > 0.1 and (x[0] < 0.05 or x[1] < 0.05)", False),
        (
            "forall x in R^2, y in R^2:"
            " implies(x[0] <= y[0] and x[1] == y[1], f(x)[0] <= f(y)[0])", True,
        ),
        ("forall x in R^2: relu(x[0] + x[1] - 1) == f(x)[0]", True),
        ("forall x in [-1,1]^3: norm(x) <= l1(x) and sum(x) <= 3 * max(x[0], x[1], x[2])", True),
        ("forall x in [0,1]^2: argmax([x[0], x[1]]) == 0 | x[1] > x[0]", None),
        ("forall x in [0,1]^2: (argmax([x[0], x[1]]) == 0) | (x[1] > x[0])", True),
        ("forall x in [-1,1]^2: f.slope(x)[0, 0] * 2 <= 2", True),
        ("forall x in [-1,1]^2: f(x[::-1]) == f(-(-x))", True),
        ("exists x in [0,1]: x[0] != x[0]", False),
    ],
)  # fmt: skip
def test_statements_as_text(text, holds):
    if holds is None:  # | binds before comparisons, as in Python: then it is between numbers
        with pytest.raises(es.ParameterError, match="condition"):
            parse_statement(text, {"f": NET})
        return
    assert es.prove(parse_statement(text, {"f": NET})).holds is holds


@pytest.mark.parametrize("text", [
    "", "x >= 0", "forall x: x[0] >= 0", "forall x in [0,1]^2 f(x) >= 0",
    "forall x in [0,1]^2: ", "forall x in [0,1]^2: (", "forall x in [0,1]^2: x[0]",
    "forall x in [0,1]^2: __import__('os').system('true')", "forall x in [0,1]^2: f.save(x)",
    "forall x in [0,1]^2: x.__class__ >= 0", "forall x in [0,1]^2: [v for v in x] >= 0",
    "forall x in [0,1]^2: (lambda: 1)() >= 0", "forall x in [0,1]^2: 'a' >= 0",
    "forall x in [0,1]^2: f(x=1) >= 0", "forall x in [0,1]^2: h(x)[0] >= 0",
    "forall x in [0,1]^2: x[0] ** 2 >= 0", "forall x in [0,1]^2: x[0] is x[1]",
    "forall f in [0,1]^2: f[0] >= 0", "forall x in [0,1]^2, x in [0,1]: x[0] >= 0",
    "forall x in [1,0]^2: x[0] >= 0 and x[9] >= 0", "forall x in [0,1]^99999999: x[0] >= 0",
    "forall x in [0,one]: x[0] >= 0", "forall x in [0,1]^2: " + "(" * 3000 + "x[0]" + ")" * 3000,
    "forall x in [0,1]^2: " + "-" * 9000 + "x[0] >= 0",
    "forall x in [0,1]^2: x[0] >= 1e999999999", "forall x in [0,1]^2: argmax(x) == 1/2",
])  # fmt: skip
def test_hostile_texts(text):
    with pytest.raises(es.ExactSplineError):
        es.prove(parse_statement(text, {"f": NET}))
