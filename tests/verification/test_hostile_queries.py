"""Damaged queries and models end in one of our errors, or in a verdict."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import onnx
import pytest
from marks import first_quick

import exactspline as es
from exactspline.errors import ExactSplineError

TEXT = """(vnnlib-version <2.0>)
(declare-network f
    (declare-input A float32 [1,2])
    (declare-hidden H real [1,2] "%s")
    (declare-output B float32 [1,2]))
(declare-network g (equal-to f)
    (declare-input C float32 [1,2])
    (declare-hidden I real [1,2] "%s")
    (declare-output D float32 [1,2]))
; a comment (
(assert (and (>= A[0,0] 0.0) (<= A[0,0] 1.0) (>= A[0,1] -1.0) (<= A[0,1] 1.0)))
(assert (and (== C[0,0] A[0,0]) (== C[0,1] (- A[0,1] 0.25))))
(assert (or (< B[0,0] (* 2.0 D[0,1])) (!= H[0,1] 0.5)))
"""
TOKENS = [
    "(", ")", "[", "]", "<", ">", "<=", "==", "!=", "and", "or", "0.1", "-1", "9" * 20, "A[0,0]",
    "A", "B[7]", '"', ";", "real", "float32", "flot32", "complex64", "string", "equal-to",
    "isomorphic-to", "declare-hidden", "assert", "-", "*", "+", "1e5", "f", "g", "h", "[]", "2.0",
    "\n", "\0", "é", "1" + "0" * 5000, "0." + "0" * 30000 + "1", "(and " * 2000,
]  # fmt: skip


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with a model, and the query."""
    monkeypatch.chdir(tmp_path)
    es.Network([es.Dense([[1, -1], [1, 1]]), es.ReLU()], (2,)).to_onnx("f.onnx")
    made = onnx.load("f.onnx").graph.node[0].output[0]
    return tmp_path, TEXT % (made, made)


def asked():
    try:
        return es.verify_query("q.vnnlib", {"f": "f.onnx"}, time_limit=5).verdict
    except ExactSplineError as error:
        said = str(error)
    assert "\n" not in said
    return "error"


@pytest.mark.parametrize("block", first_quick(range(6)))
def test_damaged_queries(files, block):
    folder, text = files
    rng, seen = random.Random(block), set()
    (folder / "q.vnnlib").write_text(text)
    assert asked() == "sat"
    for _ in range(150):
        damaged = text
        for _ in range(rng.randint(1, 2)):
            words = damaged.split(" ")
            i = rng.randrange(len(words))
            kind = rng.random()
            if kind < 0.4:
                words[i] = rng.choice(TOKENS)
            elif kind < 0.7:
                words.insert(i, rng.choice(TOKENS))
            else:
                del words[i : i + rng.randint(1, 3)]
            damaged = " ".join(words)
        (folder / "q.vnnlib").write_text(damaged)
        seen.add(asked())
    assert {"error", "sat"} <= seen


@pytest.mark.parametrize("block", first_quick(range(4)))
def test_damaged_models(files, block):
    folder, text = files
    rng, seen = random.Random(block), set()
    (folder / "q.vnnlib").write_text(text)
    whole = (folder / "f.onnx").read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 3)):
            i = rng.randrange(len(damaged))
            if rng.random() < 0.7:
                damaged[i] = rng.randrange(256)
            else:
                del damaged[i : i + rng.randint(1, 6)]
        (folder / "f.onnx").write_bytes(damaged)
        seen.add(asked())
    assert {"error", "sat"} <= seen


@pytest.mark.slow
def test_an_interrupt_ends_a_table(tmp_path):
    rng = np.random.default_rng(8)

    def weights(*shape):
        return rng.integers(-9, 10, shape) / 16

    layers = [es.Dense(weights(60, 6), weights(60)), es.ReLU()]
    for _ in range(2):
        layers += [es.Dense(weights(60, 60), weights(60)), es.ReLU()]
    net = es.Network([*layers, es.Dense(weights(1, 60), weights(1))], (6,))
    net.to_onnx(tmp_path / "f.onnx")
    most = net.forward(rng.uniform(-1, 1, (5000, 6))).max()
    bounds = " ".join(f"(>= A[{i}] -1.0) (<= A[{i}] 1.0)" for i in range(6))
    (tmp_path / "q.vnnlib").write_text(
        "(vnnlib-version <2.0>)"
        "(declare-network f (declare-input A real [6]) (declare-output B real [1]))"
        f"(assert (and {bounds})) (assert (> B[0] {1.5 * most:.3f}))"
    )
    (tmp_path / "t.csv").write_text("f.onnx,q.vnnlib,100\n" * 2)
    words = ["verify", "--instances", "t.csv", "--out", "r.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "exactspline", *words], cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not (tmp_path / "r.csv").exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert (tmp_path / "r.csv").read_text().count("\n") == 1  # the columns alone
