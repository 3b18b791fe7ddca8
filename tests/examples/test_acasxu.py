"""What the gallery shows of ACAS Xu: made by its script, and true of the networks."""

from __future__ import annotations

import csv
import importlib.util
import json
import re

import pytest
from folders import ACAS, EXAMPLES, NETWORKS
from PIL import Image

HERE = EXAMPLES / "acasxu"
RECORDED = json.loads((HERE / "recorded.json").read_text(encoding="utf-8"))
ROWS = RECORDED["rows"]
KNOWN = {("1_1", 3): 71_930, ("1_1", 4): 19_143, ("2_3", 3): 10_694}


@pytest.fixture(name="script", scope="module")
def _script():
    spec = importlib.util.spec_from_file_location("acasxu_record", HERE / "record.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_record_says_when_and_where():
    made = RECORDED["made"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", made["date"])
    assert made["machine"]
    assert made["command"].startswith("python examples/acasxu/record.py")
    assert Image.open(HERE / "advisories.png").size[0] > 600


def test_the_record_agrees_with_others():
    """Counts that are known, verdicts of the competition's tools, and with itself."""
    verdicts = {}
    for row in ROWS:
        key = row["network"], row["property"]
        if row["complete"]:
            assert KNOWN.get(key, row["regions"]) == row["regions"]
            assert sum(row["neighbours"].values()) == row["regions"]
            ends = sum(int(degree) * n for degree, n in row["neighbours"].items())
            assert ends == 2 * row["edges"]
            assert row["regions"] >= row["linear"] >= row["pieces"] > 0
            assert row["dimension"] == (4 if row["property"] == 4 else 5)
        if "verdict" in row:
            verdicts[key] = row["verdict"]
    with (NETWORKS / "verdicts_2022.csv").open(encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            if line["benchmark"] == "acasxu":
                name = re.findall(r"_(\d_\d)_", line["onnx"])[0]
                key = name, int(re.findall(r"\d+", line["vnnlib"])[0])
                assert verdicts[key] in (line["verdict"], "timeout"), key
    (flat,) = (row for row in ROWS if (row["network"], row["property"]) == ("4_5", 10))
    assert flat["pieces"] == 1  # as the page says
    assert list(verdicts.values()).count("timeout") < 4
    assert len(verdicts) == 53


def test_counterexamples_are_some(script):
    """Each is in the property's box and breaks it, by an exact forward pass."""
    import exactspline as es

    found = [row for row in ROWS if row.get("verdict") == "sat" and row["property"] in (2, 3, 4)]
    assert len(found) > 5
    for row in found:
        net = es.load(NETWORKS / ACAS.format(row["network"]))
        y = net.forward(row["input"], exact=True).ravel()
        if row["property"] == 2:
            assert y[0] == max(y)
        else:
            assert y[0] == min(y)


def test_the_script(script, tmp_path, monkeypatch):
    """On the smallest of the networks it finds what was recorded."""
    folder = tmp_path / "networks"
    folder.mkdir()
    for name in ("ACASXU_run2a_5_7_batch_2000.onnx", "prop_3.vnnlib", "prop_4.vnnlib"):
        (folder / name).symlink_to(NETWORKS / "acasxu" / name)
    out = tmp_path / "found.json"
    script.main([str(folder), "--out", str(out), "--limit", "100"])
    found = json.loads(out.read_text())["rows"]
    small, large = found
    (known,) = (r for r in ROWS if (r["network"], r["property"]) == ("5_7", 3))
    timed = ("seconds", "verdict_seconds")
    assert {k: v for k, v in small.items() if k not in timed} == {
        k: v for k, v in known.items() if k not in timed
    }
    assert not large["complete"]
    assert large["regions"] == 100
    with pytest.raises(SystemExit, match="no network"):
        script.main([str(tmp_path), "--out", str(out)])
