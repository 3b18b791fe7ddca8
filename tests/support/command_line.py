"""What tests of the command line start, read and feed it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import numpy as np

# two boxes that overlap: one result each
TWO_BOXES = """\
(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)
(assert (or (and (>= X_0 -1) (<= X_0 0.1) (>= X_1 -1) (<= X_1 1))
            (and (>= X_0 0) (<= X_0 1) (>= X_1 -1) (<= X_1 1))))
"""


def command(*arguments: str) -> list[str]:
    """The command line as a process of its own."""
    return [sys.executable, "-m", "exactspline", *arguments]


def with_signals() -> None:
    """A test runner in the background may have had Ctrl-C switched off; a person has not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def one_error_line(err: str) -> str:
    """What was written on standard error is one line of ours; that line."""
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("exactspline: error: ")
    assert "Traceback" not in err
    return lines[0]


def write_networks(folder: Path) -> None:
    """``small.npz`` has 7 regions; nobody waits for all of ``large.npz``."""
    small = {"W0": [[1, 0], [0, 1], [1, 1]], "b0": [0, 0, -1], "W1": [[1, 1, 1]], "b1": [0]}
    np.savez(folder / "small.npz", **{k: np.array(v, dtype=float) for k, v in small.items()})
    rng = np.random.default_rng(0)
    large, sizes = {}, [8, 16, 16, 16, 1]
    for i in range(4):
        large[f"W{i}"] = rng.standard_normal((sizes[i + 1], sizes[i]))
        large[f"b{i}"] = rng.standard_normal(sizes[i + 1])
    np.savez(folder / "large.npz", **large)
