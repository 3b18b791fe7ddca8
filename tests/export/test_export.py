"""Partitions and graphs in files: every format read back and compared exactly."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from itertools import pairwise

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest
import random_networks as nets

import exactspline as es
from exactspline.export import npz_writer, parquet, rows
from exactspline.export.texts import plain
from exactspline.formats import load_domain
from exactspline.partition.columns.description import code_texts
from exactspline.partition.graph import adjacency
from exactspline.partition.partition import Partition
from exactspline.search.decisions import Batch

F = Fraction
HOSTILE = 'a"b\\<&>]]> é→\x07\n\ud800\ufffe\\'
GRAPHS = ("graphml", "gexf", "dot", "json", "npz", "parquet")
PARTITIONS = ("json", "npz", "parquet")


def coincident():
    """Two layers; hyperplanes of units 2 and 3 coincide, those of deeper units with others."""
    dense = es.Dense([[1, 0], [0, 1], [1, 1], [2, 2]], [0, 0, -1, -2])
    return [dense, es.ReLU(), es.Dense([[1, -1, "1/3", 1], [2, 1, 1, 1]], [1, 0]), es.Abs()]


def maxima(n):
    """The maximum of n tangents of a parabola: one unit of n pieces, each a region."""
    return [es.Dense([[2 * i] for i in range(n)], [-i * i for i in range(n)]), es.ReduceMax()]


CASES = {
    "coincident": (coincident(), 2, es.Box([-2, -2], [2, 3])),
    "unbounded": (coincident(), 2, None),
    "hostile names": (
        [
            es.Dense([[1, 0], [1, 1]], name=HOSTILE),
            es.ReLU(name=HOSTILE),
            es.Abs(name="\u2028\x7f"),
        ],
        2,
        es.Box([-1, -1], [1, "inf"]),
    ),
    "slivers": (
        [es.Dense([[1], [1], [1]], [-1, -1 - F(1, 10**30), -1 - F(1, 10**400)]), es.ReLU()],
        1,
        es.Box([0], [2]),
    ),
    "thirds": (
        [es.Dense([["1/3", "1/7"], ["-2/3", "1/9"]], ["1/11", 0]), es.ReLU(), es.Dense([[3, 7]])],
        2,
        es.Polytope([["1/3", 1], [-1, 0], [0, -1]], ["1/7", 1, 1]),
    ),
    "line": (
        [es.Dense([[1], [1]], [0, -1]), es.Abs(), es.Dense([[1, -1]], [-1]), es.ReLU()], 1, None,
    ),
    "one region": ([es.Dense([[1]], [5]), es.ReLU()], 1, es.Box([0], [1])),
    "no units": ([es.Dense([["1/3", 2]], [1])], 2, es.Box([0, 0], [1, "1/3"])),
    "no units, unbounded": ([es.Dense([["1/3", 2]], [1])], 2, None),
    "a point": ([es.Dense([[1, 1]]), es.ReLU()], 2, es.Box([1, "1/3"], [1, "1/3"])),
    "a flat box": (coincident(), 2, es.Box(["1/3", -2], ["1/3", 2])),
    "a slice": (coincident(), 2, es.Slice(["1/3", 0], [[1, "1/7"]], es.Box([-3], [3]))),
    "many pieces": (maxima(40), 1, es.Box([-1], [100])),
}  # fmt: skip


@pytest.fixture(scope="module")
def partitions():
    """A partition a case, with its edges; in rationals, so that nothing is compiled."""
    out = {}
    for name, (operators, dim, domain) in CASES.items():
        net = es.Network(operators, (dim,))
        out[name] = es.enumerate_regions(net, domain, engine="rational", graph=True)
    return out


@pytest.fixture(scope="module", params=CASES)
def omega(request, partitions):
    return partitions[request.param]


def test_cases_are_what_they_say(partitions):
    sizes = {name: (len(p), len(p.edges)) for name, p in partitions.items()}
    assert sizes["one region"] == sizes["no units"] == sizes["a point"] == (1, 0)
    assert sizes["many pieces"] == (40, 39)
    assert sizes["slivers"] == (4, 3)
    assert len(partitions["slivers"].exact_witnesses) == 2
    assert max(partitions["coincident"].edges.flip_counts) == 2
    assert len(partitions["unbounded"].borders) == 0 < len(partitions["coincident"].borders)
    assert partitions["a slice"].domain.chart.dim == 1


# ---------------------------------------------------------------------------- reading back
def numbers(value):
    """Exact numbers from a list of texts, or from a text with blanks; their form is checked."""
    texts = value.split(" ") if isinstance(value, str) and value else list(value)
    for text in texts:
        assert re.fullmatch(r"-?(0|[1-9][0-9]*)(/[1-9][0-9]*)?", text), text
        assert not text.endswith("/1")
    return tuple(Fraction(text) for text in texts)


def integers(value):
    if isinstance(value, str):
        return tuple(int(v) for v in value.split(" ")) if value else ()
    return tuple(value)


def code_of(text, units, most):
    """A code from its text, straight from the description."""
    parts = text.split(" ") if most > 36 else list(text)
    code = tuple(int(p) if most > 36 else int(p, 36) for p in parts if p)
    assert len(code) == units
    return code


def dot_graph(text):
    """DOT in its plain form: one statement a line, all values quoted."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    graph = nx.Graph()
    lines = text.splitlines()
    assert (lines[0], lines[-1]) == ("graph partition {", "}")

    def value(found):
        return re.sub(r"\\(.)", r"\1", found)

    for line in lines[1:-1]:
        head = re.fullmatch(rf"  (\w+)={quoted};", line)
        node = re.fullmatch(r"  (\d+)(?: -- (\d+))? \[(.*)\];", line)
        if head:
            graph.graph[head.group(1)] = value(head.group(2))
            continue
        assert node, line
        rest, items = node.group(3), {}
        while rest:
            item = re.match(rf"(\w+)={quoted}(?:, )?", rest)
            assert item, rest
            items[item.group(1)] = value(item.group(2))
            rest = rest[item.end() :]
        if node.group(2) is None:
            graph.add_node(int(node.group(1)), **items)
        else:
            graph.add_edge(int(node.group(1)), int(node.group(2)), **items)
    return graph


