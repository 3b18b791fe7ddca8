"""The command line: forms of its arguments, output, exit codes, interrupts, bad input."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import tomllib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from command_line import TWO_BOXES, command, one_error_line, with_signals, write_networks
from folders import ROOT

import exactspline as es
from exactspline.cli.arguments import parse
from exactspline.cli.domains import domain_lines, exact_text
from exactspline.cli.text import big
from exactspline.driver.progress import Progress
from exactspline.formats import save_json
from exactspline.search import compiled, warm
from exactspline.search.choice import engine_names
from exactspline.texts import duration

F = Fraction
JSON_KEYS = {
    "regions", "complete", "certified", "decisions", "seconds", "input_dim", "domain_dim",
    "units", "domain", "network_sha256", "engine", "version", "count_definition",
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with networks and domains; the kernel is compiled once it exists."""
    warm.warm_up()
    folder = tmp_path_factory.mktemp("cli")
    write_networks(folder)
    save_json(es.Network([es.Dense([["1/3", 1]]), es.Abs()], (2,)), folder / "third.json")
    np.save(folder / "low.npy", np.array([-1.0, 0.1]))
    np.save(folder / "high.npy", np.array([1, 2], dtype=np.float32))
    np.save(folder / "square.npy", np.full((1, 2), -1.0))
    (folder / "two.vnnlib").write_text(TWO_BOXES)
    (folder / "one.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const X_1 Real)\n"
        "(assert (>= X_0 -0.1))(assert (<= X_0 0.1))(assert (= X_1 0.3))\n"
    )
    (folder / "domain.json").write_text(
        '{"type": "polytope", "G": [[1, 1], [-1, 0], [0, -1]], "h": ["1/3", 1, 1]}'
    )
    return folder


@pytest.fixture
def run(files, monkeypatch, command_line):
    """Run the command line in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(files)
    return command_line


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
    assert value["decisions"].keys() == {"float", "integer", "rational"}
    assert sum(value["decisions"].values()) >= 7
    assert (value["input_dim"], value["domain_dim"], value["units"]) == (2, 2, 3)
    assert value["domain"] == {"type": "all", "dim": 2}
    assert value["network_sha256"] == es.load(files / "small.npz").sha256
    assert value["engine"] == "kernel"
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
    assert value["engine"] == ("kernel" if engine == "auto" else engine)


def test_rational_network(run):
    code, out, _ = run("count", "third.json", "--box", "-1", "1", "--json")
    assert (code, json.loads(out)["regions"]) == (0, 2)


def test_limit(run):
    code, out, _ = run("count", "large.npz", "--limit", "50")
    assert code == 0
    assert "at least 50 (certified lower bound; stopped by --limit)" in out
    value = json.loads(run("count", "large.npz", "--limit", "50", "--json")[1])
    assert (value["regions"], value["complete"], value["stopped"]) == (50, False, "limit")


def test_time_limit(run):
    code, out, _ = run("count", "large.npz", "--time-limit", "0.2")
    assert code == 0
    assert "certified lower bound; stopped by --time-limit" in out
    value = json.loads(run("count", "large.npz", "--time-limit=1e-1", "--json")[1])
    assert value["complete"] is False
    assert value["stopped"] == "time limit"
    assert value["regions"] > 0


# ------------------------------------------------------------------------- interrupts
@pytest.mark.parametrize(
    ("signum", "code", "word"),
    [(signal.SIGINT, 130, "interrupt"), (signal.SIGTERM, 143, "terminated")],
)
def test_partial_result_as_json(run, interrupted, signum, code, word):
    calls = interrupted(signum)
    got, out, _ = run("count", "large.npz", "--json")
    value = json.loads(out)
    assert got == code
    assert value["complete"] is False
    assert value["certified"] is True
    assert value["stopped"] == word
    assert value["regions"] == calls[-1] > 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_interrupt_in_the_second_domain(run, files, monkeypatch):
    calls = []

    def update(self, run):
        calls.append(run)
        if len({id(r) for r in calls}) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "update", update)
    code, out, _ = run("count", "small.npz", "--vnnlib", "two.vnnlib", "--json")
    value = json.loads(out)
    assert code == 130
    assert value["complete"] is False
    assert value["domains"] == 2
    assert value["results"][0]["complete"] is True
    assert value["results"][1]["stopped"] in ("interrupt", None)


def test_interrupt_before_the_search(run, monkeypatch):
    def compile_forever(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("exactspline.cli.search.compile_kernel", compile_forever)
    code, out, _ = run("count", "small.npz", "--json")
    value = json.loads(out)
    assert code == 130
    assert (value["regions"], value["complete"]) == (0, False)


def test_interrupt_while_reading(run, monkeypatch):
    def load(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("exactspline.cli.networks.load", load)
    assert run("count", "small.npz") == (130, "", "exactspline: interrupted, no result\n")


def test_ctrl_c_in_a_terminal(files):
    """A real process with a terminal: a progress bar, Ctrl-C, and a marked partial result."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("count", "large.npz"),
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
        preexec_fn=with_signals,
    )
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + 300
    while seen.count(b"of the tree") < 2 and time.monotonic() < deadline:
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    os.close(master)
    assert b"regions, " in seen
    assert b"/s, " in seen
    assert process.returncode == 130
    assert "at least " in out
    assert "INTERRUPTED by Ctrl-C, partial result" in out
    assert out.startswith("network ")


