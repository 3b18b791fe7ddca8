"""What the command line prints: results alone on standard output, names as they are shown."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import exactspline as es
from exactspline.formats import load as load_file
from exactspline.texts import encodable, plain

EVIL = "re\x1b]0;t\x07lu\nregions 999\r\u202e\u2028\ud800\x9b31m"
SHOWN = r"re\u001b]0;t\u0007lu\u000aregions 999\u000d\u202e\u2028\ud800\u009b31m"


def evil_net() -> es.Network:
    return es.Network(
        [es.Dense([[1, 0], [0, 1]], name=EVIL + "d"), es.ReLU(name=EVIL), es.Dense([[1, 1]])], (2,)
    )


def command(*arguments, folder, code=0, prelude=""):
    call = f"from exactspline.cli import main\nsys.exit(main({arguments!r}))"
    script = f"import sys\n{prelude}\n{call}"
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def unsafe(text: str) -> set[str]:
    return {c for c in text if not c.isprintable()} - {"\n"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "net.json"),
        pytest.param(("count", "net.json"), marks=pytest.mark.slow),
        pytest.param(("region", "net.json", "--at", "0,1"), marks=pytest.mark.slow),
        pytest.param(
            ("theorems", "net.json", "--check", "power diagram", "--details"),
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_names_neither_steer_a_terminal_nor_forge_a_line(arguments, tmp_path):
    evil_net().save(tmp_path / "net.json")
    out, err = command(*arguments, folder=tmp_path)
    assert not unsafe(out)
    assert not unsafe(err)
    assert not any(line.startswith("regions 999") for line in out.splitlines())
    if arguments[0] in ("info", "region"):
        assert SHOWN in out
    text, _ = command(*arguments, "--json", folder=tmp_path)
    assert len(text.splitlines()) == 1
    found = json.loads(text)
    if arguments[0] == "info":  # JSON has escapes of its own: the name as it is
        assert [op["name"] for op in found["operators"]] == [EVIL + "d", EVIL, ""]


def test_file_names_and_errors(tmp_path):
    name = "n\x1b[2J\nregions 9\udcff.json"
    evil_net().save(tmp_path / name)
    out, err = command("info", name, folder=tmp_path)
    assert not unsafe(out)
    assert r"n\u001b[2J\u000aregions 9" in out
    out, err = command("info", "no\x1b[2J\nregions 9.json", folder=tmp_path, code=2)
    assert out == ""
    assert len(err.splitlines()) == 1
    assert not unsafe(err)


def test_messages_and_unit_names():
    net = evil_net()
    assert str(net.unit_name(1)) == f"{SHOWN}[1]"
    with pytest.raises(es.ShapeError) as caught:
        es.Network([es.Dense([[1, 1]], name=EVIL)], (3,))
    assert not unsafe(str(caught.value))
    assert not unsafe(repr(net.layers))
    with pytest.raises(es.ParameterError) as caught:
        es.Dense([[float("nan")]], name=EVIL)
    assert not unsafe(str(caught.value))
    with pytest.raises(es.FormatError) as caught:
        es.load("no\nsuch\x1b.json")
    assert not unsafe(str(caught.value))


def test_plain():
    assert plain("naïve ≤ 日本 €") == "naïve ≤ 日本 €"
    assert plain("".join(map(chr, range(0x20)))) == "".join(f"\\u{i:04x}" for i in range(0x20))
    assert plain("\U000e0041") == r"\U000e0041"
    for code in (*range(0x3000), *range(0xD7F0, 0xE010), 0xFFFE, 0xFFFF, 0x10FFFF):
        assert plain(chr(code)).isprintable()
    assert encodable("é\ud800\n") == "é\\ud800\n"


@pytest.mark.parametrize("name", ["\ud800", "a\udfff\x00b", EVIL, "\x00"])
def test_any_name_in_any_format(name, tmp_path):
    """A lone surrogate, which no encoding holds, among others."""
    net = es.Network([es.Dense([[1], [2]], [0, 1], name=name), es.ReLU(name=name + "r")], (1,))
    net.save(tmp_path / "net.json")
    again = es.load(tmp_path / "net.json")
    assert [op.name for op in again.operators] == [name, name + "r"]
    net.to_onnx(tmp_path / "net.onnx")
    assert es.count_regions(es.load(tmp_path / "net.onnx"), engine="rational") == 3
    omega = es.enumerate_regions(net, es.Box([-2], [2]), graph=True, engine="rational")
    for suffix in ("json", "graphml", "gexf", "dot", "npz", "parquet"):
        path = tmp_path / f"omega.{suffix}"
        if suffix in ("graphml", "gexf", "dot"):
            omega.save_graph(path)
        else:
            omega.save(path)
        assert path.stat().st_size > 0
    graph = omega.adjacency_graph()
    assert graph.number_of_edges() == 2
    stored = es.enumerate_regions(
        net, es.Box([-2], [2]), store=tmp_path / "omega.sqlite", engine="rational"
    )
    assert len(stored) == 3
    opened = es.open_partition(tmp_path / "omega.sqlite")
    assert opened.network.operators[0].name == name
    assert load_file(tmp_path / "net.json").sha256 == again.sha256


NOISE = """
import os, ctypes
import exactspline.api as api
from exactspline.cli import networks
def load(path, known=api.load, **options):
    os.write(1, b"noise of C\\n")
    print("noise of Python")
    ctypes.CDLL(None).printf(b"noise that C holds\\n")
    import warnings
    warnings.warn("some\\x1b noise")
    return known(path)