def read_graph(path):
    """A graph from a file, its edges in the file's own values; and its header."""
    kind = path.suffix
    if kind == ".graphml":
        graph = nx.read_graphml(path, node_type=int)
        head = dict(graph.graph)
    elif kind == ".gexf":
        graph = nx.read_gexf(path, node_type=int)
        text = re.search(r"<description>(.*)</description>", path.read_text("utf-8")).group(1)
        for mark, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            text = text.replace(mark, character)
        head = json.loads(text)
    elif kind == ".dot":
        graph = dot_graph(path.read_text("utf-8"))
        head = dict(graph.graph)
    else:
        with open(path) as stream:
            graph = nx.node_link_graph(json.load(stream), edges="edges")
        head = dict(graph.graph)
    for key in ("domain", "chart", "sides", "units", "decisions", "input_shape", "output_shape"):
        if isinstance(head[key], str):
            head[key] = json.loads(head[key])
    head["complete"] = head["complete"] in (True, "True")
    return graph, head


def check_header(head, omega, form):
    assert head["format"] == form
    assert int(head["version"]) == (2 if form == "exactspline-partition" else 1)
    assert head["writer"] == f"exactspline {es.__version__}"
    assert head["count_definition"].startswith("activation regions: ")
    assert (int(head["count"]), head["complete"]) == (len(omega), True)
    assert head["network_sha256"] == omega.network.sha256
    assert tuple(head["input_shape"]) == omega.network.input_shape
    assert tuple(head["output_shape"]) == omega.network.output_shape
    assert int(head["domain_dim"]) == omega.domain.chart.dim
    assert head["engine"] == omega.engine
    assert sum(head["decisions"].values()) == omega.decisions.total
    assert len(head["units"]) == omega.network.units
    for unit, described in enumerate(head["units"]):
        name = omega.network.unit_name(unit)
        assert (described["operator"], tuple(described["index"])) == tuple(name)


def at(form, t):
    return F(form["constant"]) + sum(F(c) * t[j] for j, c in form["terms"])


def check_node(omega, i, code, witness, borders):
    assert code_of(code, omega.network.units, omega.network.program.max_pieces) == tuple(
        omega.code(i).tolist()
    )
    assert witness == omega.witness(i)
    assert borders == tuple(omega.borders.side[omega.borders.region == i].tolist())


def check_edge(omega, e, units, pieces, normal, witness):
    assert tuple(zip(units, pieces, strict=True)) == omega.edges.flips(e)
    assert normal == omega.edges.normal(e)
    assert witness == omega.edges.witness(e)


