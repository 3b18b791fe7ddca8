"""Blocks of arrays: what kernels see of them, what they refuse, and that tuples do as well."""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys

import llvmlite
import numba as nb
import numpy as np
import pytest
from kernel_blocks import filled

import exactspline as es
from exactspline import kernels
from exactspline.errors import UndecidedError
from exactspline.search.kernel.block import Block, Flags, Floats, FloatTable, Ints, given


class Inner(Block):
    """A group of two."""

    values: Floats
    table: FloatTable


class Outer(Block):
    """A group with a group."""

    count: Ints
    inner: Inner
    flags: Flags


def outer(n: int = 3) -> Outer:
    table = np.arange(2.0 * n).reshape(2, n)
    inner = Inner(values=np.arange(float(n)), table=table)
    return Outer(count=np.array([n]), inner=inner, flags=np.array([True, False]))


@nb.njit
def read(S):
    """Everything that is there, in one number; the first entry is counted up."""
    total = 0.0
    for i in range(S.count[0]):
        total += S.inner.values[i]
    rows, columns = S.inner.table.shape
    for i in range(rows):
        for j in range(columns):
            total += 10.0 * S.inner.table[i, j]
    for flag in S.flags:
        total += 1000.0 if flag else 0.0
    S.inner.values[0] += 1.0
    return total


def test_a_kernel_reads_and_writes():
    S = outer()
    assert read(given(S)) == 3 + 10 * 15 + 1000
    assert S.inner.values[0] == 1
    assert read(given(S)) == 4 + 10 * 15 + 1000


def test_one_like_another_shares_all_but_what_is_given():
    S = outer()
    other = S.like(flags=np.array([True]))
    S.inner.values[0] = 7.0
    assert read(given(other)) == 10 + 10 * 15 + 1000
    other.count = np.array([1])
    assert (S.count[0], len(S.flags)) == (3, 2)
    assert read(given(S)) == 11 + 10 * 15 + 1000
    assert read(given(other)) == 9 + 10 * 15 + 1000
    with pytest.raises(UndecidedError, match="flags"):
        S.like(flags=np.zeros(2))


def test_what_is_assigned_takes_the_place():
    S = outer()
    S.inner.values = np.full(5, 2.0)
    S.count[0] = 5
    gc.collect()  # nothing keeps the old ones, and the block the new ones
    assert read(given(S)) == 10 + 10 * 15 + 1000
    S.inner.table = np.ones((4, 4))
    S.flags = np.ones(3, dtype=np.bool_)
    gc.collect()
    assert read(given(S)) == 11 + 10 * 16 + 3000
    S.inner = Inner(values=np.zeros(5), table=np.zeros((0, 3)))
    gc.collect()
    assert read(given(S)) == 3000


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros(4, dtype=np.float32), np.zeros((2, 2)), np.zeros(8)[::2], [1.0, 2.0], None,
        np.zeros(2, dtype=np.int64), outer(),
    ],
    ids=["float32", "two dimensions", "with gaps", "list", "none", "integers", "block"],
)  # fmt: skip
def test_another_array_is_refused(wrong):
    S = outer()
    with pytest.raises(UndecidedError, match=r"Inner: values .* report it"):
        S.inner.values = wrong
    with pytest.raises(UndecidedError, match="Inner"):
        Inner(values=wrong, table=np.zeros((1, 1)))
    assert read(given(S)) == 3 + 10 * 15 + 1000


def test_every_name_and_no_other():
    with pytest.raises(UndecidedError, match="table"):
        Inner(values=np.zeros(1))
    with pytest.raises(UndecidedError, match="extra"):
        Inner(values=np.zeros(1), table=np.zeros((1, 1)), extra=np.zeros(1))
    with pytest.raises(UndecidedError, match="count"):
        outer().inner.count = np.zeros(1)
    with pytest.raises(UndecidedError, match="inner"):
        outer().inner = outer()


