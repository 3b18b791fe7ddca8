"""The command line: forms of its arguments, output, exit codes, interrupts, bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from command_line import one_error_line
from folders import ROOT

import exactspline as es
from exactspline.cli.arguments import parse
from exactspline.search.choice import engine_names

F = Fraction


JSON_KEYS = {
    "regions", "complete", "certified", "decisions", "seconds", "input_dim", "domain_dim",
    "units", "domain", "network_sha256", "engine", "version", "count_definition",
}  # fmt: skip


# ----------------------------------------------------------------------------- count
def test_count_for_a_person(run):
    code, out, err = run("count", "small.npz")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["network", "small.npz"]
    assert "2 -> 1: Dense 2 -> 3, ReLU, Dense 3 -> 1" in out
    assert "3 units in 1 layer (3), 13 parameters" in out
    assert "all of R^2 (dimension 2)" in out
    assert "regions      7\n" in out
    assert "decisions proved" in out
    assert "regions/s" in out


def test_count_as_json(run, files):
    code, out, err = run("count", "small.npz", "--json")
    assert (code, err) == (0, "")
    assert out.count("\n") == 1
    value = json.loads(out)
    assert value.keys() >= JSON_KEYS
    assert value["regions"] == 7
    assert value["complete"] is True
    assert value["certified"] is True
    assert value["stopped"] is None
    assert value["decisions"].keys() == {"float", "integer", "double_double", "rational"}
    assert sum(value["decisions"].values()) >= 7
    assert (value["input_dim"], value["domain_dim"], value["units"]) == (2, 2, 3)
    assert value["domain"] == {"type": "all", "dim": 2}
    assert value["network_sha256"] == es.load(files / "small.npz").sha256
    assert value["engine"] == "plane"
    assert value["version"] == es.__version__
    assert "activation regions" in value["count_definition"]
    assert isinstance(value["seconds"], float)
    assert value["seconds"] < 30


@pytest.mark.parametrize(
    ("arguments", "low", "high"),
    [
        (["--box", "-1", "1"], [-1, -1], [1, 1]),
        (["--box=-1", "1"], [-1, -1], [1, 1]),
        (["--box", "-1e-3", "1e-3"], [F(-1, 1000)] * 2, [F(1, 1000)] * 2),
        (["--box=-1e-3", "1E-3"], [F(-1, 1000)] * 2, [F(1, 1000)] * 2),
        (["--box", "-1/3", "0.1"], [F(-1, 3)] * 2, [F(1, 10)] * 2),
        (["--box", "-1/3", "-1/4"], [F(-1, 3)] * 2, [F(-1, 4)] * 2),
        (["--box", "-inf", "inf"], [None] * 2, [None] * 2),
        (["--box", "-INF", "-.5"], [None] * 2, [F(-1, 2)] * 2),
        (["--box", "-1,-2", "3,+inf"], [-1, -2], [3, None]),
        (["--box=-1/3,-inf", "-.1,0.3"], [F(-1, 3), None], [F(-1, 10), F(3, 10)]),
        (["--box", "-1, -2", " 3 , 4"], [-1, -2], [3, 4]),
        (["--box", "-2", "-1,1/7"], [-2, -2], [-1, F(1, 7)]),
        (["--box", "0,0", "0,1"], [0, 0], [0, 1]),
        (["--box", "low.npy", "high.npy"], [-1, F(0.1)], [1, 2]),
        (["--box", "-inf", "high.npy"], [None, None], [1, 2]),
        (["--box", "square.npy", "-0.5"], [-1, -1], [F(-1, 2)] * 2),
        (["--vnnlib", "one.vnnlib"], [F(-1, 10), F(3, 10)], [F(1, 10), F(3, 10)]),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_boxes_are_exact(run, arguments, low, high, first):
    """All forms of numbers, before and after the network's name."""
    order = [*arguments, "small.npz"] if first else ["small.npz", *arguments]
    code, out, err = run("count", *order, "--json")
    assert (code, err) == (0, "")

    def number(v):
        return {"inf": None, "-inf": None}.get(v, v) if isinstance(v, str) and "inf" in v else F(v)

    value = json.loads(out)
    assert value["domain"]["type"] == "box"
    assert [number(v) for v in value["domain"]["low"]] == low
    assert [number(v) for v in value["domain"]["high"]] == high
    box = es.Box(
        [-np.inf if v is None else v for v in low], [np.inf if v is None else v for v in high]
    )
    assert value["regions"] == es.count_regions(es.load("small.npz"), box)
    assert value["domain_dim"] == box.chart.dim


def test_numbers_of_many_digits(run):
    code, out, _ = run("count", "small.npz", "--box", "-1e-9000", "1e9000", "--json")
    assert code == 0
    assert json.loads(out)["regions"] == 7
    assert run("count", "small.npz", "--box", "0", "1" + "0" * 9000)[0] == 0


SLICE = ["--slice", "origin.npy", "right.npy", "up.npy"]