@pytest.mark.parametrize("kind", ["graphml", "gexf", "dot", "json"])
def test_graph_formats(omega, kind, tmp_path):
    """Every node, edge, number and header value comes back as it was."""
    path = tmp_path / f"g.{kind}"
    omega.save_graph(path)
    graph, head = read_graph(path)
    check_header(head, omega, "exactspline-graph")
    assert head["numbers"] == "exact"
    assert type(graph) is nx.Graph
    assert list(graph) == list(range(len(omega)))
    assert graph.number_of_edges() == len(omega.edges)
    for i, node in graph.nodes(data=True):
        check_node(omega, i, node["code"], numbers(node["witness"]), integers(node["borders"]))
        x = [at(form, numbers(node["witness"])) for form in head["chart"]]
        assert x == omega.points(exact=True)[i].tolist()
        assert all(at(form, numbers(node["witness"])) > 0 for form in head["sides"])
    for e in range(len(omega.edges)):
        a, b = int(omega.edges.source[e]), int(omega.edges.target[e])
        edge = graph.edges[a, b]
        units = integers(edge["units"])
        check_edge(
            omega, e, units, integers(edge["pieces"]), numbers(edge["normal"]),
            numbers(edge["witness"]),
        )  # fmt: skip
        names = [plain(str(omega.network.unit_name(unit))) for unit in units]
        assert edge["names"] == (names if kind == "json" else ", ".join(names))


@pytest.mark.parametrize("kind", ["graphml", "gexf", "dot", "json"])
def test_isomorphic(partitions, kind, tmp_path):
    """What networkx reads is the graph that `adjacency_graph` builds."""
    omega = partitions["coincident"]
    path = tmp_path / f"g.{kind}"
    omega.save_graph(path)
    graph, _ = read_graph(path)
    assert nx.is_isomorphic(
        graph,
        omega.adjacency_graph(exact=True),
        node_match=lambda a, b: a["code"] == b["code"] and numbers(a["witness"]) == b["witness"],
        edge_match=lambda a, b: (
            integers(a["units"]) == b["units"] and numbers(a["normal"]) == b["normal"]
        ),
    )


@pytest.mark.parametrize("kind", ["graphml", "gexf", "dot", "json"])
def test_rounded_graphs(omega, kind, tmp_path):
    """Decimals are those of the float64 columns, and near the exact numbers."""
    path = tmp_path / f"g.{kind}"
    omega.save_graph(path, exact=False)
    graph, head = read_graph(path)
    assert head["numbers"] == "rounded"
    normals, witnesses = omega.edges.normals, omega.edges.witnesses
    for e in range(len(omega.edges)):
        edge = graph.edges[int(omega.edges.source[e]), int(omega.edges.target[e])]
        for key, column in (("normal", normals), ("witness", witnesses)):
            value = edge[key].split(" ") if isinstance(edge[key], str) else edge[key]
            assert [float(v) for v in value] == column[e].tolist()
            assert "-0.0" not in value
        assert witnesses[e].tolist() == pytest.approx(
            [float(v) for v in omega.edges.witness(e)], rel=1e-9, abs=1e-12
        )


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("affine", [False, True])
def test_json(omega, edges, affine, tmp_path):
    path = tmp_path / "omega.json"
    omega.save(path, edges=edges, affine=affine)
    data = path.read_bytes()
    assert data.isascii()
    value = json.loads(data)
    check_header(value, omega, "exactspline-partition")
    assert ("edges" in value) is edges
    assert len(value["regions"]) == len(omega)
    for i, region in enumerate(value["regions"]):
        assert region.keys() == {"code", "witness"} | ({"borders"} if edges else set()) | (
            {"A", "b"} if affine else set()
        )
        if edges:
            check_node(
                omega, i, region["code"], numbers(region["witness"]), integers(region["borders"])
            )
        if affine:
            A, b = omega[i].affine(exact=True)
            assert [numbers(row) for row in region["A"]] == [tuple(row) for row in A.tolist()]
            assert numbers(region["b"]) == tuple(b.tolist())
    for e, edge in enumerate(value.get("edges", [])):
        assert (edge["source"], edge["target"]) == (omega.edges.source[e], omega.edges.target[e])
        check_edge(
            omega, e, edge["units"], edge["pieces"], numbers(edge["normal"]),
            numbers(edge["witness"]),
        )  # fmt: skip
    assert len(value.get("edges", [])) == (len(omega.edges) if edges else 0)


def test_domain_in_the_header(omega, tmp_path):
    """The domain's JSON form reads back as the same domain."""
    path = tmp_path / "omega.json"
    omega.save(path)
    (tmp_path / "domain.json").write_text(json.dumps(json.loads(path.read_text())["domain"]))
    domain = load_domain(tmp_path / "domain.json")
    assert type(domain) is type(omega.domain)
    assert domain.describe() == omega.domain.describe()


