"""The command that writes surfaces."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line import one_error_line
from solid_networks import octahedron, random_network

import exactspline as es


@pytest.fixture
def solids(files):
    """Networks of three inputs as files: an octahedron, and three classes."""
    octahedron().save(files / "octahedron.json")
    random_network([3, 5, 3], 1).save(files / "classes.json")
    return files


def test_a_surface_in_a_file(run, solids):
    code, text, err = run("surface", "octahedron.json", "--box", "-2", "2", "--out", "o.stl")
    assert (code, err) == (0, "")
    assert "surface      of {f > 0}: a closed manifold" in text
    assert "mesh         8 triangles, 6 vertices, 1 part, Euler number 2" in text
    assert "area         6.9282, of which 6.9282 is no cap" in text
    assert "volume       1.33333" in text
    assert "file         o.stl" in text
    assert (solids / "o.stl").stat().st_size == 84 + 8 * 50
    words = ("octahedron.json", "--box", "-1/2", "2", "--level", "1/3", "--out", "o.ply", "--json")
    code, text, _ = run("surface", *words)
    found = json.loads(text)["surface"]
    mesh = es.enumerate_regions(octahedron(), es.Box("-1/2", 2, dim=3)).surface("1/3")
    assert found["triangles"] == len(mesh)
    assert found["volume"] == mesh.volume().value
    assert (solids / "o.ply").read_bytes().count(b"side ") == len(mesh.sides)
    code, text, _ = run("surface", *words, "--open", "--below")
    found = json.loads(text)["surface"]
    assert (found["set"], found["closed"], found["volume"]) == ("f < 1/3", False, None)
    assert found["border_edges"] > 0
    code, text, _ = run("surface", *words[:3], "2", "--out", "o.html")
    assert code == 0
    assert "plotly" in (solids / "o.html").read_text("utf-8")


def test_classes_and_slices(run, solids):
    sizes = []
    for i in range(3):
        words = ("--box", "-1", "1", "--winner", i, "--out", "c.obj", "--json")
        code, text, _ = run("surface", "classes.json", *map(str, words))
        assert code == 0
        sizes.append(json.loads(text)["surface"]["volume"])
    assert sum(sizes) == pytest.approx(8)
    code, text, _ = run(
        "surface", "classes.json", "--box", "-1", "1", "--pair", "0,2", "-o", "c.obj"
    )
    assert "of {f[0] - f[2] > 0}" in text
    for i, name in enumerate(("p", "a", "b", "c")):
        np.save(solids / f"{name}.npy", np.eye(4)[i][:3])  # c is the origin
    code, text, _ = run(
        "surface", "classes.json", "--slice", "p.npy", "a.npy", "b.npy", "c.npy", "--box", "0", "1",
        "--class", "1", "--out", "c.obj",
    )  # fmt: skip
    assert code == 0
    assert "of {f[1] > 0}" in text


def test_bad_input_is_told_before_the_search(run, solids):
    box = ("--box", "-1", "1")
    cases = [
        (("octahedron.json", "--out", "a.ply"), "not bounded"),
        (("octahedron.json", *box, "--out", "a.off"), ".ply, .obj, .stl or .html"),
        (("octahedron.json", *box, "--out", "none/a.ply"), "cannot be written"),
        (("octahedron.json", *box, "--level", "one", "--out", "a.ply"), "--level"),
        (("octahedron.json", *box, "--winner", "0", "--out", "a.ply"), "two outputs or more"),
        (("classes.json", *box, "--out", "a.ply"), "--class 0, --pair 0,1, --winner 0"),
        (("classes.json", *box, "--class", "3", "--out", "a.ply"), "give 0 to 2"),
        (("classes.json", *box, "--pair", "0", "--out", "a.ply"), "--pair 0,1"),
        (("third.json", *box, "--out", "a.ply"), "has 2 dimensions"),
    ]
    for words, said in cases:
        code, text, err = run("surface", *words)
        assert (code, text) == (2, "")
        assert said in one_error_line(err)
    code, _, err = run("surface", "octahedron.json", *box, "--class", "-1", "--out", "a.ply")
    assert code == 2
    assert "at least 0" in err
    code, _, err = run("surface", "octahedron.json", *box, "--limit", "2", "--out", "a.ply")
    assert code == 2
    assert "the search was stopped" in one_error_line(err)
    assert not (solids / "a.ply").exists()