def test_named_tuples_are_named_on_disk():
    """Numba pickles the types of compiled kernels."""
    S = outer().plain()
    again = pickle.loads(pickle.dumps(S))
    assert type(again) is Outer.plain_type
    assert type(again.inner) is Inner.plain_type
    assert again._fields == ("count", "inner", "flags")
    assert read(S) == 3 + 10 * 15 + 1000


def test_an_empty_block():
    S = filled(Outer, count=[0])
    assert read(given(filled(Outer, count=[1], inner={"values": [7.0]}))) == 7
    assert S.inner.table.shape == (0, 0)


def test_only_known_versions_are_trusted(monkeypatch):
    monkeypatch.delenv("EXACTSPLINE_PLAIN_KERNELS", raising=False)
    monkeypatch.setattr(kernels.nb, "__version__", f"{kernels.KNOWN_NUMBA[0]}.7")
    monkeypatch.setattr(llvmlite, "__version__", f"{kernels.KNOWN_LLVMLITE[0]}.7")
    assert kernels.inside_is_known()
    monkeypatch.setenv("EXACTSPLINE_PLAIN_KERNELS", "1")
    assert not kernels.inside_is_known()
    monkeypatch.setenv("EXACTSPLINE_PLAIN_KERNELS", "0")
    assert kernels.inside_is_known()
    monkeypatch.setattr(kernels.nb, "__version__", "99.1.0")
    assert not kernels.inside_is_known()
    monkeypatch.setattr(kernels.nb, "__version__", f"{kernels.KNOWN_NUMBA[0]}.7")
    monkeypatch.setattr(llvmlite, "__version__", "99.1.0")
    assert not kernels.inside_is_known()


SEARCHES = """
import hashlib
import numpy as np
import exactspline as es
from exactspline.search.kernel.block import BY_POINTER

rng = np.random.default_rng(0)
W, b = [rng.normal(size=s) for s in ((6, 2), (4, 6))], [rng.normal(size=6), rng.normal(size=4)]
relu = es.Network([es.Dense(W[0], b[0]), es.ReLU(), es.Dense(W[1], b[1]), es.ReLU()], (2,))
maxima = es.Network([es.Dense(W[0], b[0]), es.Maxout(3)], (2,))
fan = es.Network([es.Dense([[1, 2], [3, -1], [1, 1]]), es.ReLU(), es.Dense([[1, -1, 2]])], (2,))
for net in (relu, maxima, fan):
    for domain in (es.Box([-2, -2], [2, 2]), es.WholeSpace(2)):
        omega = es.enumerate_regions(net, domain, engine="kernel")
        edges = omega.edges
        parts = omega.codes, edges.source, edges.target, edges.form
        digest = hashlib.sha256(b"".join(np.ascontiguousarray(p).tobytes() for p in parts))
        print(int(es.count_regions(net, domain, engine="kernel")), len(omega), len(edges),
              digest.hexdigest(), omega.decisions)
print("pointers" if BY_POINTER else "tuples")
"""


@pytest.mark.slow
def test_both_ways_find_the_same():
    """Regions, edges, their order and the counts of proofs: by pointers and by named tuples.

    With named tuples the kernels run as plain functions: to compile them takes very long.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    said = {}
    for plain in ("0", "1"):
        env = {**os.environ, "PYTHONPATH": path, "EXACTSPLINE_PLAIN_KERNELS": plain}
        env["NUMBA_DISABLE_JIT"] = plain
        done = subprocess.run(
            [sys.executable, "-c", SEARCHES], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        *said[plain], how = done.stdout.splitlines()
        assert how == "tuples" if plain == "1" else how in ("pointers", "tuples")
    assert said["0"] == said["1"]
    assert len(said["0"]) == 6
    assert not any(line.startswith("0 ") for line in said["0"])


def test_a_kernel_can_be_called_from_python():
    """Also one that others are compiled with: it is compiled by itself then."""
    from exactspline.search.kernel.certificates import gamma

    assert gamma(2) == gamma.py_func(2) == 10 * 1.2e-16
    assert int(es.count_regions(es.Network([es.Dense([[1]]), es.ReLU()], (1,)))) == 2
