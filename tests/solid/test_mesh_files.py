"""Meshes as files, read back by readers of a few lines; what a mesh says about its edges."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from solid_networks import CUBE, octahedron, random_network

import exactspline as es
from exactspline.polyhedra.lp import qrow
from exactspline.solid.polytopes import polytope
from exactspline.solid.topology import components, edges_of, odd_vertices


@pytest.fixture(scope="module")
def mesh():
    partition = es.enumerate_regions(random_network([3, 8, 8, 1], 4), es.Box(-1, "1/3", dim=3))
    found = partition.surface("1/10")
    assert found.is_manifold
    assert len(found.sides) >= 2
    return found


def read_ply(data: bytes):
    head, body = data.split(b"end_header\n", 1)
    lines = head.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = {line.split()[1]: int(line.split()[2]) for line in lines if line.startswith("element")}
    vertices = np.frombuffer(body, "<f8", 3 * count["vertex"]).reshape(-1, 3)
    row = np.dtype([("n", "u1"), ("at", "<i4", 3), ("region", "<i4"), ("side", "<i4")])
    faces = np.frombuffer(body, row, offset=vertices.nbytes)
    assert len(faces) == count["face"]
    return vertices, faces, [line[8:] for line in lines if line.startswith("comment")]


def test_ply(mesh, tmp_path):
    mesh.save(tmp_path / "a.ply")
    vertices, faces, comments = read_ply((tmp_path / "a.ply").read_bytes())
    assert (vertices == mesh.vertices).all()
    assert (faces["n"] == 3).all()
    assert (faces["at"] == mesh.triangles).all()
    assert (faces["region"] == mesh.region).all()
    assert (faces["side"] == mesh.side).all()
    assert "f > 1/10" in comments[0]
    assert comments[1:] == [f"side {at}: {name}" for at, name in mesh.sides.items()]


def test_obj(mesh, tmp_path):
    mesh.save(tmp_path / "a.obj")
    vertices, groups = [], {}
    for line in (tmp_path / "a.obj").read_text("ascii").splitlines():
        kind, *values = line.split()
        if kind == "v":
            vertices.append([float(v) for v in values])
        elif kind == "g":
            group = groups.setdefault(values[0], [])
        elif kind == "f":
            group.append([int(v) - 1 for v in values])
        else:
            assert kind == "#"
    assert (np.array(vertices) == mesh.vertices).all()
    assert set(groups) == {"surface", *(f"side_{at}" for at in mesh.sides)}
    for name, faces in groups.items():
        side = -1 if name == "surface" else int(name[5:])
        assert (np.array(faces) == mesh.triangles[mesh.side == side]).all()


def test_stl(mesh, tmp_path):
    mesh.save(tmp_path / "a.stl")
    data = (tmp_path / "a.stl").read_bytes()
    assert not data.startswith(b"solid")
    assert len(data) == 84 + 50 * len(mesh)
    assert int.from_bytes(data[80:84], "little") == len(mesh)
    row = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    rows = np.frombuffer(data, row, offset=84)
    corners = mesh.vertices[mesh.triangles]
    assert (rows["corners"] == corners.astype(np.float32)).all()
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert np.abs(rows["normal"] - normals).max() < 1e-5
    flux = (rows["normal"].astype(float) * corners.mean(axis=1)).sum(axis=1)
    areas = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    assert (flux * areas).sum() / 6 == pytest.approx(mesh.volume().value, rel=1e-5)  # divergence


def test_files_are_whole_or_as_before(mesh, tmp_path, monkeypatch):
    for end in ("ply", "obj", "stl"):
        path = tmp_path / f"mesh.{end}"
        mesh.save(path)
        before = path.read_bytes()
        mesh.save(path)
        assert path.read_bytes() == before

        def fails(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("exactspline.export.files.os.fsync", fails)
            with pytest.raises(KeyboardInterrupt):
                mesh.save(path)
        assert path.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["mesh.obj", "mesh.ply", "mesh.stl"]
    with pytest.raises(es.FormatError, match=r"written as .ply, .obj or .stl"):
        mesh.save(tmp_path / "mesh.off")
    with pytest.raises(es.FormatError, match="cannot be written"):
        mesh.save(tmp_path / "none" / "mesh.ply")
    (tmp_path / "folder.ply").mkdir()
    with pytest.raises(es.FormatError, match="is a directory"):
        mesh.save(tmp_path / "folder.ply")


def test_an_empty_mesh_and_one_beyond_float32(tmp_path):
    empty = es.enumerate_regions(octahedron(), CUBE).surface(2)
    for end in ("ply", "obj", "stl"):
        empty.save(tmp_path / f"empty.{end}")
    assert len((tmp_path / "empty.stl").read_bytes()) == 84
    assert len(read_ply((tmp_path / "empty.ply").read_bytes())[1]) == 0
    far = es.enumerate_regions(octahedron(), es.Box("-1e300", "1e300", dim=3))
    mesh = far.surface("-1e299")
    with pytest.raises(es.LimitError, match="float32"):
        mesh.save(tmp_path / "far.stl")
    mesh.save(tmp_path / "far.ply")
    assert (read_ply((tmp_path / "far.ply").read_bytes())[0] == mesh.vertices).all()
    assert mesh.area().value == mesh.volume().value == float("inf")
    assert mesh.volume(exact=True) == Fraction(4 * (10**299 + 1) ** 3, 3)


def test_edges_and_parts_against_their_definitions():
    rng = np.random.default_rng(0)
    seen = Counter()
    for _ in range(60):
        n = int(rng.integers(4, 8))
        every = list(itertools.combinations(range(n), 3))
        chosen = rng.permutation(len(every))[: int(rng.integers(1, 12))]
        triangles = np.array([every[i] for i in chosen], dtype=np.int32)
        triangles = rng.permuted(triangles, axis=1)
        edges = edges_of(triangles)
        count: Counter = Counter()
        for t in triangles.tolist():
            count.update(tuple(sorted(pair)) for pair in itertools.combinations(t, 2))
        assert {
            tuple(e): c for e, c in zip(edges.vertices.tolist(), edges.count, strict=True)
        } == count
        # triangles that share an edge hang together
        parts = {i: {i} for i in range(len(triangles))}
        sets = [
            {tuple(sorted(p)) for p in itertools.combinations(t, 2)} for t in triangles.tolist()
        ]
        for i, j in itertools.combinations(range(len(sets)), 2):
            if sets[i] & sets[j] and parts[i] is not parts[j]:
                parts[i] |= parts[j]
                for k in parts[j]:
                    parts[k] = parts[i]
        number, labels = components(edges)
        assert number == len({id(v) for v in parts.values()})
        for i, j in itertools.combinations(range(len(sets)), 2):
            assert (labels[i] == labels[j]) == (parts[i] is parts[j])
        odd = []
        for v in range(n):
            fan = [i for i, t in enumerate(triangles.tolist()) if v in t]
            near = [e for e, c in count.items() if v in e]
            hang = fan[:1]
            for i in hang:
                hang += [
                    j for j in fan
                    if j not in hang and any(v in e for e in sets[i] & sets[j])
                ]  # fmt: skip
            if any(count[e] > 2 for e in near) or len(hang) < len(fan):
                odd.append(v)
        assert odd_vertices(triangles, edges, n).tolist() == odd
        seen["odd"] += bool(odd)
        seen["none"] += not odd
        seen["parts"] += number > 1
    assert min(seen.values()) > 3


def test_polytopes_go_around_their_facets():
    cube = [qrow(1, [sign * (i == j) for j in range(3)]) for i in range(3) for sign in (1, -1)]
    rows = [*cube, qrow(2.5, [-1, -1, -1])]  # a corner is cut off
    found = polytope(rows)
    assert len(found.vertices) == 10
    lengths = sorted(len(path) for path in found.facets.values())
    assert lengths == [3, 4, 4, 4, 5, 5, 5]
    for row, path in found.facets.items():
        corners = np.array([[float(v) for v in found.vertices[i]] for i in path])
        sides = np.roll(corners, -1, axis=0) - corners
        turns = np.cross(sides, np.roll(sides, -1, axis=0))
        outward = -np.array([float(v.p) for v in rows[row][1:]])
        assert (turns @ outward > 0).all()  # convex, counterclockwise from outside
    with pytest.raises(es.UndecidedError, match="no facet"):
        polytope([*cube, qrow(9, [-1, -1, -1])])
    with pytest.raises(es.UndecidedError, match="not bounded"):
        polytope(cube[:5])
