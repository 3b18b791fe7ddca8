"""Tables of instances: both versions, several networks, packed files, going on."""

import csv
import gzip
import io

import numpy as np
import pytest

import exactspline as es
from exactspline.cli.main import main
from exactspline.errors import ExactSplineError
from exactspline.verification.instances import COLUMNS, Instance

ONE = (
    "(declare-const X_0 Real) (declare-const Y_0 Real)"
    "(assert (>= X_0 0)) (assert (<= X_0 1)) (assert (>= Y_0 %s))"
)
TWO = (
    "(vnnlib-version <2.0>)"
    "(declare-network f (declare-input A real [1,1]) (declare-output B real [1,1]))"
    "(declare-network g (declare-input C real [1,1]) (declare-output D real [1,1]))"
    "(assert (and (== A[0,0] C[0,0]) (>= A[0,0] 0.0) (<= A[0,0] 1.0) (>= (- D[0,0] B[0,0]) %s)))"
)
PAIRS = "\"[('f', 'nets/a.onnx'), ('g', 'nets/b.onnx')]\""


@pytest.fixture
def folder(tmp_path):
    """A table with networks 2x and 3x, and properties of both versions."""
    (tmp_path / "nets").mkdir()
    for name, factor in (("a", 2), ("b", 3)):
        net = es.Network([es.Dense([[factor]]), es.ReLU()], (1,))
        net.to_onnx(tmp_path / "nets" / f"{name}.onnx")
    packed = (tmp_path / "nets" / "a.onnx").read_bytes()
    (tmp_path / "nets" / "packed.onnx.gz").write_bytes(gzip.compress(packed))
    for text, at in (("2", "sat"), ("2.001", "unsat")):
        (tmp_path / f"{at}1.vnnlib").write_text(ONE % text)
    (tmp_path / "sat2.vnnlib.gz").write_bytes(gzip.compress((TWO % "1.0").encode()))
    (tmp_path / "unsat2.vnnlib").write_text(TWO % "1.001")
    (tmp_path / "one2.vnnlib").write_text(
        "(vnnlib-version <2.0>)"
        "(declare-network h (declare-input A real [1]) (declare-output B real [1]))"
        "(assert (and (<= A[0] 1.0) (>= B[0] 2.0)))"
    )
    (tmp_path / "instances.csv").write_text(
        "nets/a.onnx,sat1.vnnlib,10\n"
        "nets/packed.onnx.gz,unsat1.vnnlib,10\n"
        "nets/packed.onnx,unsat1.vnnlib,10\n"  # as if it were unpacked
        f"{PAIRS},sat2.vnnlib.gz,10\n"
        f"{PAIRS},sat2.vnnlib,10\n"
        f"{PAIRS},unsat2.vnnlib,10.5\n"
        "nets/a.onnx,one2.vnnlib,10\n"
        "nets/a.onnx,unsat2.vnnlib,10\n"  # two networks are declared
        f"{PAIRS},unsat1.vnnlib,10\n"  # of one network
        f"{PAIRS},unsat2.vnnlib,0\n"
    )
    return tmp_path


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


VERDICTS = ["sat", "unsat", "unsat", "sat", "sat", "unsat", "sat", "error", "error"]


def test_a_whole_table(folder, capsys):
    out = folder / "results.csv"
    words = ["verify", "--instances", str(folder / "instances.csv"), "--out", str(out)]
    assert main([*words, "--results", str(folder / "texts")]) == 0
    _, err = capsys.readouterr()
    found = rows(out)
    assert tuple(found[0]) == COLUMNS
    assert [r["verdict"] for r in found] == [*VERDICTS, "timeout"]
    assert found[0]["counterexample"] == "1"
    assert found[3]["onnx"] == "[('f', 'nets/a.onnx'), ('g', 'nets/b.onnx')]"
    assert found[3]["counterexample"] == "A = 1; C = 1"
    assert "declares 2 networks" in err
    assert "is of one network" in err
    texts = {p.name: p.read_text() for p in (folder / "texts").iterdir()}
    assert texts["a-sat1.txt"] == "sat\n((X_0 1.0)\n (Y_0 2.0))\n"
    assert texts["a-b-unsat2.txt"] == "timeout\n"
    assert texts["a-one2.txt"] == "sat\nA real [1]\n1.0\nB real [1]\n2.0\n"


