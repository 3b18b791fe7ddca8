"""The guide, the tour, what is installed, and completion."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import networkx as nx
import pytest

import exactspline as es
from exactspline.cli import main
from exactspline.cli.arguments import parser

EXAMPLE = Path(__file__).parents[2] / "examples" / "moons.onnx"


def commands() -> dict[str, object]:
    """All commands, with their parsers."""
    (action,) = (a for a in parser()._actions if hasattr(a, "choices") and a.choices)
    return dict(action.choices)


def test_a_command_alone_says_what_to_try(capsys):
    assert main([]) == 0
    out, err = capsys.readouterr()
    tried = [line.split()[1] for line in out.splitlines() if line.startswith("  exactspline ")]
    assert err == ""
    assert len(tried) == 5
    assert set(tried) <= set(commands())


def test_a_tour(tmp_path, capsys):
    """Every step is a command that is shown, and what they say and write is right."""
    folder = tmp_path / "tour"
    assert main(["demo", str(folder)]) == 0
    out = capsys.readouterr().out
    assert [line.split()[2] for line in out.splitlines() if line.startswith("$ ")] == [
        "count", "plot", "explore", "graph", "prove", "verify",
    ]  # fmt: skip
    net = es.load(EXAMPLE)
    assert (folder / "moons.onnx").read_bytes() == EXAMPLE.read_bytes()
    assert f"regions      {int(es.count_regions(net))}\n" in out
    graph = nx.read_graphml(folder / "graph.graphml")
    omega = es.enumerate_regions(net, es.Box(["-2", "-1.5"], [3, 2]))
    assert (len(graph), graph.number_of_edges()) == (len(omega), len(omega.edges))
    assert (folder / "regions.png").read_bytes().startswith(b"\x89PNG")
    assert "<html" in (folder / "regions.html").read_text()[:200]
    assert "verdict      holds" in out
    assert "\nsat\n" in out
    assert main(["demo", str(folder)]) == 0  # once more, in the same folder


def test_a_tour_without_matplotlib(tmp_path):
    """The picture is one that needs no other package: a polygon a region."""
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')\n")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from exactspline.cli import main\n"
        f"raise SystemExit(main(['demo', {str(tmp_path / 'tour')!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    root = ET.parse(tmp_path / "tour" / "regions.svg").getroot()
    assert len(root.findall("{http://www.w3.org/2000/svg}polygon")) == 281


@pytest.mark.parametrize("kind", ["a file", "files of others", "below a file"])
def test_a_folder_that_is_none_of_the_tour(tmp_path, capsys, kind):
    place = tmp_path / "place"
    if kind == "files of others":
        place.mkdir()
        (place / "thesis.tex").write_text("all")
    else:
        place.write_text("all")
    assert main(["demo", str(place / "x" if kind == "below a file" else place)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("exactspline: error: demo: ")
    assert len(err.splitlines()) == 1


def test_what_is_installed(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["packages"]["numpy"] == version("numpy")
    assert found["missing"] == []
    assert found["extras"]["torch"] == {"complete": True, "missing": []}
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"numpy {version('numpy')}" in out
    assert str(found["cache"]["folder"]) in out


def test_what_is_missing(monkeypatch, capsys):
    """A package that is not there is named, with what brings it."""
    from exactspline.cli import doctor

    needs = ["numpy>=1", "nowhere-to-be-found>=1", "also-missing>=2; extra == 'torch'"]
    monkeypatch.setattr(doctor, "_requirements", lambda: needs)
    assert main(["doctor"]) == 2
    out = capsys.readouterr().out
    assert "MISSING      nowhere-to-be-found" in out
    assert "pip install 'exactspline[torch]' brings also-missing" in out


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_help_has_an_example(name):
    """Of that command, with options that it has."""
    command = commands()[name]
    _, _, examples = command.format_help().partition("\nexamples:\n")
    lines = [line for line in examples.splitlines() if line.startswith("  exactspline ")]
    assert lines
    options = {option for action in command._actions for option in action.option_strings}
    for line in lines:
        assert line.split()[1] == name
        given = {word for word in line.split() if word.startswith("--")}
        assert given <= options, line


def test_shells_complete_every_command(tmp_path, capsys):
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "completion"
    script.write_text(capsys.readouterr().out)
    bash = shutil.which("bash")
    assert bash
    for typed, offered in (("", {*commands(), "-h", "--help"}), ("cou", {"count"})):
        words = f"COMP_WORDS=(exactspline '{typed}'); COMP_CWORD=1; _shtab_exactspline"
        words += "; echo ${COMPREPLY[@]}"
        done = subprocess.run(
            [bash, "-c", f"source {script}; {words}"], capture_output=True, text=True, check=True
        )
        assert set(commands()) & offered <= set(done.stdout.split())
    assert done.stdout.split() == ["count"]