@pytest.mark.slow
def test_ctrl_c_without_a_terminal(files):
    process = subprocess.Popen(
        command("count", "large.npz"),
        cwd=files,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_signals,
    )
    assert process.stdout is not None
    head = process.stdout.readline()  # written before the search begins
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert head.startswith("network ")
    assert "certified lower bound; INTERRUPTED" in out
    assert "Traceback" not in err
    assert "\r" not in err


def test_ctrl_c_inside_of_code_from_a_string(tmp_path):
    """Python would die of the signal, though the interrupt is caught: the exit code is ours."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\nfrom exactspline.cli import main as command_line\n"
        "module = sys.modules[command_line.__module__]\n"
        "module._command = lambda name: lambda arguments: exec('raise KeyboardInterrupt')\n"
        "sys.exit(command_line(['count', 'net.onnx']))\n"
    )
    command = [sys.executable, "-m", "interrupted"]  # only -m looks at what was noted
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.returncode, done.stderr) == (130, "exactspline: interrupted, no result\n")


# ------------------------------------------------------------------- output elsewhere
@pytest.mark.slow
def test_silent_in_a_pipe(files):
    result = subprocess.run(
        command("count", "small.npz"), cwd=files, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0
    assert result.stderr == ""
    assert "regions      7\n" in result.stdout


def test_reader_that_goes_away(files):
    process = subprocess.Popen(
        command("count", "small.npz"), cwd=files, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait(timeout=120) == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written(files):
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            command("info", "small.npz"), cwd=files, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert result.returncode == 2
    one_error_line(result.stderr)


def test_output_that_is_closed(files):
    result = subprocess.run(
        f"{sys.executable} -m exactspline info small.npz >&-", shell=True, cwd=files,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


class Search:
    before = 0
    regions = 12345
    phase = "searching"
    share = 0.25


def test_progress_bar(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    bar = Progress(terminal, "domain 1/2")
    bar.update(Search())
    assert terminal.text == ""  # too soon
    bar._last -= 1
    bar._start -= 10
    bar.update(Search())
    assert terminal.text.startswith("\rdomain 1/2 [#######......")
    assert "25.0% of the tree, 12,345 regions, 1,23" in terminal.text
    assert len(terminal.text) <= 100
    bar.clear()
    assert terminal.text.endswith("\r")


def test_progress_of_a_resumed_run(monkeypatch):
    """The bar begins where the run was; the rate counts what is found now."""
    monkeypatch.setenv("COLUMNS", "100")

    class Resumed(Search):
        before = 12000

    terminal = Terminal()
    bar = Progress(terminal)
    bar._start -= 10
    bar._last -= 10
    bar.update(Resumed())
    line = terminal.text
    assert "25.0% of the tree, 12,345 regions, 34/s" in line or "35/s" in line


def test_progress_bar_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    terminal = Terminal()
    bar = Progress(terminal)
    bar._last -= 1
    bar.update(Search())
    assert len(terminal.text) == 24


def test_no_progress_without_a_terminal(capsys):
    bar = Progress(sys.stderr)
    bar._last -= 1
    bar.update(Search())
    bar.clear()
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_first_run_says_that_it_compiles(run, monkeypatch):
    monkeypatch.setattr(compiled, "is_compiled", lambda **_: False)
    code, out, err = run("count", "small.npz", "--json")
    assert code == 0
    assert json.loads(out)["regions"] == 7
    assert err == "compiling the search kernels (once only)...\n"


def test_other_engines_do_not_compile(run, monkeypatch):
    monkeypatch.setattr(compiled, "is_compiled", lambda **_: False)
    monkeypatch.setattr(warm, "warm_up", lambda **_: pytest.fail("compiles"))
    assert run("count", "small.npz", "--engine", "rational")[2] == ""
    assert run("count", "small.npz", "--box", "0", "0")[2] == ""


@pytest.mark.slow
def test_is_compiled(files, tmp_path):
    """True here, where it has been compiled; False in an empty cache; nothing is compiled."""
    assert compiled.is_compiled()
    code = "from exactspline.search.compiled import is_compiled; print(is_compiled())"
    for cache, answer in ((None, "True"), (tmp_path, "False")):
        env = dict(os.environ)
        if cache is not None:
            env["NUMBA_CACHE_DIR"] = str(cache)
        result = subprocess.run(
            [sys.executable, "-c", code], env=env, cwd=files, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert result.stdout.strip() == answer
    assert not list(tmp_path.rglob("*.nb?"))


def test_in_doubt_nothing_is_said(monkeypatch):
    monkeypatch.setattr(compiled, "_in_cache", lambda kernel: 1 / 0)
    assert compiled.is_compiled() is True


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


# ------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "COMMAND"),
        (["frobnicate"], "invalid choice"),
        (["count"], "NETWORK"),
        (["count", "small.npz", "--frob"], "--frob"),
        (["count", "small.npz", "--lim", "3"], "--lim"),
        (["count", "missing.onnx"], "missing.onnx: cannot be read"),
        (["count", "."], "extension"),
        (["count", "one.vnnlib"], "extension"),
        (["count", "small.npz", "--box", "-1"], "expected 2 arguments"),
        (["count", "small.npz", "--box", "-1", "--json"], "expected 2 arguments"),
        (["count", "small.npz", "--box", "1", "-1"], "low 1 > high -1"),
        (["count", "small.npz", "--box", "inf", "inf"], "low of coordinate 0 is inf"),
        (["count", "small.npz", "--box", "-inf", "-inf"], "high of coordinate 0 is -inf"),
        (["count", "small.npz", "--box", "nan", "1"], "nan"),
        (["count", "small.npz", "--box", "-x", "1"], "'-x' is not a finite number"),
        (["count", "small.npz", "--box", "1,2,3", "4"], "3 entries"),
        (["count", "small.npz", "--box", "1,,2", "4"], "empty entry"),
        (["count", "small.npz", "--box", "1/0", "4"], "divides by zero"),
        (["count", "small.npz", "--box", "0", "1e999999999"], "exponent"),
        (["count", "small.npz", "--box", "0", "1" * 20001], "too long"),
        (["count", "small.npz", "--box", "0", "missing.npy"], "missing.npy: cannot be read"),
        (["count", "small.npz", "--box", "0", "1", "--domain", "domain.json"], "not allowed"),
        (["count", "small.npz", "--vnnlib", "missing.vnnlib"], "cannot be read"),
        (["count", "small.npz", "--vnnlib", "domain.json"], "domain.json"),
        (["count", "small.npz", "--domain", "one.vnnlib"], "one.vnnlib"),
        (["count", "large.npz", "--vnnlib", "one.vnnlib"], "the network has 8"),
        (["count", "large.npz", "--domain", "domain.json"], "R^2"),
        (["count", "small.npz", "--limit", "0"], "--limit"),
        (["count", "small.npz", "--limit", "-5"], "--limit"),
        (["count", "small.npz", "--limit", "many"], "--limit"),
        (["count", "small.npz", "--time-limit", "nan"], "--time-limit"),
        (["count", "small.npz", "--time-limit=-1"], "--time-limit"),
        (["count", "small.npz", "--engine", "gpu"], "--engine"),
        (["info", "missing.npz"], "missing.npz"),
        (["info", "small.npz", "--box", "1", "0"], "low 1 > high 0"),
    ],
)
def test_bad_input_is_one_line(run, arguments, text):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert text in one_error_line(err)


def test_empty_polytope(run, files):
    (files / "empty.json").write_text('{"type": "polytope", "G": [[1, 0], [-1, 0]], "h": [0, -1]}')
    code, out, err = run("count", "small.npz", "--domain", "empty.json")
    assert (code, out) == (2, "")
    assert "empty" in one_error_line(err)


@pytest.mark.parametrize(
    ("name", "make", "text"),
    [
        ("text.npy", lambda p: p.write_text("hello"), "is no .npy file"),
        ("nothing.npy", lambda p: p.write_bytes(b""), "is no .npy file"),
        (
            "pickled.npy",
            lambda p: np.save(p, np.array([{"a": 1}], dtype=object), allow_pickle=True),
            "type object",
        ),
        ("complex.npy", lambda p: np.save(p, np.array([1j, 2])), "type complex128"),
        ("nan.npy", lambda p: np.save(p, np.array([0, np.nan])), "nan"),
        ("three.npy", lambda p: np.save(p, np.zeros(3)), "3 entries"),
        ("shape.npy", lambda p: np.save(p, np.zeros((2, 2))), "4 entries"),
    ],
)
def test_bad_npy_files(run, files, name, make, text):
    make(files / name)
    code, out, err = run("count", "small.npz", "--box", name, "inf")
    assert (code, out) == (2, "")
    assert text in one_error_line(err)


def test_npy_header_that_lies(run, files):
    data = bytearray((files / "low.npy").read_bytes())
    (files / "short.npy").write_bytes(data[:-3])
    at = data.index(b"(2,)")
    data[at : at + 4] = b"(9e9"[:4]
    (files / "lies.npy").write_bytes(data)
    huge = (files / "low.npy").read_bytes().replace(b"(2,), }    ", b"(2000000,), ", 1)
    (files / "huge.npy").write_bytes(huge)
    for name in ("short.npy", "lies.npy", "huge.npy"):
        code, out, err = run("count", "small.npz", "--box", name, "inf")
        assert (code, out) == (2, "")
        assert name in one_error_line(err)


def test_truncated_networks(run, files):
    for name in ("small.npz", "third.json"):
        data = (files / name).read_bytes()
        for cut in range(0, len(data) - 2, max(1, len(data) // 20)):
            path = files / f"cut-{name}"
            path.write_bytes(data[:cut])
            code, out, err = run("count", path.name)
            assert (code, out) == (2, "")
            assert path.name in one_error_line(err)


def test_names_with_newlines_and_strange_bytes(run, files):
    name = "a\nb\udcff.npz"
    code, out, err = run("count", name)
    assert (code, out) == (2, "")
    one_error_line(err)
    os.symlink("small.npz", name)
    try:
        code, out, _ = run("count", name, "--json")
        assert (code, json.loads(out)["regions"]) == (0, 7)
        code, out, _ = run("info", name)
        assert code == 0
        for encoding in ("ascii", "utf-8"):
            result = subprocess.run(
                command("info", name), cwd=files, capture_output=True, check=False,
                env={**os.environ, "PYTHONIOENCODING": encoding},
            )  # fmt: skip
            assert (result.returncode, result.stderr) == (0, b"")
    finally:
        os.unlink(name)


def test_unexpected_errors_are_not_hidden(run, monkeypatch):
    def load(path):
        raise RuntimeError("a defect")

    monkeypatch.setattr("exactspline.cli.networks.load", load)
    with pytest.raises(RuntimeError, match="a defect"):
        run("count", "small.npz")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError()])
def test_trouble_with_the_machine(run, monkeypatch, error):
    def load(path):
        raise error

    monkeypatch.setattr("exactspline.cli.networks.load", load)
    code, out, err = run("count", "small.npz")
    assert (code, out) == (2, "")
    one_error_line(err)


# ---------------------------------------------------------------- help, version, start
@pytest.mark.parametrize("arguments", [["--help"], ["count", "--help"], ["info", "-h"]])
def test_help_documents_exit_codes(run, arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    for number in ("0  ", "2  ", "130", "143"):
        assert f"\n  {number}" in out


def test_version(run):
    assert run("--version") == (0, f"exactspline {es.__version__}\n", "")


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
        assert done.stdout == f"exactspline {es.__version__}\n"


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


# --------------------------------------------------------------------------- wording
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (F(1, 10), "0.1"),
        (F(-1, 3), "-1/3"),
        (F(-5, 4), "-1.25"),
        (F(7), "7"),
        (F(-1, 1000), "-0.001"),
        (F(1, 2**20), "1/1048576"),
        (F(0.1), "3602879701896397/36028797018963968"),
        (F(10**7 + F(1, 2)), "20000001/2"),
        (F(1, 60), "1/60"),
        (None, "inf"),
    ],
)
def test_exact_text(value, text):
    assert exact_text(value) == text
    if value is not None:
        assert F(exact_text(value)) == value


def test_exact_text_is_exact():
    rng = np.random.default_rng(0)
    for p, e in zip(rng.integers(-(10**9), 10**9, 500), rng.integers(0, 20, 500), strict=True):
        value = F(int(p), 10 ** int(e))
        assert F(exact_text(value)) == value


def test_domain_lines():
    assert domain_lines(es.Box([-1, -1, "1/3", 0], [1, 1, "inf", 0])) == [
        "box in R^4 (dimension 3)",
        "x0, x1 in [-1, 1]",
        "x2 in [1/3, inf)",
        "x3 in [0, 0]",
    ]
    assert domain_lines(es.Polytope([[1, -2], ["-1/3", 0], [0, 0]], ["0.5", 0, 1])) == [
        "polytope of 3 inequalities in R^2 (dimension 2)",
        "x0 - 2 x1 <= 0.5",
        "-1/3 x0 <= 0",
        "0 <= 1",
    ]
    slice_ = es.Slice([1, 0, 0], [[1, -1, 0], [0, 2, 0]], es.Box([0, 0], [1, "1/3"]))
    assert domain_lines(slice_) == [
        "2-dimensional slice of R^3 (dimension 2)",
        "t in box in R^2",
        "t0 in [0, 1]",
        "t1 in [0, 1/3]",
        "x0 = 1 + t0",
        "x1 = -t0 + 2 t1",
        "x2 = 0",
    ]
    image = es.Slice(np.zeros(64), np.eye(64)[:2], es.WholeSpace(2))
    assert domain_lines(image)[-2:] == ["x2 = 0", "... and 61 more coordinates (--json has them)"]
    bounded = es.Slice([1, 0], [[1, -1]], es.WholeSpace(1), es.Box([0, 0], [2, 1]))
    assert domain_lines(bounded) == [
        "1-dimensional slice of R^2 (dimension 1)",
        "t in all of R^1",
        "x0 in [0, 2]",
        "x1 in [0, 1]",
        "x0 = 1 + t0",
        "x1 = -t0",
    ]


def test_long_domains_are_cut():
    lines = domain_lines(es.Box(list(range(100)), list(range(1, 101))))
    assert len(lines) == 17
    assert lines[-1] == "... and 85 more lines (--json has them)"
    assert domain_lines(es.Box(0, 1, dim=784))[1] == "x0 ... x783 in [0, 1]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (10**15 - 1, "999,999,999,999,999"),
        (10**15, "1.00e+15"),
        (1234567 * 10**20, "1.24e+26"),
        (10**40 - 1, "1.00e+40"),
    ],
)
def test_big_numbers(value, text):
    assert big(value) == text


def test_numbers_beyond_pythons_digits():
    assert big(2**50000) == "3.17e+15051"


def test_durations():
    assert [duration(s) for s in (0.0123, 9.94, 42, 61, 3723)] == [
        "0.0123 s", "9.94 s", "42.0 s", "1:01 min", "1:02:03",
    ]  # fmt: skip
