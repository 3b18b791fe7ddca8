"""The commands enumerate, graph and region: files, interrupts, bad input, what a person reads."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from fractions import Fraction

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest
from command_line import TWO_BOXES, command, one_error_line, with_signals, write_networks

import exactspline as es
from exactspline.driver.progress import Progress
from exactspline.search import compiled, warm

F = Fraction


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with networks and domains."""
    folder = tmp_path_factory.mktemp("cli")
    write_networks(folder)
    operators = [es.Dense([["1/3", 1], [1, 0], [2, 0]]), es.Abs(name="é<&>")]
    es.Network([*operators, es.Dense([[1, 1, "1/7"]])], (2,)).save(folder / "ties.json")
    es.Network([es.Dense([[i, 1] for i in range(20)]), es.ReLU()], (2,)).save(folder / "wide.json")
    es.Network([es.Dense([[1, "1/3"]], [1])], (2,)).save(folder / "affine.json")
    es.Network([es.Dense([[1]]), es.ReLU(name="a\nb\x1b[2J")], (1,)).save(folder / "escape.json")
    np.save(folder / "x.npy", np.array([[-1.0, 0.5]]))
    np.save(folder / "nan.npy", np.array([np.nan, 0]))
    (folder / "two.vnnlib").write_text(TWO_BOXES)
    return folder