def test_a_table_is_gone_on_with(folder, capsys):
    out = folder / "results.csv"
    words = ["verify", "--instances", str(folder / "instances.csv"), "--out", str(out)]
    assert main(words) == 0
    whole = rows(out)
    lines = out.read_text().splitlines(keepends=True)
    for kept in (3, len(whole) - 1):  # the last line stands twice, with another time
        out.write_text("".join(lines[: kept + 1]) + lines[kept + 1][:20])  # stopped while writing
        capsys.readouterr()
        assert main(words) == 0
        again = rows(out)
        assert [r["verdict"] for r in again] == [r["verdict"] for r in whole]
        assert len(capsys.readouterr().out.splitlines()) == len(whole) - kept
    assert main(words) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "text", ["[('f', 'a.onnx'), ('f', 'b.onnx')]", "[('f', 'a.onnx') 'g']", "[f, a.onnx]", "[",
             "[('f', 'a.onnx'), __import__('os')]"],
)  # fmt: skip
def test_what_is_no_list_of_pairs_is_refused(text):
    with pytest.raises(ExactSplineError, match="no list of pairs"):
        _ = Instance(text, "p.vnnlib", None).networks


def test_packed_files_are_bounded_and_checked(folder, capsys):
    base = folder / "bad.vnnlib.gz"
    net = str(folder / "nets" / "a.onnx")
    for data, says in (
        (b"no gzip", "cannot be unpacked"),
        (gzip.compress(b" " * (1 << 27)), "holds more than"),
        (gzip.compress(ONE.encode() * 99)[:40], "cannot be unpacked"),
    ):
        base.write_bytes(data)
        assert main(["verify", net, str(base)]) == 2
        out, err = capsys.readouterr()
        assert says in err
        assert (out, err.count("\n")) == ("", 1)


def test_a_counterexample_goes_through_onnxruntime(folder, capsys):
    assert main(["verify", str(folder / "nets/a.onnx"), str(folder / "sat1.vnnlib")]) == 0
    out, err = capsys.readouterr()
    assert out == "sat\n((X_0 1.0)\n (Y_0 2.0))\n"
    assert "onnxruntime: Y[0] = 2.0 (exactly 2); with these the formula holds, too" in err
    # 1/3 in float32 times 3 is 1, and not more: what is decided is the real function
    (folder / "tiny.vnnlib").write_text(
        "(declare-const X_0 Real) (declare-const Y_0 Real)"
        "(assert (<= X_0 0.00000000000001)) (assert (> Y_0 (* 1.999999999999999999 X_0)))"
        "(assert (> X_0 0.000000000000009))(assert (>= Y_0 0.00000000000002))"
    )
    assert main(["verify", str(folder / "nets/a.onnx"), str(folder / "tiny.vnnlib")]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("sat\n")
    assert "with these, of float arithmetic, the formula does not hold" in err


def test_a_property_of_version_one_with_a_named_network(folder, capsys):
    words = ["verify", str(folder / "sat1.vnnlib"), "--network", f"N={folder / 'nets/a.onnx'}"]
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("sat\n((X_0 1.0)")


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        return True


def test_a_bar_tells_the_line_on_a_terminal_alone(folder, capsys, monkeypatch):
    rng = np.random.default_rng(2)
    net = es.Network([
        es.Dense(rng.standard_normal((9, 3)), rng.standard_normal(9)), es.ReLU(),
        es.Dense(rng.standard_normal((1, 9))),
    ], (3,))  # fmt: skip
    net.save(folder / "net.json")
    (high,) = (found.high for found in es.output_range(net, es.Box(-1, 1, dim=3)))
    text = "(declare-const Y_0 Real)" + "".join(
        f"(declare-const X_{i} Real) (assert (<= -1 X_{i})) (assert (<= X_{i} 1))" for i in range(3)
    )
    (folder / "high.vnnlib").write_text(f"{text}(assert (> Y_0 {float(high) + 1e-9!r}))")
    (folder / "t.csv").write_text("nets/a.onnx,sat1.vnnlib,10\nnet.json,high.vnnlib,100\n")
    words = ["verify", "--instances", str(folder / "t.csv"), "--order", "canonical"]
    assert main(words) == 0
    assert "\r" not in capsys.readouterr().err
    monkeypatch.setattr("exactspline.driver.progress._EVERY", 0.0)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert main(words) == 0
    assert "2/2 net high" in terminal.getvalue()
    assert terminal.getvalue().endswith(" \r")  # wiped
