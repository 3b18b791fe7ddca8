"""docs/contributing.md: its files, put into a copy of the package, work as the page says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from folders import ROOT

import exactspline as es

PACKAGE = Path(es.__file__).parent
PAGE = ROOT / "docs" / "contributing.md"
TESTS = next(p for p in Path(__file__).resolve().parents if p.name == "tests")


def files() -> dict[str, str]:
    """The files that the page shows, by their paths."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^`([\w/.]+)`:\n\n```python\n(.*?)^```$", text, re.M | re.S)
    assert len(found) == text.count("```python") == 6
    return dict(found)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package with the page's files in it, one a kind and nothing else changed."""
    folder = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(PACKAGE, folder / "exactspline", ignore=ignored)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=ignored)
    shutil.copytree(TESTS, folder / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, text in files().items():
        path = folder / name
        assert path.parent.is_dir()
        assert not path.exists(), f"{name} is there already"
        path.write_text(text, encoding="utf-8")
    return folder


def run(copy, *command):
    """A command in the copy; its output."""
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=copy, env=environment
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_operator(copy):
    out = run(copy, "-c", """
import numpy as np, tempfile, os
import exactspline as es, exactspline.network as nw
assert es.SoftShrink in nw.OPERATORS and "SoftShrink" in es.__all__ and "SoftShrink" in nw.__all__
net = es.Network([es.Dense([[1, 0], [0, 1]]), es.SoftShrink("1/3"), es.Dense([[1, 1]]), es.ReLU()],
                 (2,))
print(int(es.count_regions(net, engine="rational")))
print(es.SoftShrink(1).as_aso((1,)).A.tolist(), es.SoftShrink(0).as_maso((1,)).A.tolist())
folder = tempfile.mkdtemp()
net.save(os.path.join(folder, "net.json"))
again = es.load(os.path.join(folder, "net.json"))
print(again.operators[1].threshold, again.forward([1, -2], exact=True).tolist())
es.Network([es.SoftShrink(0.5)], (2,)).to_onnx(os.path.join(folder, "net.onnx"))
print(es.load(os.path.join(folder, "net.onnx")).forward([-2.0, 1.0], exact=True).tolist())
from onnx import TensorProto, helper, save
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2]) for name in "xy"]
node = helper.make_node("SoftThreshold", ["x"], ["y"], domain="org.example", threshold=0.75)
ids = [helper.make_opsetid("", 17), helper.make_opsetid("org.example", 1)]
graph = helper.make_graph([node], "g", values[:1], values[1:])
save(helper.make_model(graph, opset_imports=ids, ir_version=9), os.path.join(folder, "own.onnx"))
print(es.load(os.path.join(folder, "own.onnx")).operators[0].threshold)
""")  # fmt: skip
    # 9 cells; the last unit bends the 2 where both inputs count with opposite signs (the 7
    # others it leaves alone: one sign, or zero)
    assert out.splitlines() == [
        "11", "[[[1.0], [0.0], [1.0]]] [[[1.0]]]", "1/3 [Fraction(0, 1)]",
        "[Fraction(-3, 2), Fraction(1, 2)]", "3/4",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_table_of_operators(copy):
    run(copy, "docs/tables.py")
    assert "| `SoftShrink` | `threshold`=1/2 (a number) |" in (
        copy / "docs" / "formats.md"
    ).read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_operator_goes_through_the_tests(copy):
    run(copy, "docs/tables.py")
    reads = re.compile(r"^(import|from) (operator_cases|onnx_cases|exactspline.network)\b", re.M)
    files = [
        str(path)
        for path in sorted((copy / "tests").rglob("test_*.py"))
        if reads.search(path.read_text(encoding="utf-8"))
    ]
    assert len(files) >= 6
    words = (
        "SoftShrink or shrink or documented or has_a_sample or is_written or every_registered or "
        "names_of_operators or has_cases"
    )
    out = run(
        copy, "-m", "pytest", "-o", "addopts=", "-v", "-p", "no:cacheprovider", "-k", words, *files
    )
    passed = re.findall(r"::(\S+) PASSED", out)
    assert sum("SoftShrink" in name or "[shrink]" in name for name in passed) >= 10
    assert {"test_every_operator_is_documented", "test_every_operator_is_written"} <= set(passed)
    assert "skipped" not in out.splitlines()[-1]


@pytest.mark.slow
def test_the_check(copy):
    out = run(copy, "-c", """
import exactspline as es
from exactspline import theory
names = list(theory.CHECKS)
print(names.index("continuity") - names.index("piecewise affine"), theory.check_continuity.__name__)
net = es.Network([es.Dense([[1, 2], [1, -1]]), es.ReLU(), es.Dense([[1, 1]])], (2,))
report = theory.check_continuity(net)
print(report.verdict, report.checked)
net.save("net.json")
""")  # fmt: skip
    place, verdict = out.splitlines()
    assert place == "-1 check_continuity"
    assert verdict == "holds 4"
    main = "from exactspline.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    shown = run(copy, "-c", main, "theorems", "net.json", "--check", "continuity")
    assert re.search(r"continuity +holds +exact +4 facets", shown)


def test_the_format(copy):
    (copy / "net.rows").write_text("1 -1/3 | 0\n0 1 | -0.1\nrelu\n1 1 | 0\n")
    (copy / "bad.rows").write_text("1 2 | 0\n1 | 0\n")
    out = run(copy, "-c", """
import exactspline as es
net = es.load("net.rows")
print(net.operators, net.forward([1, 2], exact=True).tolist())
for name in ("bad.rows", "net.h5"):
    try:
        es.load(name)
    except es.FormatError as error:
        print(error)
from exactspline.cli import main
main(["count", "--help"])
""")  # fmt: skip
    lines = out.splitlines()
    assert lines[0] == "(<Dense 2 -> 2>, <ReLU>, <Dense 2 -> 1>) [Fraction(67, 30)]"
    assert lines[1] == "bad.rows: line 2: is no row of weights, a bar and a bias"
    assert lines[2].endswith("from .json, .nnet, .npz, .onnx, .pt2 and .rows files")
    assert ".rows" in " ".join(lines[3:])


def test_the_engine(copy):
    out = run(copy, "-c", """
import random
import numpy as np
import exactspline as es
from exactspline.search.choice import engine_names
from exactspline.search.part import Part
from exactspline.search.run import Run
assert engine_names() == ("plane", "kernel", "highs", "brute", "rational")
rng = random.Random(5)
for size in (1, 2, 3):
    for domain in (None, es.Box([-1, "-1/3"], [1, 2])):
        net = es.Network([
            es.Dense([[rng.randint(-2, 2), rng.randint(-2, 2)] for _ in range(size)],
                     [rng.randint(-1, 1) for _ in range(size)]),
            es.ReLU(), es.Dense([[rng.randint(-2, 2) for _ in range(size)]] * 2), es.ReLU(),
            es.ReduceMax(),
        ], (2,))
        a, b = (es.enumerate_regions(net, domain, engine=e) for e in ("brute", "rational"))
        assert a.codes.tolist() == b.codes.tolist() and len(a) > 0
        assert a.engine == "brute" and a.decisions.rational >= len(a)
        for i in range(len(a)):
            assert es.regions_at(net, a.witness(i), domain)[0].code.tolist() == a.codes[i].tolist()
        # stopped after a region, what remains is the rest; a part is searched alone
        where = domain or es.WholeSpace(2)
        run = Run(net.program, where, engine="brute", max_regions=1)
        first = [c for batch in run.batches() for c in batch.codes.tolist()]
        rest = [
            c for part in run.remaining()
            for batch in Run(net.program, where, engine="brute", part=part).batches()
            for c in batch.codes.tolist()
        ]
        assert first + rest == b.codes.tolist()
        graphs = [es.enumerate_regions(net, domain, engine=e, graph=True)
                  for e in ("brute", "rational")]
        assert graphs[0].edges.source.tolist() == graphs[1].edges.source.tolist()
        print(len(a))
from exactspline.cli import main
net.save("small.json")
main(["count", "small.json", "--engine", "brute"])
""")  # fmt: skip
    assert "every code, one by one" in out
    counts = [int(line) for line in out.splitlines() if line.isdigit()]
    assert len(counts) == 6
    assert max(counts) > 4