@pytest.fixture
def points(files):
    """Points of R^2: x = a + s (b - a) + t (c - a) = (s, 2 t)."""
    for name, point in (("origin", [0, 0]), ("right", [1, 0]), ("up", [[0, 2]])):
        np.save(files / f"{name}.npy", np.array(point, dtype=np.float32))
    np.save(files / "far.npy", np.array([2.0, 0]))
    return files


def test_slice_through_points(run, points):
    code, out, _ = run("count", "small.npz", *SLICE, "--box", "-1", "1", "--json")
    value = json.loads(out)
    assert code == 0
    assert value["domain"]["directions"] == [[1, 0], [0, 2]]
    slice_ = es.Slice([0, 0], [[1, 0], [0, 2]], es.Box(-1, 1, dim=2))
    assert value["regions"] == es.count_regions(es.load(points / "small.npz"), slice_)
    code, out, _ = run("count", "small.npz", *SLICE[:3], "--json")  # a line, all of it
    assert code == 0
    assert json.loads(out)["domain_dim"] == 1


def test_slice_with_bounds_of_the_inputs(run, points):
    code, out, _ = run("count", "small.npz", *SLICE, "--input-box=-1/2,0", "1", "--json")
    assert code == 0
    value = json.loads(out)
    assert value["domain"]["inputs"] == {"type": "box", "low": ["-1/2", 0], "high": [1, 1]}
    box = es.Box(["-1/2", 0], [1, 1])
    assert value["regions"] == es.count_regions(es.load(points / "small.npz"), box)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--slice", "origin.npy"], "at least two"),
        (["--slice", "origin.npy", "right.npy", "far.npy"], "linearly dependent"),
        (["--slice", "origin.npy", "origin.npy"], "linearly dependent"),
        (["--slice", "origin.npy", "nowhere.npy"], "nowhere.npy"),
        ([*SLICE, "--vnnlib", "one.vnnlib"], "--slice"),
        ([*SLICE, "--input-box", "5", "6", "--box", "0", "1"], "within the bounds"),
        ([*SLICE, "--box", "0,0,0", "1"], "box"),
        (["--input-box", "0", "1"], "--slice"),
    ],
)
def test_bad_slices(run, points, arguments, text):
    code, out, err = run("count", "small.npz", *arguments)
    assert (code, out) == (2, "")
    assert text in one_error_line(err)


def test_smooth_network(run, files):
    """It can be described, and counting says how to go on; g is named in every report."""
    operators = [es.Dense([[1, 1]]), es.Tanh(name="bend"), es.Dense([[1], [2]]), es.Softmax()]
    es.Network(operators, (2,)).save(files / "smooth.json")
    code, out, err = run("count", "smooth.json")
    assert (code, out) == (2, "")
    assert "operator 'bend' (Tanh)" in err
    assert "exactspline.approximate" in one_error_line(err)
    code, out, _ = run("info", "smooth.json")
    assert code == 0
    assert "output operator: Softmax" in out
    assert "not piecewise affine" in out
    code, out, _ = run("info", "smooth.json", "--json")
    value = json.loads(out)
    assert (value["piecewise_affine"], value["units"]) == (False, None)
    assert value["output_operator"] == "Softmax"
    assert len(value["operators"]) == 4


def test_rounded_scales_are_reported(run, files):
    norm = es.BatchNorm([0, 0, 1], [1, 3, 2], epsilon=1)  # scales 1/sqrt(2), 1/2, 1/sqrt(3)
    es.Network([norm, es.ReLU(), es.Sigmoid()], (3,)).save(files / "norm.json")
    _, out, _ = run("count", "norm.json")
    assert "2 scales of batch normalisation are rounded" in out
    assert "output operator: Sigmoid" in out
    for name in ("count", "info"):
        _, out, _ = run(name, "norm.json", "--json")
        value = json.loads(out)
        assert (value["rounded_scales"], value["output_operator"]) == (2, "Sigmoid")


def test_domain_from_a_file(run):
    code, out, _ = run("count", "small.npz", "--domain", "domain.json")
    assert code == 0
    assert "polytope of 3 inequalities in R^2" in out
    assert "x0 + x1 <= 1/3" in out
    value = json.loads(run("count", "small.npz", "--domain", "domain.json", "--json")[1])
    assert value["domain"]["h"] == ["1/3", 1, 1]


def test_several_domains_have_no_total(run):
    code, out, err = run("count", "small.npz", "--vnnlib", "two.vnnlib")
    assert (code, err) == (0, "")
    assert out.count("regions      ") == 2
    assert "domain 1/2" in out
    assert "domain 2/2" in out
    assert "domains 1 and 2 overlap" in out
    code, out, err = run("count", "small.npz", "--vnnlib", "two.vnnlib", "--json")
    value = json.loads(out)
    assert "regions" not in value
    assert value["overlaps"] == [[0, 1]]
    assert value["complete"] is True
    assert [r["complete"] for r in value["results"]] == [True, True]
    assert value["results"][0]["domain"]["high"] == ["1/10", 1]
    assert (value.keys() | value["results"][0].keys()) >= JSON_KEYS


@pytest.mark.parametrize("engine", ["auto", *engine_names()])
def test_engines(run, engine):
    value = json.loads(run("count", "small.npz", "--engine", engine, "--json")[1])
    assert value["regions"] == 7
    assert value["engine"] == ("plane" if engine == "auto" else engine)


