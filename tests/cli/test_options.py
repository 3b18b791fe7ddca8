"""Options that commands share: --approximate, numbers behind --at, the list of checks."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import exactspline as es
from exactspline.cli.main import main
from exactspline.theory import CHECKS


@pytest.fixture
def run(capsys):
    """Runs a command; its exit code, output and error output."""

    def go(*words: str):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        return code, *capsys.readouterr()

    return go


@pytest.fixture
def smooth(tmp_path):
    """A network of tanh units, and its file."""
    rng = np.random.default_rng(0)
    rows = es.Dense(rng.integers(-3, 4, (4, 2)), rng.integers(-2, 3, 4))
    network = es.Network([rows, es.Tanh(), es.Dense([[1, -1, 2, 1]])], (2,))
    network.save(tmp_path / "tanh.json")
    return network, str(tmp_path / "tanh.json")


# ------------------------------------------------------------------------- --approximate
@pytest.mark.parametrize("domain", [None, es.Box([-1, -1], [1, 1])])
def test_a_smooth_network_is_counted_as_its_spline(domain, smooth, run):
    network, name = smooth
    found = es.approximate(network, "1/50", domain)
    box = () if domain is None else ("--box", "-1", "1")
    code, out, _ = run("count", name, *box, "--approximate", "1/50", "--json")
    value = json.loads(out)
    assert (code, value["complete"]) == (0, True)
    assert value["regions"] == es.count_regions(found.network, domain)
    said = value["approximation"]
    assert Fraction(said["error"]) == found.error
    assert said["requested"] == "1/50"
    assert said["network_sha256"] == es.load(name).sha256 != value["network_sha256"]
    code, out, _ = run("count", name, *box, "--approximate", "1/50")
    assert code == 0
    assert "1 smooth operator replaced, error 0.02 each" in out


def test_every_command_takes_it(smooth, run, tmp_path):
    _, name = smooth
    options = (name, "--box", "-1", "1", "--approximate", "0.1", "--json")
    out = tmp_path / "omega.json"
    for words in (
        ("enumerate", "--out", out), ("graph",), ("region", "--at", "0", "1/3"), ("info",),
        ("theorems", "--check", "piecewise affine"),
    ):  # fmt: skip
        code, text, error = run(*words, *options)
        assert code == 0, error
        value = json.loads(text)
        value = value.get("network") if words[0] == "theorems" else value
        assert Fraction(value["approximation"]["error"]) > 0
    assert es.open_partition(out).network.program.n_units == 4


def test_without_it_the_way_out_is_named(smooth, run):
    code, _, error = run("count", smooth[1])
    assert code == 2
    assert "--approximate" in error


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "x", "1/0"])
def test_what_is_no_error_is_refused(wrong, smooth, run):
    code, out, error = run("count", smooth[1], "--approximate", wrong)
    assert (code, out) == (2, "")
    assert error.startswith("exactspline: error: ")
    assert error.count("\n") == 1


def test_a_piecewise_affine_network_stays_what_it_is(run, tmp_path):
    es.Network([es.ReLU()], (2,)).save(tmp_path / "relu.json")
    code, out, _ = run("count", tmp_path / "relu.json", "--approximate", "0.1", "--json")
    assert (code, json.loads(out)["regions"]) == (0, 4)


# ------------------------------------------------------------------- --output, --no-batch
@pytest.fixture
def model(tmp_path):
    """An ONNX model of two outputs, a and b, whose input may have a batch axis or none."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 2]) for name in "xab"]
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Abs", ["a"], ["b"])]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    name = str(tmp_path / "m.onnx")
    ids = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=ids, ir_version=9), name)
    return name


def test_one_of_several_outputs(model, run):
    code, _, error = run("count", model, "--no-batch")
    assert code == 2
    assert "--output" in error
    for output, units in (("a", 6), ("b", 12)):
        code, out, error = run("count", model, "--no-batch", "--output", output, "--json")
        assert code == 0, error
        assert json.loads(out)["units"] == units
    code, _, error = run("count", model, "--output", "a")
    assert code == 2
    assert "--no-batch" in error
    code, _, error = run("count", model, "--no-batch", "--output", "c")
    assert (code, error.count("\n")) == (2, 1)


def test_files_of_one_output_have_none_to_choose(run, tmp_path):
    es.Network([es.ReLU()], (2,)).save(tmp_path / "relu.json")
    for option in (("--output", "y"), ("--no-batch",)):
        code, _, error = run("count", tmp_path / "relu.json", *option)
        assert code == 2
        assert error.startswith("exactspline: error: ")


# ----------------------------------------------------------------------------------- --at
@pytest.mark.parametrize(
    "words",
    [
        ("--at", "0.5,-1/4", "FILE"), ("--at", "0.5", "-1/4", "FILE"), ("FILE", "--at=0.5", "-.25"),
        ("FILE", "--at", "0.5", "-1/4", "--box", "-2", "2"), ("FILE", "--at", "+5e-1", "-25e-2"),
        ("--at", "0.5,", "-1/4", "FILE"), ("FILE", "--at", " 0.5", "-0.25"),
    ],
)  # fmt: skip
def test_numbers_with_commas_or_blanks(words, run, tmp_path):
    name = tmp_path / "2"  # a file whose name looks like a number stands elsewhere
    es.Network([es.ReLU()], (2,)).save(str(name) + ".json")
    words = tuple(f"{name}.json" if word == "FILE" else word for word in words)
    code, out, error = run("region", *words, "--json")
    if "0.5," in words:
        assert code == 2
        assert "--at" in error
    else:
        assert (code, json.loads(out)["point"]) == (0, ["1/2", "-1/4"])


# --------------------------------------------------------------------------------- --list
def test_the_checks_are_listed(run):
    code, out, _ = run("theorems", "--list")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == len(CHECKS) + 1
    for name, line in CHECKS.items():
        first = line.function.__doc__.strip().splitlines()[0]
        assert any(f" {name} " in text and first in text for text in lines)
    code, out, _ = run("theorems", "--list", "--check", "convexity", "--json")
    assert [row["check"] for row in json.loads(out)["checks"]] == ["convexity"]
