"""Files of partitions and graphs: equal bytes, chunks, memory, and what stands in their way."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import tracemalloc
from itertools import pairwise

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest
from export_cases import coincident

import exactspline as es
from exactspline.export import npz_writer, parquet, rows
from exactspline.export.texts import plain
from exactspline.partition.columns.description import code_texts
from exactspline.partition.graph import adjacency
from exactspline.partition.partition import Partition
from exactspline.search.decisions import Batch

GRAPHS = ("graphml", "gexf", "dot", "json", "npz", "parquet")


PARTITIONS = ("json", "npz", "parquet")


# ------------------------------------------------------------------------------ the files
def test_lower_bounds_say_so(tmp_path):
    net = es.Network(coincident(), (2,))
    omega = es.enumerate_regions(net, limit=4, engine="rational", graph=True)
    omega.save(tmp_path / "omega.json", edges=True)
    omega.save_graph(tmp_path / "g.graphml")
    value = json.loads((tmp_path / "omega.json").read_text())
    assert (value["complete"], value["count"], len(value["regions"])) == (False, 4, 4)
    assert all(edge["target"] < 4 for edge in value["edges"])
    assert nx.read_graphml(tmp_path / "g.graphml").graph["complete"] is False


@pytest.mark.parametrize("kind", PARTITIONS)
def test_partitions_twice_are_equal_bytes(kind, tmp_path):
    for name in "ab":
        net = es.Network(coincident(), (2,))
        omega = es.enumerate_regions(net, es.Box([-2, -2], [2, 3]), engine="rational")
        omega.save(tmp_path / f"{name}.{kind}", edges=kind != "parquet", affine=True)
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.mark.parametrize("kind", GRAPHS)
def test_graphs_twice_are_equal_bytes(kind, tmp_path):
    for name in "ab":
        net = es.Network(coincident(), (2,))
        omega = es.enumerate_regions(net, engine="rational", graph=True)
        omega.save_graph(tmp_path / f"{name}.{kind}")
    assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(rows, "_CHUNK", 2)
    monkeypatch.setattr(parquet, "_CHUNK", 2)
    monkeypatch.setattr(parquet, "_ROWS", 3)
    monkeypatch.setattr(adjacency, "_CHUNK", 2)
    monkeypatch.setattr(npz_writer, "_ROWS", 2)
    monkeypatch.setattr(npz_writer, "_CHUNK", 8)


@pytest.mark.parametrize("kind", GRAPHS)
def test_chunks_make_no_difference(omega, kind, tmp_path, request):
    """Rows come out the same whatever the chunks; the sizes are those of a chunk and more."""
    both = kind in PARTITIONS
    omega.save_graph(tmp_path / f"a.{kind}")
    graph = omega.adjacency_graph()
    if both:
        omega.save(tmp_path / f"a2.{kind}", edges=kind != "parquet", affine=True)
    request.getfixturevalue("small_chunks")
    calls = []
    omega.save_graph(tmp_path / f"b.{kind}", progress=lambda *count: calls.append(count))
    if both:
        omega.save(tmp_path / f"b2.{kind}", edges=kind != "parquet", affine=True)
    assert nx.utils.graphs_equal(graph, omega.adjacency_graph())
    for name in ("a", "a2") if both else ("a",):
        a, b = tmp_path / f"{name}.{kind}", tmp_path / f"{name.replace('a', 'b')}.{kind}"
        if kind == "npz":
            with np.load(a) as x, np.load(b) as y:
                assert list(x) == list(y)
                assert all(np.array_equal(x[key], y[key]) for key in x)
        elif kind == "parquet":
            assert pq.read_table(a).equals(pq.read_table(b))
        else:
            assert a.read_bytes() == b.read_bytes()
    rows_there = len(omega) if kind != "parquet" else len(omega.borders)
    total = rows_there + len(omega.edges)
    if total:
        assert calls[-1] == (total, total)
    assert all(before[0] < after[0] for before, after in pairwise(calls))


@pytest.mark.parametrize("kind", ["json", "npz"])
def test_memory_does_not_grow_with_the_file(kind, tmp_path, monkeypatch):
    """Eight times the regions take no more memory while they are written."""
    monkeypatch.setattr(rows, "_CHUNK", 64)
    monkeypatch.setattr(npz_writer, "_ROWS", 64)
    monkeypatch.setattr(npz_writer, "_CHUNK", 1024)
    net = es.Network([es.Dense([[1]]), es.ReLU()], (1,))
    peaks = []
    for n in (500, 4000):
        omega = Partition(net, es.Box([0], [2]))
        omega._append(Batch(np.ones((n, 1), dtype=np.uint8), np.ones((n, 1))))
        omega._finish()
        tracemalloc.start()
        omega.save(tmp_path / f"omega.{kind}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


# ----------------------------------------------------------------------------- bad outcomes
@pytest.fixture
def small(partitions):
    return partitions["coincident"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("omega.txt", "extension '.txt' is not known"),
        ("omega", "extension '' is not known"),
        ("omega.graphml", "extension '.graphml' is not known"),
        ("missing/omega.json", "cannot be written"),
        ("folder.json", "is a directory"),
        ("nul\0.json", "cannot be written"),
        ("n" * 300 + ".json", "cannot be written"),
    ],
)
def test_paths_that_cannot_be_written(small, name, text, tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(es.FormatError, match=re.escape(text)):
        small.save(f"{tmp_path}/{name}")
    assert sorted(os.listdir(tmp_path)) == ["folder.json"]


def test_graph_paths(small, tmp_path):
    with pytest.raises(es.FormatError, match=r"written as .graphml, .gexf, .dot, .json, .npz or"):
        small.save_graph(tmp_path / "g.xml")
    with pytest.raises(es.FormatError, match="holds one table"):
        small.save(tmp_path / "omega.parquet", edges=True)
    assert os.listdir(tmp_path) == []


def test_missing_pyarrow(small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for save in (small.save, small.save_graph):
        with pytest.raises(es.FormatError, match=r"pip install 'exactspline\[parquet\]'"):
            save(tmp_path / "omega.parquet")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
@pytest.mark.parametrize("kind", GRAPHS)
def test_a_failed_run_leaves_what_was_there(small, kind, error, tmp_path):
    path = tmp_path / f"g.{kind}"
    path.write_text("what was there")

    def fail(done, total):
        raise error

    with pytest.raises(error):
        small.save_graph(path, progress=fail)
    assert path.read_text() == "what was there"
    assert os.listdir(tmp_path) == [path.name]


def test_a_killed_run_leaves_what_was_there(tmp_path):
    """Killed in the middle of the rows: the old file is whole."""
    path = tmp_path / "omega.json"
    path.write_text("what was there")
    code = (
        "import os, signal, sys\n"
        "import exactspline as es\n"
        "from exactspline.export import rows\n"
        "rows._CHUNK = 1\n"
        "net = es.Network([es.Dense([[1], [2]], [0, 1]), es.ReLU()], (1,))\n"
        "omega = es.enumerate_regions(net, engine='rational')\n"
        "def kill(done, total):\n"
        "    if done == 2:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "omega.save(sys.argv[1], progress=kill)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert result.returncode == -signal.SIGKILL
    assert path.read_text() == "what was there"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("kind", GRAPHS)
def test_a_full_disk(small, kind, tmp_path):
    path = tmp_path / f"g.{kind}"
    path.symlink_to("/dev/full")
    with pytest.raises(es.FormatError, match="cannot be written"):
        small.save_graph(path)
    assert path.is_symlink()


def test_links_and_rights(small, tmp_path):
    """A link stays one; a file keeps its rights; a new one has the usual ones."""
    (tmp_path / "deep").mkdir()
    target = tmp_path / "deep" / "omega.json"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    small.save(link)
    assert link.is_symlink()
    assert json.loads(target.read_text())["count"] == len(small)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    small.save(tmp_path / "new.json")
    with open(tmp_path / "plain.json", "w"):
        pass
    assert (tmp_path / "new.json").stat().st_mode == (tmp_path / "plain.json").stat().st_mode


def test_a_pipe(small, tmp_path):
    """What is no regular file is written to as it is."""
    path = tmp_path / "pipe.json"
    os.mkfifo(path)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as reader:
        small.save(path)
        out, _ = reader.communicate(timeout=60)
    assert json.loads(out)["count"] == len(small)
    assert stat.S_ISFIFO(path.stat().st_mode)


# ---------------------------------------------------------------------------------- texts
def test_code_texts():
    assert code_texts(np.array([[0, 9, 10, 35]]), 36) == ["09az"]
    assert code_texts(np.array([[0, 9], [36, 1]]), 37) == ["0 9", "36 1"]
    assert code_texts(np.zeros((3, 0), dtype=np.uint8), 1) == ["", "", ""]
    assert code_texts(np.zeros((0, 3), dtype=np.uint8), 2) == []


def test_plain_texts():
    assert plain("relu[0]") == "relu[0]"
    assert plain('é→"<&>\\') == 'é→"<&>\\'
    assert plain("a\nb\x00\x85\ud800\uffff\U0001fffe") == (
        "a\\u000ab\\u0000\\u0085\\ud800\\uffff\\U0001fffe"
    )