@pytest.fixture
def run(files, monkeypatch, command_line, tmp_path):
    """Run the command line in this process: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    for name in os.listdir(files):
        os.symlink(files / name, tmp_path / name)
    return command_line


def rational(*arguments):
    """Without compiling anything."""
    return [*arguments, "--engine", "rational"]


def value_of(path):
    with open(path) as stream:
        return json.load(stream)


# ------------------------------------------------------------------------------ enumerate
def test_enumerate_for_a_person(run):
    arguments = rational("enumerate", "small.npz", "--box", "-3", "2", "-o", "omega.json")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "regions      7\n" in out
    assert "file         omega.json\n" in out
    value = value_of("omega.json")
    assert (value["count"], value["complete"], value["engine"]) == (7, True, "rational")
    assert "edges" not in value
    assert "A" not in value["regions"][0]


def test_enumerate_with_everything(run):
    code, out, err = run(
        *rational("enumerate", "ties.json", "--out=omega.json", "--edges", "--affine", "--json")
    )
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert (result["file"], result["regions"], result["complete"]) == ("omega.json", 4, True)
    value = value_of("omega.json")
    omega = es.enumerate_regions(es.load("ties.json"), engine="rational")
    assert [region["code"] for region in value["regions"]] == [
        "".join(map(str, code)) for code in omega.codes.tolist()
    ]
    assert [(e["source"], e["target"]) for e in value["edges"]] == list(
        zip(omega.edges.source.tolist(), omega.edges.target.tolist(), strict=True)
    )
    assert ["é<&>[1]", "é<&>[2]"] in [edge["names"] for edge in value["edges"]]
    for i, region in enumerate(value["regions"]):
        A, b = omega[i].affine(exact=True)
        assert [[F(v) for v in row] for row in region["A"]] == A.tolist()
        assert [F(v) for v in region["b"]] == b.tolist()


def test_enumerate_other_formats(run):
    arguments = rational("enumerate", "small.npz", "--affine")
    assert run(*arguments, "-o", "omega.npz", "--edges")[0] == 0
    with np.load("omega.npz") as arrays:
        assert arrays["codes"].shape == (7, 3)
        assert arrays["A"].shape == (7, 1, 2)
        assert len(arrays["edge_source"]) == 9
    assert run(*arguments, "-o", "omega.parquet")[0] == 0
    assert pq.read_table("omega.parquet").num_rows == 7


def test_several_domains_are_several_files(run):
    arguments = rational("enumerate", "small.npz", "--vnnlib", "two.vnnlib", "-o", "omega.json")
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert "file         omega-1.json\n" in out
    assert "file         omega-2.json\n" in out
    assert not os.path.exists("omega.json")
    code, out, _ = run(*arguments, "--json")
    results = json.loads(out)["results"]
    assert [result["file"] for result in results] == ["omega-1.json", "omega-2.json"]
    for i, result in enumerate(results):
        value = value_of(f"omega-{i + 1}.json")
        assert value["domain"] == result["domain"]
        assert value["count"] == len(value["regions"]) == result["regions"]


def test_an_existing_file_is_replaced(run, tmp_path):
    (tmp_path / "omega.json").write_text("old")
    assert run(*rational("enumerate", "small.npz", "-o", "omega.json"))[0] == 0
    assert value_of("omega.json")["count"] == 7


def test_limits(run):
    code, out, _ = run(*rational("enumerate", "small.npz", "--limit", "3", "-o", "omega.json"))
    assert code == 0
    assert "at least 3 (certified lower bound; stopped by --limit)" in out
    value = value_of("omega.json")
    assert (value["count"], value["complete"], len(value["regions"])) == (3, False, 3)
    code, out, _ = run(
        *rational("enumerate", "wide.json", "--time-limit", "0", "-o", "omega.json", "--json")
    )
    assert (code, json.loads(out)["stopped"]) == (0, "time limit")
    assert value_of("omega.json")["complete"] is False


# ---------------------------------------------------------------------------------- graph
def test_graph_for_a_person(run):
    code, out, err = run(*rational("graph", "small.npz", "--box", "-3", "2"))
    assert (code, err) == (0, "")
    assert "regions      7\n" in out
    assert "edges        9\n" in out
    assert "degree       2 to 3, mean 2.571\n" in out
    assert "border       10 facets of 6 regions lie in the domain's border\n" in out
    assert "file" not in out


def test_graph_as_json(run):
    code, out, _ = run(*rational("graph", "ties.json", "--json"))
    assert code == 0
    value = json.loads(out)
    assert value["graph"] == {
        "edges": 4,
        "coincident_edges": 2,
        "degree": {"min": 2, "mean": 2.0, "max": 2},
        "border_facets": 0,
        "border_regions": 0,
    }
    assert "2 of them flip several units" in run(*rational("graph", "ties.json"))[1]


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("kind", ["graphml", "gexf", "dot", "json", "npz", "parquet"])
def test_graph_files(run, kind, rounded):
    options = ["--rounded"] if rounded else []
    code, out, err = run(*rational("graph", "ties.json", "-o", f"g.{kind}", *options))
    assert (code, err) == (0, "")
    assert f"file         g.{kind}\n" in out
    omega = es.enumerate_regions(es.load("ties.json"), engine="rational", graph=True)
    omega.save_graph(f"expected.{kind}", exact=not rounded)
    with open(f"g.{kind}", "rb") as a, open(f"expected.{kind}", "rb") as b:
        assert a.read() == b.read()


def test_graph_of_one_region(run):
    code, out, _ = run(*rational("graph", "affine.json", "--box", "0", "1", "-o", "g.graphml"))
    assert code == 0
    assert "edges        0\n" in out
    assert "border       4 facets of 1 regions" in out
    graph = nx.read_graphml("g.graphml", node_type=int)
    assert (list(graph), list(graph.edges)) == ([0], [])
    assert graph.nodes[0]["code"] == ""


def test_graph_of_several_domains(run):
    code, out, _ = run(
        *rational("graph", "small.npz", "--vnnlib", "two.vnnlib", "-o", "g.graphml", "--json")
    )
    assert code == 0
    for i, result in enumerate(json.loads(out)["results"]):
        graph = nx.read_graphml(f"g-{i + 1}.graphml", node_type=int)
        assert len(graph) == result["regions"]
        assert graph.number_of_edges() == result["graph"]["edges"]


# --------------------------------------------------------------------------------- region
def test_region_for_a_person(run):
    code, out, err = run("region", "small.npz", "--at", "-1,1/3")
    assert (code, err) == (0, "")
    lines = [line.strip() for line in out.splitlines()]
    assert "point        x = (-1, 1/3)" in lines
    assert "strictly inside of one region" in lines
    assert "region       layer 1 (relu0): 010; 1 of 3 active: 1" in lines
    assert "map          y[0] = x[1]" in lines
    assert "inequalities x[0] <= 0   (relu0[0], piece 0)" in lines
    assert "x[0] + x[1] <= 1   (relu0[2], piece 0)" in lines
    assert "neighbours   relu0[0] takes piece 1" in lines
    assert "bounded      no" in lines
    assert "~" not in out


@pytest.mark.parametrize(
    "at", [["--at", "-1,0.5"], ["--at=-1,.5"], ["--at", "x.npy"], ["--at", " -1 , 1/2"]]
)
@pytest.mark.parametrize("first", [True, False])
def test_points_are_exact(run, at, first):
    order = [*at, "small.npz"] if first else ["small.npz", *at]
    code, out, _ = run("region", *order, "--json")
    assert code == 0
    assert json.loads(out)["point"] == ["-1", "1/2"]


def test_region_as_json(run):
    code, out, _ = run("region", "ties.json", "--at", "1,1/3", "--box", "-2", "2", "--json")
    assert code == 0
    value = json.loads(out)
    (expected,) = es.regions_at(es.load("ties.json"), [1, "1/3"], es.Box([-2, -2], [2, 2]))
    assert value["inside"] is True
    (region,) = value["regions"]
    assert region["code"] == expected.code.tolist() == [1, 1, 1]
    A, b = expected.affine(exact=True)
    assert [[F(v) for v in row] for row in region["A"]] == A.tolist() == [[F(34, 21), 1]]
    assert [F(v) for v in region["b"]] == b.tolist()
    assert region["bounded"] is True
    found = [
        ([F(v) for v in i["coefficients"]], F(i["constant"]), i["unit"], i["side"])
        for i in region["inequalities"]
    ]
    assert found == [
        (list(i.coefficients), i.constant, i.unit, i.side) for i in expected.inequalities()
    ]
    assert [n["units"] for n in region["neighbors"]] == [[0], [1, 2]]
    assert [n["pieces"] for n in region["neighbors"]] == [[0], [0, 0]]
    assert region["neighbors"][1]["names"] == ["é<&>[1]", "é<&>[2]"]
    for neighbor in region["neighbors"]:
        assert expected.contains([F(v) for v in neighbor["witness"]], closure=True)
    assert value["network_sha256"] == es.load("ties.json").sha256


def test_region_on_a_boundary(run):
    code, out, _ = run("region", "small.npz", "--at", "0,0", "--box", "-1", "1")
    assert code == 0
    assert "on a boundary: the closures of 4 regions meet here" in out
    for i, text in enumerate(("000", "010", "100", "110")):
        assert f"region {i + 1}/4   layer 1 (relu0): {text}; " in out
    assert out.count("bounded      yes") == 4
    value = json.loads(run("region", "small.npz", "--at", "0,0", "--json")[1])
    assert (value["inside"], len(value["regions"])) == (False, 4)


def test_region_in_the_border_of_the_domain(run):
    code, out, _ = run("region", "small.npz", "--at", "-1,1/3", "--box", "-1", "1")
    assert code == 0
    assert "in the border of the domain, and of one region" in out
    assert "x[0] >= -1   (x[0] >= -1)" in out


def test_many_regions_at_a_point(run):
    code, out, _ = run("region", "wide.json", "--at", "0,0")
    assert code == 0
    assert "the closures of 40 regions meet here" in out
    assert "regions      ... and 24 more (--json has them)" in out
    assert len(json.loads(run("region", "wide.json", "--at", "0,0", "--json")[1])["regions"]) == 40


def test_long_numbers_are_rounded_for_the_eye(run):
    """Lines with rounded numbers are marked; --json is exact."""
    x = ["0.1"] * 7 + ["1e-500"]
    code, out, _ = run("region", "large.npz", "--at", ",".join(x))
    assert code == 0
    assert "point        ~ x = (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 1E-500)" in out
    assert "note         ~ marks rounded numbers" in out
    assert max(map(len, out.splitlines())) < 250
    value = json.loads(run("region", "large.npz", "--at", ",".join(x), "--json")[1])
    assert F(value["point"][7]) == F(1, 10**500)
    net = es.load("large.npz")
    A, b = es.regions_at(net, [F(v) for v in value["point"]])[0].affine(exact=True)
    assert [[F(v) for v in row] for row in value["regions"][0]["A"]] == A.tolist()
    assert [F(v) for v in value["regions"][0]["b"]] == b.tolist()


def test_region_of_a_flat_domain(run):
    """Inequalities are in the domain's own coordinates, and the witness is shown in both."""
    code, out, _ = run("region", "small.npz", "--at=-1,1/3", "--box", "-1", "-1,2")
    assert code == 0
    assert "witness      t = (1/3)\n             x = (-1, 1/3)\n" in out
    assert "inequalities t[0] <= 2   (x[1] <= 2)\n" in out


