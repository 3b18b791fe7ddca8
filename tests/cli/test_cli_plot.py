"""The commands that draw: plot and film."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from command_line import one_error_line
from folders import EXAMPLES
from PIL import Image, ImageSequence

import exactspline as es

MOONS = str(EXAMPLES / "moons.onnx")


@pytest.fixture
def steps(files):
    """Three checkpoints of a small network, as files."""
    names = []
    for k in range(3):
        net = es.Network([es.Dense([[1, k], [0, 1]], [k, 0]), es.ReLU(), es.Dense([[1, -1]])], (2,))
        net.save(files / f"step{k}.json")
        names.append(f"step{k}.json")
    return names


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "html"])
def test_a_picture_in_every_format(kind, run, files):
    out = f"moons.{kind}"
    code, text, err = run(
        "plot", MOONS, "--window", "-2,-1.5", "3,2", "--boundary", "--color", "slope", "--graph",
        "--highlight", "3", "--highlight", "relu1[4]", "--labels", "region", "--witnesses",
        "--out", out, "--dpi", "40",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert f"file         {out}" in text
    assert "281 of 479 regions of all of R^2" in text
    data = (files / out).read_bytes()
    begin = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF", "html": b"<!DOCTYPE html>"}
    assert data.startswith(begin[kind])
    if kind == "svg":
        ElementTree.fromstring(data)


def test_what_was_chosen_is_said(run):
    code, text, _ = run("plot", MOONS, "--out", "m.png", "--dpi", "20")
    assert code == 0
    assert "chosen to show all 445 vertices" in re.sub(r"\s+", " ", text)
    code, text, _ = run("plot", MOONS, "--out", "m.png", "--dpi", "20", "--json")
    value = json.loads(text)
    assert value["file"] == "m.png"
    assert value["picture"][0] == "479 regions of all of R^2"
    assert "chosen to show" in value["picture"][1]
    code, text, _ = run("plot", MOONS, "--limit", "20", "--out", "m.png", "--dpi", "20")
    assert "regions are missing" in text


def test_slices_lines_and_parts(run, files):
    for name, point in (("p", [-2, 0]), ("q", [3, 1])):
        np.save(files / f"{name}.npy", np.array(point, dtype=float))
    code, text, _ = run(
        "plot", MOONS, "--slice", "p.npy", "q.npy", "--box", "0", "1", "--out", "l.svg"
    )
    assert code == 0
    assert "24 regions" in text
    code, text, _ = run("plot", MOONS, "--vnnlib", "two.vnnlib", "--out", "v.png", "--dpi", "20")
    assert code == 0
    assert (files / "v-1.png").exists()
    assert (files / "v-2.png").exists()


def test_bad_input_is_one_line_before_any_search(run, files):
    np.savez(files / "four.npz", W0=np.eye(4), b0=np.zeros(4))
    cases = [
        (["four.npz", "--out", "a.png"], "choose a slice, such as Slice.through(a, b, c)"),
        ([MOONS, "--out", "a.jpg"], ".png, .svg, .pdf or .html"),
        ([MOONS, "--out", "no/a.png"], "no/a.png"),
        ([MOONS, "--out", "a.png", "--window", "0,-inf", "1,2"], "--window -1,-1 1,1"),
        ([MOONS, "--out", "a.png", "--window", "0", "x"], "--window"),
        ([MOONS, "--out", "a.png", "--highlight", "77"], "unit 77 of 32"),
        ([MOONS, "--out", "a.png", "--highlight", "no[1]"], "no unit is called"),
        ([MOONS, "--out", "a.png", "--dpi", "1e9"], "10 to 1200"),
        ([MOONS, "--out", "a.png", "--edges", "x"], "invalid choice"),
    ]
    for words, said in cases:
        code, text, err = run("plot", *words)
        assert (code, text) == (2, "")
        assert said in one_error_line(err)
        assert not (files / "a.png").exists()
    code, _, err = run("plot", MOONS, "--out", "a.png", "--color", "slop")
    assert code == 2
    assert "piece, region, slope" in one_error_line(err)
    assert not (files / "a.png").exists()


def test_a_film(run, files, steps):
    code, text, err = run(
        "film", *steps, "--box", "-1", "1", "--out", "f.gif", "--dpi", "30", "--epochs", "1,2,x",
        "--boundary", "--fps", "10",
    )  # fmt: skip
    assert (code, err) == (0, "")
    counts = [es.count_regions(es.load(files / s), es.Box(-1, 1, dim=2)) for s in steps]
    for name, n in zip(("epoch 1", "epoch 2", "x"), counts, strict=True):
        assert f"{name}: {n} regions" in text
    assert len(list(ImageSequence.Iterator(Image.open(files / "f.gif")))) == 3
    code, text, _ = run("film", *steps, "--out", "f.html", "--dpi", "30", "--json")
    value = json.loads(text)
    assert value["regions"] == [es.count_regions(es.load(files / s)) for s in steps]
    assert value["networks"] == steps
    assert value["epochs"] == [0, 1, 2]


def test_what_is_no_film(run, files, steps):
    np.savez(files / "three.npz", W0=np.eye(3), b0=np.zeros(3))
    cases = [
        ([*steps, "--out", "f.avi"], ".gif, .html or .mp4"),
        ([*steps, "three.npz", "--out", "none.gif"], "equally many"),
        (["three.npz", "--out", "none.gif"], "films are of one or two"),
        ([*steps, "--out", "none.gif", "--epochs", "1,2"], "2 names of 3 networks"),
        ([*steps, "--vnnlib", "two.vnnlib", "--out", "none.gif"], "several input sets"),
        ([*steps, "--out", steps[1]], "own file"),
        (["none.onnx", "--out", "none.gif"], "none.onnx"),
    ]
    for words, said in cases:
        code, text, err = run("film", *words)
        assert (code, text) == (2, "")
        assert said in one_error_line(err)
        assert not (files / "none.gif").exists()