@pytest.mark.parametrize("save", ["partition", "edges and maps", "graph"])
def test_npz(omega, save, tmp_path):
    path = tmp_path / "omega.npz"
    if save == "graph":
        omega.save_graph(path)
    else:
        omega.save(path, edges=save != "partition", affine=save != "partition")
    with np.load(path, allow_pickle=False) as f:
        arrays = {key: f[key] for key in f}
    check_header(json.loads(bytes(arrays["header"])), omega, "exactspline-partition")
    assert np.array_equal(arrays["codes"], omega.codes)
    assert arrays["codes"].dtype == omega.codes.dtype
    assert np.array_equal(arrays["witnesses"], omega.witnesses)
    exact = json.loads(bytes(arrays["exact_witnesses"]))
    found = {int(region): numbers(point) for region, point in exact.items()}
    assert found == omega.exact_witnesses
    assert ("A" in arrays) is (save == "edges and maps")
    if "A" in arrays:
        A, b = omega.affine_pieces()
        assert np.array_equal(arrays["A"], A)
        assert np.array_equal(arrays["b"], b)
    assert ("edge_source" in arrays) is (save != "partition")
    if "edge_source" not in arrays:
        return
    edges, borders = omega.edges, omega.borders
    for key in ("source", "target", "unit", "piece", "layer", "form", "sign"):
        assert np.array_equal(arrays[f"edge_{key}"], getattr(edges, key))
    assert np.array_equal(arrays["edge_normals"], edges.normals)
    assert np.array_equal(arrays["edge_witnesses"], edges.witnesses)
    assert np.array_equal(arrays["border_region"], borders.region)
    assert np.array_equal(arrays["border_side"], borders.side)
    flips = [
        [(int(arrays["edge_unit"][e]), int(arrays["edge_piece"][e]))] for e in range(len(edges))
    ]
    for e, unit, piece in zip(
        arrays["flip_edge"], arrays["flip_unit"], arrays["flip_piece"], strict=True
    ):
        flips[e].append((int(unit), int(piece)))
    assert [tuple(row) for row in flips] == [edges.flips(e) for e in range(len(edges))]


@pytest.mark.parametrize("affine", [False, True])
def test_parquet_regions(omega, affine, tmp_path):
    path = tmp_path / "omega.parquet"
    omega.save(path, affine=affine)
    table = pq.read_table(path)
    head = json.loads(table.schema.metadata[b"exactspline"])
    check_header(head, omega, "exactspline-partition")
    assert table.num_rows == len(omega)
    for i, row in enumerate(table.to_pylist()):
        assert row["region"] == i
        code = code_of(row["code"], omega.network.units, omega.network.program.max_pieces)
        assert code == tuple(omega.code(i).tolist())
        assert row["witness"] == omega.witnesses[i].tolist()
        if i in omega.exact_witnesses:
            assert numbers(row["witness_exact"]) == omega.exact_witnesses[i]
        else:
            assert row["witness_exact"] is None
        assert ("A" in row) is affine
        if affine:
            A, b = omega.affine_pieces()
            assert row["A"] == A[i].reshape(-1).tolist()
            assert row["b"] == b[i].tolist()


@pytest.mark.parametrize("exact", [False, True])
def test_parquet_facets(omega, exact, tmp_path):
    path = tmp_path / "facets.parquet"
    omega.save_graph(path, exact=exact)
    table = pq.read_table(path)
    check_header(json.loads(table.schema.metadata[b"exactspline"]), omega, "exactspline-graph")
    lines = table.to_pylist()
    edges, borders = omega.edges, omega.borders
    assert len(lines) == len(edges) + len(borders)
    for e, row in enumerate(lines[: len(edges)]):
        assert (row["source"], row["target"]) == (edges.source[e], edges.target[e])
        assert row["side"] is None
        assert tuple(zip(row["units"], row["pieces"], strict=True)) == edges.flips(e)
        assert row["normal"] == edges.normals[e].tolist()
        assert row["witness"] == edges.witnesses[e].tolist()
        assert ("witness_exact" in row) is exact
        if exact:
            assert numbers(row["normal_exact"]) == edges.normal(e)
            assert numbers(row["witness_exact"]) == edges.witness(e)
    sides = [(row["source"], row["side"]) for row in lines[len(edges) :]]
    assert sides == list(zip(borders.region.tolist(), borders.side.tolist(), strict=True))
    assert all(row["target"] is None for row in lines[len(edges) :])