def test_region_of_an_affine_network(run):
    code, out, _ = run("region", "affine.json", "--at", "0,0")
    assert code == 0
    assert "the network has no units: it is affine" in out
    assert "map          y[0] = x[0] + 1/3 x[1] + 1\n" in out
    assert "inequalities none\n" in out
    assert "neighbours   none\n" in out


def test_names_cannot_steer_a_terminal(run):
    code, out, _ = run("region", "escape.json", "--at", "1")
    assert code == 0
    assert "\x1b" not in out
    assert "x[0] >= 0   (a\\u000ab\\u001b[2J[0], piece 1)" in out


def test_region_in_one_of_several_domains(run):
    arguments = ["region", "small.npz", "--vnnlib", "two.vnnlib", "--json"]
    assert "regions" in json.loads(run(*arguments, "--at=-1,0.5")[1])
    both = json.loads(run(*arguments, "--at", "0.05,0.5")[1])["results"]
    assert [result["domain"]["low"] for result in both] == [[-1, -1], [0, -1]]
    code, _, err = run(*arguments, "--at", "5,5")
    assert code == 2
    assert "in none of the 2 domains" in one_error_line(err)


# ----------------------------------------------------------------------------- interrupts
SIGNALS = pytest.mark.parametrize(
    ("signum", "code", "word"),
    [(signal.SIGINT, 130, "interrupt"), (signal.SIGTERM, 143, "terminated")],
)