networks.load = load
"""


def test_standard_output_is_for_results(tmp_path):
    """Whatever a library prints, and in whatever order it is written out."""
    evil_net().save(tmp_path / "net.json")
    out, err = command(
        "count", "net.json", "--json", "--engine", "rational", folder=tmp_path, prelude=NOISE
    )
    assert len(out.splitlines()) == 1
    assert json.loads(out)["regions"] == 4
    for noise in ("noise of C", "noise of Python", "noise that C holds"):
        assert noise in err
    assert "exactspline: warning: some\\u001b noise" in err


def test_standard_output_comes_back(tmp_path):
    """In a process that goes on afterwards, also where it reads what is printed itself."""
    evil_net().save(tmp_path / "net.json")
    prelude = """
import io, contextlib, os
from exactspline.cli import main
main(["count", "net.json", "--engine", "rational"])
caught = io.StringIO()
with contextlib.redirect_stdout(caught):
    main(["count", "net.json", "--json", "--engine", "rational"])
assert caught.getvalue().startswith("{"), caught.getvalue()
print("between")
os.write(1, b"")
"""
    out, _ = command(
        "count", "net.json", "--json", "--engine", "rational", folder=tmp_path, prelude=prelude
    )
    lines = out.splitlines()
    assert lines[-2] == "between"
    assert json.loads(lines[-1])["regions"] == 4


@pytest.mark.slow
def test_highs_prints_nothing(tmp_path):
    """Not even its banner: beyond 60 dimensions, and when facets of a region are asked for."""
    rng = np.random.default_rng(0)
    net = es.Network([es.Dense(rng.normal(size=(2, 70)), rng.normal(size=2)), es.ReLU()], (70,))
    net.save(tmp_path / "wide.json")
    out, err = command("count", "wide.json", "--json", folder=tmp_path)
    assert json.loads(out)["regions"] == 4
    assert "HiGHS" not in err
    script = (
        "import numpy as np, exactspline as es\n"
        "es.count_regions(es.load('wide.json'))\n"
        "net = es.Network([es.Dense(np.eye(20)[:2] + 0.5), es.ReLU()], (20,))\n"
        "box = es.Box(-1, 1, dim=20)\n"
        "print(len(es.regions_at(net, np.full(20, 0.1), box)[0].facets()) > 38)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (b"True\n", b"")
