"""Partitions and graphs in files: every format read back and compared exactly."""

from __future__ import annotations

import json
import random
import re
from fractions import Fraction

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest
import random_networks as nets

import exactspline as es
from exactspline.export.texts import plain
from exactspline.formats import load_domain
from exactspline.partition.columns.description import code_texts

F = Fraction


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