@SIGNALS
@pytest.mark.parametrize("edges", [[], ["--edges"]])
def test_partial_results_are_written(run, interrupted, signum, code, word, edges):
    interrupted(signum)
    got, out, _ = run(*rational("enumerate", "wide.json", "-o", "omega.json", "--json", *edges))
    result = json.loads(out)
    assert (got, result["stopped"], result["complete"]) == (code, word, False)
    value = value_of("omega.json")
    assert value["complete"] is False
    assert value["count"] == len(value["regions"]) == result["regions"] == 3
    assert ("edges" in value) is bool(edges)


@SIGNALS
def test_partial_graphs_are_written(run, interrupted, signum, code, word):
    interrupted(signum)
    got, out, _ = run(*rational("graph", "wide.json", "-o", "g.graphml", "--json"))
    result = json.loads(out)
    assert (got, result["stopped"], result["regions"]) == (code, word, 3)
    graph = nx.read_graphml("g.graphml", node_type=int)
    assert graph.graph["complete"] is False
    assert len(graph) == 3
    assert graph.number_of_edges() == result["graph"]["edges"] == 2


@SIGNALS
@pytest.mark.parametrize("edges", [[], ["--edges"]])
def test_interrupt_before_the_search(run, monkeypatch, signum, code, word, edges):
    """There is nothing yet; the file says so."""

    def compile_elsewhere(clock, *_, **__):
        yield False
        signal.raise_signal(signum)

    monkeypatch.setattr(compiled, "compile_elsewhere", compile_elsewhere)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        got, out, _ = run("enumerate", "small.npz", "-o", "omega.json", "--json", *edges)
    finally:
        signal.signal(signal.SIGINT, before)
    assert got == code
    value = json.loads(out)
    assert (value["stopped"], value["phase"], value["share"]) == (word, "compiling kernels", 0)
    assert (value_of("omega.json")["count"], value_of("omega.json")["complete"]) == (0, False)


