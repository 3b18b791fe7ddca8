"""``exactspline region`` where not all inequalities are decided, and points from files."""

from __future__ import annotations

import json
import signal

import numpy as np
import pytest

import exactspline as es
from exactspline.cli import main
from exactspline.cli import region as module
from exactspline.formats import save_json
from exactspline.partition.regions import of_code
from exactspline.partition.regions.settle import Settling


@pytest.fixture
def net(tmp_path, monkeypatch):
    """A network whose regions are taken for wide ones, in the working folder."""
    rng = np.random.default_rng(2)
    operators = [es.Dense(rng.integers(-3, 4, (60, 6)), rng.integers(-3, 4, 60)), es.ReLU(name="a")]
    out = es.Network([*operators, es.Dense(rng.integers(-3, 4, (2, 60)))], (6,))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(of_code, "_MUCH_WORK", -1)
    save_json(out, "net.json")
    return out


@pytest.fixture
def stopped(monkeypatch):
    """Time is over after so many steps of the work."""

    def after(steps):
        true = Settling.run

        def run(self, late, watch):
            asked = iter([False] * steps)
            true(self, lambda: next(asked, True) or late(), watch)

        monkeypatch.setattr(Settling, "run", run)

    return after


AT = ("region", "net.json", "--at", "1/7,2/9,-3/11,5/13,1,0")


def test_a_count_that_hardly_ends_says_what_would(tmp_path, capsys):
    """Before it begins, and not where a limit ends it or the domain is small."""
    rng = np.random.default_rng(0)
    operators = [es.Dense(rng.standard_normal((100, 120))), es.ReLU(), es.Dense(np.zeros((1, 100)))]
    es.Network(operators, (120,)).save(tmp_path / "wide.json")
    np.save(tmp_path / "a.npy", rng.standard_normal(120))
    np.save(tmp_path / "b.npy", rng.standard_normal(120))
    ends = [str(tmp_path / "a.npy"), str(tmp_path / "b.npy")]
    words = [str(tmp_path / "wide.json"), "--slice", *ends]
    assert main(["count", *words]) == 0
    assert "note" not in capsys.readouterr().err
    assert main(["count", words[0], "--limit", "1"]) == 0
    assert "note" not in capsys.readouterr().err
    zero = es.Network([es.Dense(np.zeros((100, 120))), es.ReLU()], (120,))
    zero.save(tmp_path / "dead.json")
    assert main(["count", str(tmp_path / "dead.json")]) == 0
    assert "--slice a.npy b.npy c.npy" in capsys.readouterr().err


def test_all_is_said_and_counted_where_time_is_over(run, net, stopped):
    stopped(5)
    code, out, _ = run(*AT)
    assert code == 0
    assert "60 of units and domain" in " ".join(out.split())
    assert "not decided in the time for it; --time-limit S" in " ".join(out.split())
    assert "not decided in 2.5 s; " in " ".join(run(*AT, "--time-limit", "2.5")[1].split())
    value = json.loads(run(*AT, "--json")[1])
    (region,) = value["regions"]
    settled = region["settled"]
    assert settled["inequalities"] == 60
    assert settled["facets"] + settled["redundant"] + settled["undecided"] == 60
    assert settled["undecided"] > 0
    assert not region["irredundant"]
    assert len(region["inequalities"]) == settled["facets"]
    (twin,) = es.regions_at(net, AT[3].split(","))
    every = {f.inequality.unit for f in twin.facets()}
    assert {row["unit"] for row in region["inequalities"]} <= every


def test_all_decides_all_as_exact_programs_do(run, net, monkeypatch):
    code, out, _ = run(*AT, "--all")
    monkeypatch.setattr(of_code, "_MUCH_WORK", 10**12)
    _, wanted, _ = run(*AT)  # as it is printed for every small network
    shown, bounded = out.split("\nbounded ")
    assert shown == wanted.split("\nbounded ")[0]
    assert code == 0
    assert "not decided" in bounded


def test_no_proof_is_told_apart_from_no_time(run, net, stopped, monkeypatch):
    stopped(5)
    _, out, _ = run(*AT, "--all")
    assert "since no proof was found" in " ".join(out.split())
    monkeypatch.setattr(module, "_FACETS", 3)
    region = json.loads(run(*AT, "--all", "--json")[1])["regions"][0]
    assert len(region["inequalities"]) == min(3, region["settled"]["facets"])


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_interrupt_keeps_what_is_proved(run, net, interrupted, form):
    interrupted(signal.SIGINT, "part", 8)
    code, out, _ = run(*AT, "--all", *form)
    assert code == 130
    if form:
        value = json.loads(out)
        settled = value["regions"][0]["settled"]
        assert not value["complete"]
    else:
        assert "INTERRUPTED" in out
        text = " ".join(out.split())
        assert "60 of units and domain" in text
        assert "not decided." in text
        return
    assert settled["facets"] > 0
    assert settled["undecided"] > 0


def test_work_goes_on_after_an_interrupt(net):
    (region,) = es.regions_at(net, AT[3].split(","))
    calls = []

    def watch(done, total):
        calls.append(done)
        if len(calls) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        region.settle_facets(progress=watch)
    found = region.settle_facets()
    (twin,) = es.regions_at(net, AT[3].split(","))
    assert found.complete
    assert [f.inequality for f in found.facets] == [f.inequality for f in twin.facets()]


def test_time_limit_and_all_exclude_each_other(run, net):
    code, _, err = run(*AT, "--all", "--time-limit", "2")
    assert code == 2
    assert "--time-limit" in err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.txt", "1/7\n2/9\n-3/11\n5/13\n1\n0\n"), ("x.txt", "1/7 2/9 -3/11\n\n  5/13 1 0"),
        ("x.csv", "1/7,2/9,-3/11\r\n5/13, 1,0,\r\n"), ("X.CSV", "\ufeff1/7;2/9;-3/11;5/13;1;0"),
    ],
)  # fmt: skip
def test_points_from_text_files(run, net, tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode())
    assert run(*AT[:3], name)[1] == run(*AT)[1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"1 2 3\n4 5 x\n", "x.txt: line 2: 'x' is not a finite number"),
        ("x.txt", b"1,2,,3,4,5,6", "x.txt: line 1 has an empty entry"),
        ("x.csv", b"1,2,3", "3 entries, but the network has 6 inputs"),
        ("x.csv", b"", "0 entries, but the network has 6 inputs"),
        ("x.csv", b"\xff\xfe1", "x.csv: is no text"),
        ("x.txt", b"nan " * 6, "x.txt: line 1: 'nan' is not a finite number"),
        ("x.txt", b"1e999999999 " * 6, "exponent"),
        ("missing.txt", None, "missing.txt: cannot be read"),
    ],
)
def test_files_that_are_no_points(run, net, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = run(*AT[:3], name)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
