"""How numbers, domains and times are written."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import exactspline as es
from exactspline.cli.domains import domain_lines, exact_text
from exactspline.cli.text import big
from exactspline.texts import duration

F = Fraction


# --------------------------------------------------------------------------- wording
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (F(1, 10), "0.1"),
        (F(-1, 3), "-1/3"),
        (F(-5, 4), "-1.25"),
        (F(7), "7"),
        (F(-1, 1000), "-0.001"),
        (F(1, 2**20), "1/1048576"),
        (F(0.1), "3602879701896397/36028797018963968"),
        (F(10**7 + F(1, 2)), "20000001/2"),
        (F(1, 60), "1/60"),
        (None, "inf"),
    ],
)
def test_exact_text(value, text):
    assert exact_text(value) == text
    if value is not None:
        assert F(exact_text(value)) == value


def test_exact_text_is_exact():
    rng = np.random.default_rng(0)
    for p, e in zip(rng.integers(-(10**9), 10**9, 500), rng.integers(0, 20, 500), strict=True):
        value = F(int(p), 10 ** int(e))
        assert F(exact_text(value)) == value


def test_domain_lines():
    assert domain_lines(es.Box([-1, -1, "1/3", 0], [1, 1, "inf", 0])) == [
        "box in R^4 (dimension 3)",
        "x0, x1 in [-1, 1]",
        "x2 in [1/3, inf)",
        "x3 in [0, 0]",
    ]
    assert domain_lines(es.Polytope([[1, -2], ["-1/3", 0], [0, 0]], ["0.5", 0, 1])) == [
        "polytope of 3 inequalities in R^2 (dimension 2)",
        "x0 - 2 x1 <= 0.5",
        "-1/3 x0 <= 0",
        "0 <= 1",
    ]
    slice_ = es.Slice([1, 0, 0], [[1, -1, 0], [0, 2, 0]], es.Box([0, 0], [1, "1/3"]))
    assert domain_lines(slice_) == [
        "2-dimensional slice of R^3 (dimension 2)",
        "t in box in R^2",
        "t0 in [0, 1]",
        "t1 in [0, 1/3]",
        "x0 = 1 + t0",
        "x1 = -t0 + 2 t1",
        "x2 = 0",
    ]
    image = es.Slice(np.zeros(64), np.eye(64)[:2], es.WholeSpace(2))
    assert domain_lines(image)[-2:] == ["x2 = 0", "... and 61 more coordinates (--json has them)"]
    bounded = es.Slice([1, 0], [[1, -1]], es.WholeSpace(1), es.Box([0, 0], [2, 1]))
    assert domain_lines(bounded) == [
        "1-dimensional slice of R^2 (dimension 1)",
        "t in all of R^1",
        "x0 in [0, 2]",
        "x1 in [0, 1]",
        "x0 = 1 + t0",
        "x1 = -t0",
    ]


def test_long_domains_are_cut():
    lines = domain_lines(es.Box(list(range(100)), list(range(1, 101))))
    assert len(lines) == 17
    assert lines[-1] == "... and 85 more lines (--json has them)"
    assert domain_lines(es.Box(0, 1, dim=784))[1] == "x0 ... x783 in [0, 1]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (10**15 - 1, "999,999,999,999,999"),
        (10**15, "1.00e+15"),
        (1234567 * 10**20, "1.24e+26"),
        (10**40 - 1, "1.00e+40"),
    ],
)
def test_big_numbers(value, text):
    assert big(value) == text


def test_numbers_beyond_pythons_digits():
    assert big(2**50000) == "3.17e+15051"


def test_durations():
    assert [duration(s) for s in (0.0123, 9.94, 42, 61, 3723)] == [
        "0.0123 s", "9.94 s", "42.0 s", "1:01 min", "1:02:03",
    ]  # fmt: skip