@SIGNALS
@pytest.mark.parametrize(("name", "path"), [("enumerate", "omega.json"), ("graph", "g.dot")])
def test_interrupt_while_writing(run, interrupted, tmp_path, name, path, signum, code, word):
    """The old file stays, nothing is left beside it, and the exit code says so."""
    interrupted(signum, "written", 1)
    (tmp_path / path).write_text("old")
    before = set(os.listdir(tmp_path))
    got, out, err = run(*rational(name, "small.npz", "-o", path))
    assert (got, err) == (code, "")
    assert f"{path} is as it was" in out
    assert (tmp_path / path).read_text() == "old"
    assert set(os.listdir(tmp_path)) == before
    got, out, _ = run(*rational(name, "small.npz", "-o", path, "--json"))  # not interrupted
    assert (got, json.loads(out)["file"]) == (0, path)
    assert (tmp_path / path).read_text() != "old"


def test_interrupts_lose_no_column(run, monkeypatch):
    """Ctrl-C in the middle of taking a batch in waits until it is in all columns."""
    from exactspline.partition.partition import Partition

    append = Partition._append

    def late(self, batch):
        if len(self) == 2:
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        append(self, batch)

    monkeypatch.setattr(Partition, "_append", late)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        got, out, _ = run(*rational("enumerate", "wide.json", "-o", "omega.json", "--json"))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (got, json.loads(out)["regions"]) == (130, 3)
    assert len(value_of("omega.json")["regions"]) == 3


@pytest.mark.slow
def test_ctrl_c_in_a_terminal(files, tmp_path):
    """A real process with the compiled engine: a progress bar, Ctrl-C, and a file."""
    warm.warm_up("plane", facets=True)
    warm.warm_up("kernel", facets=True)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("graph", str(files / "large.npz"), "--box", "-1", "1", "--out", "g.npz"),
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=slave, text=True, preexec_fn=with_signals,
    )  # fmt: skip
    os.close(slave)
    seen = b""
    deadline = time.monotonic() + 600
    while seen.count(b"of the tree") < 2 and time.monotonic() < deadline:
        if select.select([master], [], [], 1)[0]:
            seen += os.read(master, 65536)
    process.send_signal(signal.SIGINT)
    while process.poll() is None:  # what is drawn has to be read, or the process waits
        if select.select([master], [], [], 0.2)[0]:
            with contextlib.suppress(OSError):  # the terminal's other end is closed
                os.read(master, 65536)
    out, _ = process.communicate(timeout=60)
    os.close(master)
    assert b"regions, " in seen
    assert process.returncode == 130
    assert "INTERRUPTED by Ctrl-C, partial result" in out
    with np.load(tmp_path / "g.npz") as arrays:
        header = json.loads(bytes(arrays["header"]))
        assert header["complete"] is False
        assert header["count"] == len(arrays["codes"]) > 0
        assert arrays["edge_target"].max() < header["count"]
    assert os.listdir(tmp_path) == ["g.npz"]


