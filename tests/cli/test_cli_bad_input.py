"""What is wrong with the input is one line, and trouble with the machine is told."""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest
from command_line import command, one_error_line


# ------------------------------------------------------------------------- bad input
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--"], "COMMAND"),
        (["frobnicate"], "invalid choice"),
        (["count"], "NETWORK"),
        (["count", "small.npz", "--frob"], "--frob"),
        (["count", "small.npz", "--lim", "3"], "--lim"),
        (["count", "missing.onnx"], "missing.onnx: cannot be read"),
        (["count", "."], "extension"),
        (["count", "one.vnnlib"], "extension"),
        (["count", "small.npz", "--box", "-1"], "expected 2 arguments"),
        (["count", "small.npz", "--box", "-1", "--json"], "expected 2 arguments"),
        (["count", "small.npz", "--box", "1", "-1"], "low 1 > high -1"),
        (["count", "small.npz", "--box", "inf", "inf"], "low of coordinate 0 is inf"),
        (["count", "small.npz", "--box", "-inf", "-inf"], "high of coordinate 0 is -inf"),
        (["count", "small.npz", "--box", "nan", "1"], "nan"),
        (["count", "small.npz", "--box", "-x", "1"], "'-x' is not a finite number"),
        (["count", "small.npz", "--box", "1,2,3", "4"], "3 entries"),
        (["count", "small.npz", "--box", "1,,2", "4"], "empty entry"),
        (["count", "small.npz", "--box", "1/0", "4"], "divides by zero"),
        (["count", "small.npz", "--box", "0", "1e999999999"], "exponent"),
        (["count", "small.npz", "--box", "0", "1" * 20001], "too long"),
        (["count", "small.npz", "--box", "0", "missing.npy"], "missing.npy: cannot be read"),
        (["count", "small.npz", "--box", "0", "1", "--domain", "domain.json"], "not allowed"),
        (["count", "small.npz", "--vnnlib", "missing.vnnlib"], "cannot be read"),
        (["count", "small.npz", "--vnnlib", "domain.json"], "domain.json"),
        (["count", "small.npz", "--domain", "one.vnnlib"], "one.vnnlib"),
        (["count", "large.npz", "--vnnlib", "one.vnnlib"], "the network has 8"),
        (["count", "large.npz", "--domain", "domain.json"], "R^2"),
        (["count", "small.npz", "--limit", "0"], "--limit"),
        (["count", "small.npz", "--limit", "-5"], "--limit"),
        (["count", "small.npz", "--limit", "many"], "--limit"),
        (["count", "small.npz", "--time-limit", "nan"], "--time-limit"),
        (["count", "small.npz", "--time-limit=-1"], "--time-limit"),
        (["count", "small.npz", "--engine", "gpu"], "--engine"),
        (["info", "missing.npz"], "missing.npz"),
        (["info", "small.npz", "--box", "1", "0"], "low 1 > high 0"),
    ],
)
def test_bad_input_is_one_line(run, arguments, text):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert text in one_error_line(err)


def test_empty_polytope(run, files):
    (files / "empty.json").write_text('{"type": "polytope", "G": [[1, 0], [-1, 0]], "h": [0, -1]}')
    code, out, err = run("count", "small.npz", "--domain", "empty.json")
    assert (code, out) == (2, "")
    assert "empty" in one_error_line(err)


@pytest.mark.parametrize(
    ("name", "make", "text"),
    [
        ("text.npy", lambda p: p.write_text("hello"), "is no .npy file"),
        ("nothing.npy", lambda p: p.write_bytes(b""), "is no .npy file"),
        (
            "pickled.npy",
            lambda p: np.save(p, np.array([{"a": 1}], dtype=object), allow_pickle=True),
            "type object",
        ),
        ("complex.npy", lambda p: np.save(p, np.array([1j, 2])), "type complex128"),
        ("nan.npy", lambda p: np.save(p, np.array([0, np.nan])), "nan"),
        ("three.npy", lambda p: np.save(p, np.zeros(3)), "3 entries"),
        ("shape.npy", lambda p: np.save(p, np.zeros((2, 2))), "4 entries"),
    ],
)
def test_bad_npy_files(run, files, name, make, text):
    make(files / name)
    code, out, err = run("count", "small.npz", "--box", name, "inf")
    assert (code, out) == (2, "")
    assert text in one_error_line(err)


def test_npy_header_that_lies(run, files):
    data = bytearray((files / "low.npy").read_bytes())
    (files / "short.npy").write_bytes(data[:-3])
    at = data.index(b"(2,)")
    data[at : at + 4] = b"(9e9"[:4]
    (files / "lies.npy").write_bytes(data)
    huge = (files / "low.npy").read_bytes().replace(b"(2,), }    ", b"(2000000,), ", 1)
    (files / "huge.npy").write_bytes(huge)
    for name in ("short.npy", "lies.npy", "huge.npy"):
        code, out, err = run("count", "small.npz", "--box", name, "inf")
        assert (code, out) == (2, "")
        assert name in one_error_line(err)


def test_truncated_networks(run, files):
    for name in ("small.npz", "third.json"):
        data = (files / name).read_bytes()
        for cut in range(0, len(data) - 2, max(1, len(data) // 20)):
            path = files / f"cut-{name}"
            path.write_bytes(data[:cut])
            code, out, err = run("count", path.name)
            assert (code, out) == (2, "")
            assert path.name in one_error_line(err)


def test_names_with_newlines_and_strange_bytes(run, files):
    name = "a\nb\udcff.npz"
    code, out, err = run("count", name)
    assert (code, out) == (2, "")
    one_error_line(err)
    os.symlink("small.npz", name)
    try:
        code, out, _ = run("count", name, "--json")
        assert (code, json.loads(out)["regions"]) == (0, 7)
        code, out, _ = run("info", name)
        assert code == 0
        for encoding in ("ascii", "utf-8"):
            result = subprocess.run(
                command("info", name), cwd=files, capture_output=True, check=False,
                env={**os.environ, "PYTHONIOENCODING": encoding},
            )  # fmt: skip
            assert (result.returncode, result.stderr) == (0, b"")
    finally:
        os.unlink(name)


def test_unexpected_errors_are_not_hidden(run, monkeypatch):
    def load(path, **options):
        raise RuntimeError("a defect")

    monkeypatch.setattr("exactspline.cli.networks.load", load)
    with pytest.raises(RuntimeError, match="a defect"):
        run("count", "small.npz")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), MemoryError()])
def test_trouble_with_the_machine(run, monkeypatch, error):
    def load(path, **options):
        raise error

    monkeypatch.setattr("exactspline.cli.networks.load", load)
    code, out, err = run("count", "small.npz")
    assert (code, out) == (2, "")
    one_error_line(err)