# ------------------------------------------------------------------------ adjacency_graph
def test_adjacency_graph(omega):
    graph, exact = omega.adjacency_graph(), omega.adjacency_graph(exact=True)
    for one in (graph, exact):
        assert type(one) is nx.Graph
        assert list(one) == list(range(len(omega)))
        check_header(one.graph, omega, "exactspline-graph")
        pairs = {tuple(sorted(pair)) for pair in one.edges}
        assert pairs == set(
            zip(omega.edges.source.tolist(), omega.edges.target.tolist(), strict=True)
        )
    assert (graph.graph["numbers"], exact.graph["numbers"]) == ("rounded", "exact")
    codes = code_texts(omega.codes, omega.network.program.max_pieces)
    for i in range(len(omega)):
        assert graph.nodes[i]["code"] == codes[i]
        assert exact.nodes[i]["witness"] == omega.witness(i)
        assert tuple(F(v) for v in graph.nodes[i]["witness"]) == omega.witness(i)
    for e in range(len(omega.edges)):
        pair = int(omega.edges.source[e]), int(omega.edges.target[e])
        units = tuple(unit for unit, _ in omega.edges.flips(e))
        assert graph.edges[pair]["units"] == exact.edges[pair]["units"] == units
        assert exact.edges[pair]["normal"] == omega.edges.normal(e)
        assert exact.edges[pair]["witness"] == omega.edges.witness(e)
        assert graph.edges[pair]["normal"] == tuple(omega.edges.normals[e].tolist())
        assert graph.edges[pair]["witness"] == tuple(omega.edges.witnesses[e].tolist())


def test_distances_are_flips(partitions):
    """Lines in the plane: the distance in the graph is the number of lines between."""
    rng = random.Random(4)
    spec = nets.Spec(2, [nets.dense(rng, 6, 2, "integer", odd=False), ("relu",)])
    omega = es.enumerate_regions(nets.network(spec), engine="rational", graph=True)
    graph = omega.adjacency_graph()
    lines = {}  # units with one line are one wall
    for unit, (row, const) in enumerate(zip(*spec.steps[0][1:], strict=True)):
        lead = next((v for v in (*row, const) if v), None)
        if any(row):
            lines.setdefault(tuple(v / lead for v in (*row, const)), []).append(unit)
    walls = [units[0] for units in lines.values()]
    distance = dict(nx.all_pairs_shortest_path_length(graph))
    for i in range(len(omega)):
        for j in range(len(omega)):
            different = np.count_nonzero(omega.codes[i, walls] != omega.codes[j, walls])
            assert distance[i][j] == different


def test_kernel_partition(tmp_path):
    """The compiled engine's edges carry float64 points; their exact witnesses are written."""
    rng = np.random.default_rng(3)
    net = es.Network(
        [
            es.Dense(rng.standard_normal((5, 2)), rng.standard_normal(5)), es.ReLU(),
            es.Dense(rng.standard_normal((5, 5)), rng.standard_normal(5)), es.ReLU(),
        ],
        (2,),
    )  # fmt: skip
    omega = es.enumerate_regions(net, es.Box([-1, -1], [1, 1]), graph=True)
    assert len(omega.edges) > 20
    omega.save_graph(tmp_path / "g.graphml")
    graph, _ = read_graph(tmp_path / "g.graphml")
    for e in range(len(omega.edges)):
        edge = graph.edges[int(omega.edges.source[e]), int(omega.edges.target[e])]
        witness = numbers(edge["witness"])
        row = [F(int(v.p), int(v.q)) for v in omega.edges.row(e)]
        assert row[0] + sum(c * t for c, t in zip(row[1:], witness, strict=True)) == 0
        assert omega[int(omega.edges.source[e])].contains(witness, closure=True)
        assert omega[int(omega.edges.target[e])].contains(witness, closure=True)


def test_random_networks(tmp_path):
    """All operators, ties and domains: the graph in a file is the graph in the columns."""
    rng = random.Random(11)
    for number in range(25):
        dim = rng.randint(1, 3)
        spec = nets.random_spec(rng, dim, [3, 2], rng.choice(nets.STYLES))
        domain, _ = nets.any_domain(rng, dim)
        omega = es.enumerate_regions(nets.network(spec), domain, engine="rational", graph=True)
        kind = ("graphml", "gexf", "dot", "json")[number % 4]
        omega.save_graph(tmp_path / f"g.{kind}")
        graph, head = read_graph(tmp_path / f"g.{kind}")
        check_header(head, omega, "exactspline-graph")
        assert len(graph) == len(omega)
        assert graph.number_of_edges() == len(omega.edges)
        for e in range(len(omega.edges)):
            edge = graph.edges[int(omega.edges.source[e]), int(omega.edges.target[e])]
            check_edge(
                omega, e, integers(edge["units"]), integers(edge["pieces"]),
                numbers(edge["normal"]), numbers(edge["witness"]),
            )  # fmt: skip


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
