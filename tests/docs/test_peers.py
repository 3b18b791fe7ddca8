"""What other packages answered: the record is of the networks as they are, and ours is proved."""

from __future__ import annotations

import itertools
import json
import runpy
import sys
from fractions import Fraction

import pytest
from folders import ROOT

import exactspline as es

RECORD = json.loads((ROOT / "benchmarks" / "peers.json").read_text(encoding="utf-8"))
KNOWN = {"resonance, n = 3": 32, "resonance, n = 4": 370, "threshold, n = 3": 104}  # OEIS


@pytest.fixture(name="cases", scope="module")
def _cases():
    """benchmarks/degenerate.py, as the script finds it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        patch.delitem(sys.modules, "degenerate", raising=False)
        import degenerate

        return {case.name: case for case in degenerate.cases()}


def lines(case):
    """Units of one layer as lines of the plane, each once, in fractions."""
    ((w, b),) = case.layers
    found = set()
    for row in (
        [*map(Fraction, weights), Fraction(bias)] for weights, bias in zip(w, b, strict=True)
    ):
        lead = next((v for v in row[:2] if v), None)
        if lead is not None:
            found.add(tuple(v / lead for v in row))
    return found


def regions_of_lines(found):
    """1 + lines + (lines through a point - 1), over all points where some meet."""
    through = {}
    for (a, b, c), (d, e, f) in itertools.combinations(found, 2):
        if a * e != b * d:
            det = a * e - b * d
            point = (b * f - c * e) / det, (c * d - a * f) / det
            through.setdefault(point, set()).update([(a, b, c), (d, e, f)])
    return 1 + len(found) + sum(len(lines) - 1 for lines in through.values())


def test_the_record_is_of_these_networks(cases):
    rows = {row["name"]: row for row in RECORD["degenerate"]["rows"]}
    assert list(rows) == list(cases)
    for name, case in cases.items():
        stored = [
            [[float.fromhex(v) for v in row] if isinstance(row, list) else float.fromhex(row)
             for row in array] for pair in rows[name]["layers"] for array in pair
        ]  # fmt: skip
        assert stored == [array.tolist() for pair in case.layers for array in pair], name


def test_our_counts_of_lines_are_those_of_the_formula(cases):
    checked = 0
    for row in RECORD["degenerate"]["rows"]:
        case = cases[row["name"]]
        if case.dim == 2 and len(case.layers) == 1:
            assert row["space"] == regions_of_lines(lines(case)), row["name"]
            checked += 1
        elif row["name"] in KNOWN:
            assert row["space"] == KNOWN[row["name"]]
            checked += 1
    assert checked >= 12


def test_our_counts_are_proved_again(cases):
    for row in RECORD["degenerate"]["rows"]:
        case = cases[row["name"]]
        ops = [op for w, b in case.layers for op in (es.Dense(w, b), es.ReLU())]
        net = es.Network(ops, (case.dim,))
        assert es.count_regions(net) == row["space"], row["name"]
        assert es.count_regions(net, es.Box(-1, 1, dim=case.dim)) == row["box"], row["name"]


def test_the_page_shows_the_record():
    page = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
    tables = runpy.run_path(str(ROOT / "docs" / "tables.py"))
    assert page == tables["peers_page"](page), "run: python docs/tables.py"
    for part in ("rates", "degenerate", "samples"):
        for name, about in RECORD[part]["peers"].items():
            assert f"{name} {about['version']}" in page
