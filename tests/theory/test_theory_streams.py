"""Large partitions: region by region, with somebody watching, and the same as all at once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from theory_nets import two_layers

import exactspline as es
from exactspline import theory
from exactspline.driver.progress import Progress
from exactspline.theory.common import samples
from exactspline.theory.run import run_checks

SLICE = es.Slice([0, 1], [[1, "1/2"]])


def many_regions() -> es.Network:
    """One layer of 15 units in eight dimensions, in general position: 22,819 regions."""
    rng = np.random.default_rng(3)
    weight, bias = rng.integers(-40, 41, (15, 8)), rng.integers(-40, 41, 15)
    return es.Network([es.Dense(weight, bias), es.ReLU(), es.Dense([[1] * 15])], (8,))


@pytest.mark.parametrize("domain", [None, es.Box(-2, 2, dim=2), SLICE])
def test_region_by_region_is_the_same_as_all_at_once(domain, monkeypatch):
    net = two_layers()
    names = [name for name, line in theory.CHECKS.items() if line.needs_network and not line.own]
    names.remove("templates")  # it asks torch as well
    before = [f.report.to_json() for f in run_checks(net, domain, names=names)]
    monkeypatch.setattr(samples, "_EAGER", 1)  # two regions are held
    maps = samples.maps_of(es.enumerate_regions(net))
    assert isinstance(maps.A, samples._Lazy)
    assert [f.report.to_json() for f in run_checks(net, domain, names=names)] == before
    assert len(maps.A.source.known) <= 2


def test_maps_of_single_regions(monkeypatch):
    omega = es.enumerate_regions(two_layers(), SLICE)
    eager = samples.maps_of(omega)
    monkeypatch.setattr(samples, "_EAGER", 1)
    lazy = samples.maps_of(omega)
    for part in ("A", "b", "over_t", "shift"):
        mine, whole = getattr(lazy, part), getattr(eager, part)
        assert len(mine) == len(whole)
        assert [v.tolist() for v in mine] == whole.tolist()
        assert mine[1, 0].tolist() == whole[1, 0].tolist() if whole.ndim > 2 else mine[1, 0]


def test_more_than_twenty_thousand_regions():
    """They are gone through one by one; nothing is refused for their number."""
    seen = []

    def during(what, done, total):
        seen.append((what, done, total))
        if what == "regions" and total and done > 50:
            raise es.LimitError("enough for this test")

    names = ["piecewise affine", "counts"]
    first, counts = (f.report for f in run_checks(many_regions(), names=names, during=during))
    assert first.reason == "LimitError: enough for this test"
    assert first.verdict == "undecided"
    assert seen[-2][1] > 50
    assert max(total for *_, total in seen) == 22_819
    assert counts.holds
    assert counts.details["first layer, by Zaslavsky's theorem"] == 22_819


def test_the_time_may_be_over():
    net = two_layers()
    names = ["convexity", "counts", "symbolic composition"]
    found = list(run_checks(net, names=names, time_limit=0))
    assert [f.report.verdict for f in found] == ["undecided"] * 3
    assert all("time limit of 0 s is over" in f.report.reason for f in found)
    assert "before it began" in found[1].report.reason
    assert [f.report.verdict for f in run_checks(net, names=names, time_limit=600)] == [
        "fails", "holds", "holds",
    ]  # fmt: skip


def test_the_bar_shows_what_a_check_goes_through(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    bar = Progress(shown, "domain")
    monkeypatch.setattr("exactspline.driver.progress._EVERY", 0.0)
    monkeypatch.setattr("exactspline.theory.common.watch._EVERY", 0.0)
    list(run_checks(two_layers(), names=["CNN formula"], before=bar.step, during=bar.within))
    regions = len(es.enumerate_regions(two_layers()))
    assert f"1/1 CNN formula: 3 of {regions} regions" in shown.getvalue()
    bar.within("regions", 5, 0)
    assert "CNN formula: 5 regions" in shown.getvalue()
