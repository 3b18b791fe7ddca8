"""Damaged queries and models end in one of our errors, or in a verdict."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
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
    end = time.monotonic() + 60
    while not (tmp_path / "r.csv").exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert (tmp_path / "r.csv").read_text().count("\n") == 1  # the columns alone
