"""Kernels of the search need nothing of Numba's runtime, and are loaded without starting it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import exactspline as es
from exactspline.kernels import inside_is_known

FRESH = """
import exactspline as es
net = es.Network([es.Dense([[1, 0], [0, 1], [1, 1]], [0, 0, -1]), es.ReLU(), es.Maxout(3)], (2,))
def found():
    return int(es.count_regions(net)), len(es.enumerate_regions(net, graph=True).edges)
print(found())
from numba.core.runtime import rtsys
print(rtsys._init)
import numba, numpy
print(numba.njit(lambda x: (x * x).sum())(numpy.arange(4.0)))  # compiled as ever
print(es.forward(net, [[1.0, 2.0]]).tolist())  # kernels that do need it
print(found())
"""


@pytest.mark.slow
def test_code_is_loaded_without_numbas_runtime():
    """In a new process, whose kernels come from the cache: the process before has filled it."""
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        first, started, compiled, value, again = done.stdout.splitlines()
    assert started == str(not inside_is_known())
    assert (compiled, value) == ("14.0", "[[2.0]]")
    assert first == again
    rows = es.Dense([[1, 0], [0, 1], [1, 1]], [0, 0, -1])
    net = es.Network([rows, es.ReLU(), es.Maxout(3)], (2,))
    exact = es.enumerate_regions(net, engine="rational", graph=True)
    assert first == str((len(exact), len(exact.edges)))