def test_silent_in_a_pipe(files, tmp_path):
    result = subprocess.run(
        command(*rational("graph", str(files / "small.npz"), "-o", "g.dot")),
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    assert "file         g.dot\n" in result.stdout
    assert (tmp_path / "g.dot").read_text().startswith("graph partition {\n")


def test_writing_has_a_progress_bar(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")

    class Terminal:
        text = ""

        def isatty(self):
            return True

        def write(self, text):
            self.text += text

        def flush(self):
            pass

    terminal = Terminal()
    bar = Progress(terminal)
    bar.written(1, 4)
    assert terminal.text == ""  # too soon
    bar._last -= 1
    bar.written(1, 4)
    assert terminal.text.startswith("\r[#######......")
    assert " 25.0% of the file, " in terminal.text
    bar.clear()
    assert terminal.text.endswith("\r")


# ------------------------------------------------------------------------------ bad input
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["enumerate", "small.npz"], "--out"),
        (["enumerate", "small.npz", "--out"], "--out"),
        (["enumerate", "small.npz", "-o", "omega.txt"], "extension '.txt' is not known"),
        (["enumerate", "small.npz", "-o", "omega"], ".json, .npz or .parquet"),
        (["enumerate", "small.npz", "-o", "omega.graphml"], ".json, .npz or .parquet"),
        (["enumerate", "small.npz", "-o", "missing/omega.json"], "missing/omega.json: cannot be"),
        (["enumerate", "small.npz", "-o", "small.npz"], "the network's own file"),
        (["enumerate", "small.npz", "-o", "omega.parquet", "--edges"], "exactspline graph"),
        (["enumerate", "small.npz", "-o", "omega.json", "--rounded"], "--rounded"),
        (["enumerate", "missing.npz", "-o", "omega.json"], "missing.npz"),
        (["graph", "small.npz", "-o", "g.svg"], "extension '.svg' is not known"),
        (["graph", "small.npz", "-o", "folder.dot"], "is a directory"),
        (["graph", "small.npz", "--limit", "0"], "--limit"),
        (["graph", "small.npz", "--edges"], "--edges"),
        (["region", "small.npz"], "--at"),
        (["region", "small.npz", "--at", "1"], "1 entries, but the network has 2 inputs"),
        (["region", "small.npz", "--at", "1,2,3"], "3 entries, but the network has 2 inputs"),
        (["region", "small.npz", "--at", "1,,2"], "empty entry"),
        (["region", "small.npz", "--at", ""], "empty entry"),
        (["region", "small.npz", "--at", "nan,0"], "nan"),
        (["region", "small.npz", "--at", "inf,0"], "inf"),
        (["region", "small.npz", "--at", "1/0,0"], "divides by zero"),
        (["region", "small.npz", "--at", "x,y"], "'x' is not a finite number"),
        (["region", "small.npz", "--at", "1,1e999999999"], "exponent"),
        (["region", "small.npz", "--at", "nan.npy"], "nan"),
        (["region", "small.npz", "--at", "missing.npy"], "missing.npy: cannot be read"),
        (["region", "small.npz", "--at", "1,2", "--box", "0", "1"], "not in the domain"),
        (["region", "small.npz", "--at", "0,1", "--box", "0", "0"], "not in the domain"),
        (["region", "large.npz", "--at", "x.npy"], "2 entries, but the network has 8 inputs"),
        (["region", "small.npz", "--at", "0,0", "--limit", "3"], "--limit"),
    ],
)
def test_bad_input_is_one_line(run, tmp_path, arguments, text):
    (tmp_path / "folder.dot").mkdir()
    before = sorted(os.listdir(tmp_path))
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert text in one_error_line(err)
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("name", ["enumerate", "graph"])
def test_paths_are_checked_before_the_search(run, monkeypatch, name):
    monkeypatch.setattr("exactspline.search.run.Run.batches", lambda *a: pytest.fail("searches"))
    code, out, err = run(name, "large.npz", "-o", "missing/omega.npz")
    assert (code, out) == (2, "")
    assert "cannot be written" in one_error_line(err)
    code, _, err = run(name, "small.npz", "--vnnlib", "two.vnnlib", "-o", "missing/omega.npz")
    assert code == 2
    assert "missing/omega-1.npz" in one_error_line(err)


@pytest.mark.parametrize("name", ["enumerate", "graph"])
def test_missing_pyarrow_is_found_before_the_search(run, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setattr("exactspline.search.run.Run.batches", lambda *a: pytest.fail("searches"))
    code, out, err = run(name, "large.npz", "-o", "omega.parquet")
    assert (code, out) == (2, "")
    assert "exactspline[parquet]" in one_error_line(err)


def test_a_disk_that_fills_up(run, tmp_path):
    (tmp_path / "full.json").symlink_to("/dev/full")
    code, _, err = run(*rational("enumerate", "small.npz", "-o", "full.json"))
    assert code == 2
    assert "full.json: cannot be written (No space left on device)" in one_error_line(err)


def test_help_names_the_commands(run):
    code, out, _ = run("--help")
    assert code == 0
    for name in ("count", "enumerate", "graph", "region", "info"):
        assert f"    {name}" in out
        assert run(name, "--help")[0] == 0
