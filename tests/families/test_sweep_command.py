"""``exactspline sweep``: the table, JSON, and one line for bad input."""

from __future__ import annotations

import json

import pytest

import exactspline as es
from exactspline.cli import main


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.json"
    es.Network([es.Dense([[1], [2], [-1]], [0, 1, 2]), es.ReLU()], (1,)).save(path)
    return str(path)


def test_the_table_and_json(net, capsys):
    assert main(["sweep", net, "--free", "Dense.bias[0]", "--range", "-5/2", "inf"]) == 0
    out = capsys.readouterr().out
    assert "stored       Dense.bias[0] = 0" in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:1] in "(-0123456789"]
    assert [row[-1] for row in rows if len(row) > 1][-5:] == ["4", "3", "4", "3", "4"]
    arguments = ["sweep", net, "--free", "Dense.bias[0]", "--box", "0", "1", "--json"]
    assert main(arguments) == 0
    (found,) = json.loads(capsys.readouterr().out)["sweeps"]
    assert (found["breakpoints"], found["between"], found["at"]) == (["-1", "0"], [1, 2, 1], [1, 1])
    assert (found["stored"], found["domain"], found["range"]) == ("0", "[0, 1]", [None, None])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--free", "Dense.bias"], "name one entry, such as 'Dense.bias[0]'"),
        (["--free", "Dense.bias[7]"], "no such entry"),
        (["--free", "Dense.bias[0]", "--range", "1", "0"], "ranges, as a box"),
        (["--free", "Dense.bias[0]", "--range", "1", "one"], "not a finite number"),
        (["--free", "Dense.bias[0]", "--range", "1", "1"], "single point"),
    ],
)
def test_bad_input_is_one_line(net, options, message, capsys):
    assert main(["sweep", net, *options]) == 2
    found = capsys.readouterr()
    assert message in found.err
    assert found.err.count("\n") == 1