def test_rational_network(run):
    code, out, _ = run("count", "third.json", "--box", "-1", "1", "--json")
    assert (code, json.loads(out)["regions"]) == (0, 2)


def test_limit(run):
    code, out, _ = run("count", "large.npz", "--limit", "50")
    assert code == 0
    assert "at least 50 (certified lower bound; stopped by --limit)" in out
    value = json.loads(run("count", "large.npz", "--limit", "50", "--json")[1])
    assert (value["regions"], value["complete"], value["stopped"]) == (50, False, "limit")


def test_too_many_dimensions(run, files):
    """What is rarely finished says what to do instead, once it was stopped."""
    wide = np.random.default_rng(0).integers(-3, 4, (8, 30))
    es.Network([es.Dense(wide), es.ReLU()], (30,)).save(files / "wide.json")
    code, out, _ = run("count", "wide.json", "--limit", "2")
    assert code == 0
    assert "--slice a.npy b.npy c.npy" in out
    out = run("count", "large.npz", "--limit", "50")[1]
    assert "--slice" not in out


def test_time_limit(run):
    code, out, _ = run("count", "large.npz", "--time-limit", "0.2")
    assert code == 0
    assert "certified lower bound; stopped by --time-limit" in out
    value = json.loads(run("count", "large.npz", "--time-limit=1e-1", "--json")[1])
    assert value["complete"] is False
    assert value["stopped"] == "time limit"
    assert value["regions"] > 0


# ------------------------------------------------------------------------------ info
def test_info_for_a_person(run, files):
    code, out, err = run("info", "small.npz")
    assert (code, err) == (0, "")
    assert es.load(files / "small.npz").sha256 in out
    assert "Dense 2 -> 3" in out
    assert "layer 1" in out
    assert "at most 8 (choices of pieces" in out
    assert "at most 7 (Montufar 2017" in out
    assert "at most 7 (Serra et al. 2018" in out


def test_info_as_json(run):
    value = json.loads(run("info", "large.npz", "--json")[1])
    assert (value["input_dim"], value["units"]) == (8, 48)
    assert [o["units"] for o in value["operators"]] == [0, 16, 0, 16, 0, 16, 0]
    assert [layer["units"] for layer in value["layers"]] == [16, 16, 16]
    (domain,) = value["domains"]
    assert domain["n0"] == 8
    bounds = {b["name"]: b for b in domain["bounds"]}
    assert bounds["choices of pieces"]["regions_at_most"] == 2**48
    assert bounds["Montufar 2017"]["regions_at_most"] == es.bounds.montufar2017([16] * 3, 8)
    assert bounds["Serra et al. 2018"]["regions_at_most"] == es.bounds.serra2018([16] * 3, 8)


def test_info_with_domains(run):
    code, out, _ = run("info", "small.npz", "--box", "0,-1", "0,1")
    assert code == 0
    assert "box in R^2 (dimension 1)" in out
    assert "x0 in [0, 0]" in out
    assert "at most 4 (Montufar 2017" in out
    value = json.loads(run("info", "small.npz", "--vnnlib", "two.vnnlib", "--json")[1])
    assert len(value["domains"]) == 2


def test_info_of_absolute_values(run):
    out = run("info", "third.json")[1]
    assert "Serra et al. 2018: does not apply" in out


def test_info_does_not_count(run, monkeypatch):
    monkeypatch.setattr("exactspline.search.run.Run.batches", lambda *a: pytest.fail("searches"))
    code, out, _ = run("info", "large.npz")
    assert code == 0
    assert "at most" in out


# ---------------------------------------------------------------- help, version, start
@pytest.mark.parametrize("arguments", [["--help"], ["count", "--help"], ["info", "-h"]])
def test_help_documents_exit_codes(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for number in ("0  ", "2  ", "130", "143"):
        assert f"\n  {number}" in out


def test_version(run):
    assert run("--version") == (0, f"{es.__version__}\n", "")


def test_script_is_installed():
    """What pyproject.toml calls the command; and the script itself, where there is one."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        scripts = tomllib.load(stream)["project"]["scripts"]
    module, _, function = scripts["exactspline"].partition(":")
    commands = [[sys.executable, "-c", f"from {module} import {function}; {function}()"]]
    script = Path(sys.executable).with_name("exactspline")
    if script.exists():
        commands.append([str(script)])
    for words in commands:
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"{es.__version__}\n"


def test_nothing_heavy_is_imported(files):
    """Neither ``import exactspline`` nor --help loads the compiler or a solver."""
    code = (
        "import sys, exactspline; from exactspline.cli import main; main(['--help']);"
        "main(['count', 'missing.npz']);"
        "print([m for m in ('numba', 'llvmlite', 'onnx', 'flint', 'highspy', 'scipy') "
        "if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=files, capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("\n[]\n")


def test_arguments_after_a_double_dash():
    arguments = parse(["count", "--box", "-1", "2", "--", "-strange.npz"])
    assert arguments.network == "-strange.npz"
    assert arguments.box == [" -1", "2"]
